package cli_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

const tortureCatalog = `
currency: usd
features:
  - {code: calls, name: Calls, type: metered, unit: call, reset: never}
  - {code: credits, name: Credits, type: metered, unit: credit, reset: never}
  - {code: sso, name: %q, type: unmetered}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:
  - {code: small, name: Small, group: teams, cycle: none, status: published, default: true, items: [{feature: calls, max: 40}, {feature: credits, max: 10}]}
  - {code: large, name: Large, group: teams, cycle: none, status: published, items: [{feature: calls, max: 400}, {feature: credits, max: 10}, {feature: sso}]}
`

// tortureCalls and tortureCredits are what plans give.
var tortureCalls = map[string]int64{"small": 40, "large": 400}

const tortureCredits = 10

// standing is what is true of a customer, as the world sees it.
type standing struct {
	made   bool
	name   string
	plan   string
	max    int64 // of calls, by an override; 0 for none
	used   int64 // calls
	held   int64 // calls
	left   int64 // credits
	grants int
}

func (s *standing) limit() int64 {
	if s.max > 0 {
		return s.max
	}
	return tortureCalls[s.plan]
}

// subject is a customer of the oracle: what was acknowledged of it, and what was asked for
// and not answered. One writer at a time has it.
type subject struct {
	org   string
	id    string
	is    standing
	holds []heldCalls
	asked *deed // not answered yet; it is asked for again until it is
	deeds int
	stale bool // since it was last looked at
}

type heldCalls struct {
	id    string
	units int64
}

// deed is one piece of work, which may be asked for any number of times and is done once.
type deed struct {
	what string
	// ask asks for it. An answer that is not what it must be is a [wrongAnswer].
	ask func(context.Context, *client.Client) error
	// then is what is true once it is acknowledged.
	then standing
	// acknowledged is what the oracle remembers besides; may be nil.
	acknowledged func()
}

// wrongAnswer is an answer that contradicts what was acknowledged before.
type wrongAnswer struct{ text string }

func (w *wrongAnswer) Error() string { return w.text }

func wrong(format string, args ...any) error { return &wrongAnswer{fmt.Sprintf(format, args...)} }

// next is a deed for a customer, by chance.
func (s *subject) next(random *rand.Rand) *deed {
	s.deeds++
	key := fmt.Sprintf("%s-%d", s.org, s.deeds)
	once := client.WithIdempotencyKey(key)
	d := &deed{then: s.is}
	if !s.is.made {
		return s.create(d)
	}
	switch units := 1 + random.Int64N(9); random.IntN(11) {
	case 0:
		d.what, d.then.name = "rename", key
		d.ask = func(ctx context.Context, allot *client.Client) error {
			_, err := allot.Customers.Update(ctx, s.id, api.UpdateCustomerRequest{Name: api.Some(key)})
			return err
		}
	case 1:
		d.what, d.then.plan = "change plan", "large"
		if s.is.plan == "large" {
			d.then.plan = "small"
		}
		d.ask = func(ctx context.Context, allot *client.Client) error {
			_, err := allot.Customers.CreateAgreement(ctx, s.id, api.CreateCustomerAgreementRequest{PlanCode: d.then.plan}, once)
			return err
		}
	case 2:
		d.what, d.then.max = "set an override", 1+random.Int64N(500)
		d.ask = func(ctx context.Context, allot *client.Client) error {
			_, err := allot.Customers.SetOverride(ctx, s.id, "calls", api.SetOverrideRequest{Max: api.Some(d.then.max)})
			return err
		}
	case 3:
		if s.is.max == 0 {
			return s.consume(d, once, units)
		}
		d.what, d.then.max = "end an override", 0
		d.ask = func(ctx context.Context, allot *client.Client) error {
			err := allot.Customers.EndOverride(ctx, s.id, "calls")
			if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusNotFound {
				return nil // it was ended, and nobody heard
			}
			return err
		}
	case 4:
		if s.is.grants >= 60 {
			return s.consume(d, once, units)
		}
		d.what, d.then.left, d.then.grants = "grant", s.is.left+units, s.is.grants+1
		d.ask = func(ctx context.Context, allot *client.Client) error {
			_, err := allot.Grants.Create(ctx, s.id, api.CreateGrantRequest{FeatureCode: "credits", Amount: decimal(units), ExternalID: key})
			return err
		}
	case 5:
		return s.burn(d, once, units)
	case 6:
		d.what, d.then.used = "record", s.is.used+units
		d.ask = func(ctx context.Context, allot *client.Client) error {
			results, err := allot.Usage.Record(ctx, []api.UsageReport{{ID: key, CustomerID: s.id, FeatureCode: "calls", Value: decimal(units)}})
			if err == nil && (len(results) != 1 || results[0].Error != nil) {
				return wrong("record %s is answered with %+v", key, results)
			}
			return err
		}
	case 7:
		return s.hold(d, once, units)
	case 8, 9:
		if len(s.holds) > 0 {
			return s.close(d, random.IntN(2) == 0)
		}
		return s.hold(d, once, units)
	default:
		return s.consume(d, once, units)
	}
	return d
}

func decimal(n int64) api.Decimal { return api.Decimal(strconv.FormatInt(n, 10)) }

func (s *subject) create(d *deed) *deed {
	d.what, d.then.made, d.then.plan, d.then.name, d.then.left = "create", true, "small", s.org, tortureCredits
	d.ask = func(ctx context.Context, allot *client.Client) error {
		made, err := allot.Customers.Put(ctx, "org_code:"+s.org, api.PutCustomerRequest{Type: api.CustomerOrganization, Name: api.Some(s.org)})
		if err != nil {
			return err
		}
		if s.id != "" && s.id != made.ID {
			return wrong("customer %s was %s and is %s", s.org, s.id, made.ID)
		}
		s.id = made.ID
		return nil
	}
	return d
}

func (s *subject) consume(d *deed, once client.CallOption, units int64) *deed {
	d.what = "consume"
	allowed := s.is.used+s.is.held+units <= s.is.limit()
	if allowed {
		d.then.used += units
	}
	d.ask = func(ctx context.Context, allot *client.Client) error {
		got, err := allot.Consume(ctx, client.ConsumeParams{CustomerID: s.id, FeatureCode: "calls", Units: decimal(units)}, once)
		if err == nil && got.Allowed != allowed {
			return wrong("%d calls of %+v are answered with %+v", units, s.is, got)
		}
		return err
	}
	return d
}

func (s *subject) burn(d *deed, once client.CallOption, units int64) *deed {
	d.what = "use credits"
	allowed := units <= s.is.left
	if allowed {
		d.then.left -= units
	}
	d.ask = func(ctx context.Context, allot *client.Client) error {
		got, err := allot.Consume(ctx, client.ConsumeParams{CustomerID: s.id, FeatureCode: "credits", Units: decimal(units)}, once)
		if err == nil && got.Allowed != allowed {
			return wrong("%d credits of %+v are answered with %+v", units, s.is, got)
		}
		return err
	}
	return d
}

func (s *subject) hold(d *deed, once client.CallOption, units int64) *deed {
	d.what = "hold"
	allowed := s.is.used+s.is.held+units <= s.is.limit()
	if allowed {
		d.then.held += units
	}
	var made string
	d.ask = func(ctx context.Context, allot *client.Client) error {
		got, err := allot.Holds.Create(ctx, client.HoldParams{CustomerID: s.id, FeatureCode: "calls", Units: decimal(units), ExpiresIn: 24 * time.Hour}, once)
		if err == nil && got.Allowed != allowed {
			return wrong("a hold of %d of %+v is answered with %+v", units, s.is, got)
		}
		if err == nil {
			made = got.ID
		}
		return err
	}
	d.acknowledged = func() {
		if allowed {
			s.holds = append(s.holds, heldCalls{made, units})
		}
	}
	return d
}

func (s *subject) close(d *deed, confirm bool) *deed {
	h := s.holds[0]
	d.what, d.then.held = "release", s.is.held-h.units
	if confirm {
		d.what, d.then.used = "confirm", s.is.used+h.units
	}
	d.ask = func(ctx context.Context, allot *client.Client) error {
		if confirm {
			_, err := allot.Holds.Confirm(ctx, h.id, decimal(h.units))
			return err
		}
		_, err := allot.Holds.Release(ctx, h.id)
		return err
	}
	d.acknowledged = func() { s.holds = slices.Delete(s.holds, 0, 1) }
	return d
}

// work asks for what was not answered, or for something new, and returns what that was.
func (s *subject) work(ctx context.Context, allot *client.Client, random *rand.Rand) (what string, err error) {
	if s.asked == nil {
		s.asked = s.next(random)
	}
	s.stale = true
	d := s.asked
	if err := d.ask(ctx, allot); err != nil {
		return d.what, fmt.Errorf("%s: %w", d.what, err)
	}
	if s.is, s.asked = d.then, nil; d.acknowledged != nil {
		d.acknowledged()
	}
	return d.what, nil
}

// look holds what the server says of a customer against the oracle: it is as was
// acknowledged, or as it will be once what was asked for is done.
func (s *subject) look(ctx context.Context, allot *client.Client) error {
	got, err := s.observe(ctx, allot)
	if err != nil {
		return err
	}
	if got != s.is && (s.asked == nil || got != s.asked.then) {
		return wrong("customer %s is %+v, acknowledged was %+v, asked for is %+v", s.org, got, s.is, s.asked)
	}
	s.stale = false
	return nil
}

func (s *subject) observe(ctx context.Context, allot *client.Client) (got standing, err error) {
	c, err := allot.Customers.Get(ctx, "org_code:"+s.org)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusNotFound {
		return standing{}, nil
	}
	if err != nil {
		return got, err
	}
	got.made, got.name = true, c.Name
	both, err := allot.CheckAll(ctx, client.CheckAllParams{CustomerID: c.ID, FeatureCodes: []string{"calls", "credits"}})
	if err != nil {
		return got, err
	}
	calls, credits := both[0], both[1]
	for _, source := range calls.Sources {
		switch source.Kind {
		case "plan":
			got.plan = source.PlanCode
		case "override":
			got.max = *calls.Limit
		}
	}
	var faults [3]error
	got.used, faults[0] = strconv.ParseInt(string(calls.Used), 10, 64)
	got.held, faults[1] = strconv.ParseInt(string(calls.Held), 10, 64)
	got.left, faults[2] = strconv.ParseInt(string(*credits.Remaining), 10, 64)
	if err := errors.Join(faults[:]...); err != nil {
		return got, err
	}
	for _, err := range allot.Grants.All(ctx, client.GrantListParams{CustomerID: c.ID, PageParams: client.PageParams{PageSize: api.MaxPageSize}}) {
		if err != nil {
			return got, err
		}
		got.grants++
	}
	return got, nil
}
