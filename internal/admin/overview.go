package admin

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// overviewScreens show what needs attention.
var overviewScreens = []route{{"GET /console/{$}", overview}}

const (
	// attentive is how far back the overview looks.
	attentive = 7 * 24 * time.Hour
	// overviewCalls are how often the API is asked for each of the two searches in the feed: the
	// page is looked at often, and is to be there at once.
	overviewCalls = 2
	// Bounds of what the overview shows.
	maxAttention = 200 // events that are looked at
	maxLimits    = 10  // lines
	maxTrials    = 10
	maxChanges   = 10
	maxWebhooks  = 100
)

// attention are the types of events that the overview is made of.
var attention = []string{api.EventThresholdReached, api.EventLimitReached, api.EventPoolLow, api.EventTrialWillEnd}

// overviewData is what needs attention.
type overviewData struct {
	Checks    []checkView // that do not hold
	MayHealth bool
	Limits    []limitLine
	Trials    []trialLine
	Looked    found
	Webhooks  []api.Webhook // that fail or are disabled
	MayHooks  bool
	Changes   []eventView
	Names     map[string]string // of customers, by id
	Steps     steps
	Quiet     bool
}

// steps are what there is to do first.
type steps struct{ Plans, Customers, MayCatalog, MayCustomers bool }

// Begin reports whether there is something to do first.
func (s steps) Begin() bool { return !s.Plans || !s.Customers }

// limitLine is a customer that is near a limit of a feature or at it.
type limitLine struct {
	Customer, Feature string
	Level, Says       string
	Event             api.Event
}

// trialLine is a trial that ends soon.
type trialLine struct {
	Customer, Plan string
	Ends           time.Time
	Event          api.Event
}

func overview(c *call) (*screen, error) {
	data := &overviewData{Names: map[string]string{}, MayHooks: c.may(api.ScopeManageWebhooks)}
	if data.MayHealth = c.may(api.ScopeReadEvents); data.MayHealth {
		checks, _ := c.checks()
		data.Checks = slices.DeleteFunc(checks, func(v checkView) bool { return v.Code == "" })
		if err := data.readFeed(c); err != nil {
			return nil, err
		}
	}
	if data.MayHooks {
		list, err := c.api.Webhooks.List(c.Context(), client.PageParams{PageSize: maxWebhooks})
		if err != nil {
			return nil, err
		}
		for _, w := range list.Webhooks {
			if w.Status == api.WebhookDisabled || w.FailingSince != nil {
				data.Webhooks = append(data.Webhooks, w)
			}
		}
	}
	if err := data.readSteps(c); err != nil {
		return nil, err
	}
	if err := data.readNames(c); err != nil {
		return nil, err
	}
	data.Quiet = len(data.Checks)+len(data.Limits)+len(data.Trials)+len(data.Webhooks) == 0
	return &screen{template: "overview", title: "Overview", at: Path, data: data}, nil
}

// readFeed reads what happened lately: who came near a limit, whose trial ends, and what
// was changed by whom. It costs what [call.recent] costs, twice, and grows with nothing.
func (d *overviewData) readFeed(c *call) (err error) {
	if d.Looked, err = c.recent(wanted{Types: attention, Want: maxAttention, Since: c.Now().Add(-attentive), Calls: overviewCalls}); err != nil {
		return err
	}
	type about struct{ customer, feature string }
	seen := map[about]bool{}
	for _, e := range d.Looked.Events {
		data := object(e.Data)
		if e.Type == api.EventTrialWillEnd {
			var after struct {
				After struct {
					PlanCode    string    `json:"plan_code"`
					TrialEndsOn *api.Time `json:"trial_ends_on"`
				} `json:"after"`
			}
			if err := json.Unmarshal(e.Data, &after); err != nil || after.After.TrialEndsOn == nil {
				continue
			}
			who := about{e.CustomerID, after.After.PlanCode}
			if ends := after.After.TrialEndsOn.Time; ends.After(c.Now()) && !seen[who] && len(d.Trials) < maxTrials {
				d.Trials = append(d.Trials, trialLine{e.CustomerID, after.After.PlanCode, ends, e})
			}
			seen[who] = true
			continue
		}
		who := about{e.CustomerID, "feature " + plain(data["feature_code"])}
		if seen[who] || len(d.Limits) >= maxLimits {
			continue
		}
		seen[who] = true
		line := limitLine{Customer: e.CustomerID, Feature: plain(data["feature_code"]), Event: e}
		switch e.Type {
		case api.EventLimitReached:
			line.Level, line.Says = "bad", "was refused: the limit is reached"
		case api.EventPoolLow:
			line.Level, line.Says = "warn", "has "+plain(data["available"])+" left"
		default:
			percent := plain(data["threshold"])
			line.Level, line.Says = "warn", "has used "+percent+" % of it"
			if n, err := strconv.Atoi(percent); err == nil && n >= 100 {
				line.Level = "bad"
			}
		}
		d.Limits = append(d.Limits, line)
	}
	slices.SortFunc(d.Trials, func(a, b trialLine) int { return a.Ends.Compare(b.Ends) })
	changes, err := c.recent(wanted{Types: changeTypes(), Want: maxChanges, Calls: overviewCalls})
	for _, e := range changes.Events {
		d.Changes = append(d.Changes, viewEvent(e))
	}
	return err
}

// readSteps sees what there is, for who has just begun.
func (d *overviewData) readSteps(c *call) error {
	d.Steps = steps{Plans: true, Customers: true, MayCatalog: c.may(api.ScopeUpdateCatalog), MayCustomers: c.may(api.ScopeCreateCustomers)}
	if c.may(api.ScopeReadCatalog) {
		plans, err := c.api.Catalog.Plans(c.Context(), client.PageParams{PageSize: 1})
		if err != nil {
			return err
		}
		d.Steps.Plans = len(plans.Plans) > 0
	}
	if c.may(api.ScopeReadCustomers) {
		customers, err := c.api.Customers.List(c.Context(), client.CustomerParams{PageParams: client.PageParams{PageSize: 1}})
		if err != nil {
			return err
		}
		d.Steps.Customers = len(customers.Customers) > 0
	}
	return nil
}

// readNames looks up what the customers are called that are shown. The feed does not tell.
func (d *overviewData) readNames(c *call) error {
	if !c.may(api.ScopeReadCustomers) {
		return nil
	}
	var ids []string
	for _, l := range d.Limits {
		ids = append(ids, l.Customer)
	}
	for _, t := range d.Trials {
		ids = append(ids, t.Customer)
	}
	for _, e := range d.Changes {
		ids = append(ids, e.CustomerID)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id == "" {
			continue
		}
		customer, err := c.api.Customers.Get(c.Context(), id)
		if errors.Is(err, client.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		// What was announced may have been changed since.
		d.Trials = slices.DeleteFunc(d.Trials, func(t trialLine) bool {
			return t.Customer == id && !slices.ContainsFunc(customer.Agreements, func(a api.Agreement) bool {
				return a.PlanCode == t.Plan && a.TrialEndsOn != nil && a.TrialEndsOn.Equal(t.Ends)
			})
		})
		d.Names[id] = customerName(customer)
	}
	return nil
}

// Name is what a customer is called.
func (d *overviewData) Name(id string) string {
	if name := d.Names[id]; name != "" {
		return name
	}
	return id
}
