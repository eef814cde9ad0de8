package admin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// eventRow is an event as the page shows it.
type eventRow struct {
	api.Event
	Says string
	Who  string
	Text string // all of it, indented
}

// eventsOf reads a page of what has happened to the customer, the newest first: one call.
func (c *call) eventsOf(p *customerPage, q url.Values) error {
	if !c.may(api.ScopeReadEvents) {
		return nil
	}
	params := client.EventParams{CustomerID: p.ID, PageSize: eventsOnPage, BeforeEnd: true}
	if before, err := strconv.ParseInt(q.Get("events"), 10, 64); err == nil && before > 0 {
		params.BeforeEnd, params.Before = false, before
	}
	p.Newest = params.BeforeEnd
	list, err := c.api.Events.List(c.Context(), params)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(list.Events) {
		row := eventRow{Event: e, Says: p.names.happened(&e), Who: actor(e.Actor)}
		var text bytes.Buffer
		if err := json.Indent(&text, e.Data, "", "  "); err != nil {
			return fmt.Errorf("event %d: %w", e.ID, err)
		}
		row.Text = text.String()
		p.Events = append(p.Events, row)
	}
	if list.HasMore {
		q := c.URL.Query()
		q.Set("events", strconv.FormatInt(list.Next, 10))
		p.Older = p.Path + "?" + q.Encode() + "#events"
	}
	return nil
}

// happened is an event in a few words.
func (n names) happened(e *api.Event) string {
	what := upper(strings.NewReplacer(".", " ", "_", " ").Replace(e.Type))
	var data struct {
		Before, After struct {
			PlanCode    string `json:"plan_code"`
			FeatureCode string `json:"feature_code"`
			Status      string `json:"status"`
		}
		FeatureCode string              `json:"feature_code"`
		Features    []api.FeatureChange `json:"features"`
		Changed     []string            `json:"changed"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return what
	}
	about := ""
	switch {
	case data.After.PlanCode+data.Before.PlanCode != "":
		about = n.plan(cmp.Or(data.After.PlanCode, data.Before.PlanCode))
	case data.After.FeatureCode+data.Before.FeatureCode+data.FeatureCode != "":
		about = n.feature(cmp.Or(data.After.FeatureCode, data.Before.FeatureCode, data.FeatureCode))
	case len(data.Features) > 0:
		var all []string
		for _, f := range data.Features[:min(3, len(data.Features))] {
			all = append(all, n.feature(f.FeatureCode))
		}
		about = strings.Join(all, ", ")
		if more := len(data.Features) - len(all); more > 0 {
			about += fmt.Sprintf(" and %d more", more)
		}
	case data.Before.Status != data.After.Status && data.Before.Status != "" && data.After.Status != "":
		about = data.After.Status
	case len(data.Changed) > 0:
		about = strings.Join(data.Changed, ", ")
	}
	if about == "" {
		return what
	}
	return what + ": " + about
}
