package admin

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// previewData is what a version would do to who is not on it.
type previewData struct {
	Code, Name string
	Versions   []int64 // that are published, the newest first
	Version    int64
	Customer   string
	Asked      bool
	Faults     faults
	Preview    *api.PlanPreview
	More       string // the address of the next customers; "" if there are none
	MayMove    bool
}

// maxPreviewed is how many customers a page of a preview looks at.
const maxPreviewed = 200

func previewPlan(c *call) (*screen, error) {
	code, q := c.PathValue("code"), c.URL.Query()
	p, err := c.api.Catalog.Plan(c.Context(), code)
	if err != nil {
		return nil, err
	}
	data := &previewData{Code: code, Name: p.Name, Customer: strings.TrimSpace(q.Get("customer")), MayMove: c.may(api.ScopeUpdateCatalog)}
	data.Versions = publishedVersions(p)
	if data.Version, err = number(q, "version"); err != nil {
		return nil, err
	}
	shown := &screen{template: "plan-preview", title: "Preview " + p.Name, at: plansPath, data: data}
	if data.Asked = q.Has("version") || q.Has("customer"); !data.Asked {
		return shown, nil
	}
	body := api.PreviewPlanRequest{All: data.Customer == "", After: q.Get("after")}
	if data.Version > 0 {
		body.Version = &data.Version
	}
	if body.All {
		body.Limit = maxPreviewed
	} else {
		nameCustomer(data.Customer, &body)
		body.After = ""
	}
	data.Preview, err = c.api.Plans.Preview(c.Context(), code, body)
	if wrong, ok := faultsOf(err, "customer", "version"); ok {
		data.Faults, shown.status = wrong, 400
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	data.Version = data.Preview.Version
	if data.Preview.HasMore {
		next := url.Values{"version": {strconv.FormatInt(data.Version, 10)}, "after": {data.Preview.After}}
		data.More = planPath(code) + "/preview?" + next.Encode()
	}
	return shown, nil
}

// nameCustomer names a customer as people write it: by its id, or org_code:CODE, user_id:ID,
// external_id:ID, as in the API's own addresses.
func nameCustomer(text string, body *api.PreviewPlanRequest) {
	kind, name, named := strings.Cut(text, ":")
	switch {
	case named && kind == "org_code":
		body.OrgCode = name
	case named && kind == "user_id":
		body.UserID = name
	case named && kind == "external_id":
		body.ExternalID = name
	default:
		body.CustomerID = text
	}
}

// publishedVersions are those that customers can be on, the newest first.
func publishedVersions(p *api.PlanDetail) (numbers []int64) {
	for i := len(p.Versions) - 1; i >= 0; i-- {
		if p.Versions[i].Status == api.PlanPublished {
			numbers = append(numbers, p.Versions[i].Version)
		}
	}
	return numbers
}

// number is a field's whole number above 0; 0 if the field is empty.
func number(q url.Values, field string) (int64, error) {
	text := strings.TrimSpace(q.Get(field))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, &client.Error{Status: 400, Errors: []api.Error{{
			Code: strings.ToUpper(field) + "_INVALID", Message: fmt.Sprintf("%s must be a whole number from 1 on, not %q", field, text),
		}}}
	}
	return n, nil
}
