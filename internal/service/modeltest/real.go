package modeltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var epoch = time.Date(2027, 1, 31, 10, 30, 0, 0, time.UTC)

// real is the side of the use cases.
type real struct {
	s     *service.Service
	now   time.Time
	ids   map[string]billing.CustomerID
	holds map[string]usage.HoldID
	made  int               // holds asked for
	names map[string]string // of agreements and overrides, by id
}

func newReal(t testing.TB, open Open) *real {
	r := &real{now: epoch, ids: make(map[string]billing.CustomerID), holds: make(map[string]usage.HoldID), names: make(map[string]string)}
	r.s = &service.Service{Store: open(t), Clock: func() time.Time { return r.now }}
	err := r.s.Do(t.Context(), "test", func(u *service.Work) error {
		_, err := u.ApplyCatalog(catalog())
		for _, c := range customers {
			if err == nil {
				var made billing.CustomerAt
				made, err = u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, NoPlan: true})
				r.ids[c] = made.ID
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// plans of the catalog as both sides know them; a limit below 0 is none.
type plan struct {
	code   string
	addOn  bool
	cycle  calendar.Interval
	trial  billing.TrialEnd // "" for none; of 14 days
	policy billing.OverLimitPolicy
	items  map[string]int64
	resets map[string]billing.Reset
	soft   bool
}

var plans = []plan{
	{code: "free", cycle: calendar.Month, items: map[string]int64{"calls": 5, "seats": 2}},
	{code: "pro", cycle: calendar.Month, items: map[string]int64{"calls": 20, "seats": 5, "disk": 50, "sso": 0}},
	{code: "max", cycle: calendar.Year, items: map[string]int64{"calls": -1, "seats": 50, "sso": 0}, resets: map[string]billing.Reset{"seats": billing.Reset(calendar.Month)}},
	{code: "kind", cycle: calendar.Month, policy: billing.Grace, items: map[string]int64{"calls": 3, "seats": 1, "disk": 4}},
	{code: "loose", cycle: calendar.Week, policy: billing.Allow, soft: true, items: map[string]int64{"calls": 4, "seats": 1}, resets: map[string]billing.Reset{"calls": billing.Reset(calendar.Day)}},
	{code: "trial", cycle: calendar.Month, trial: "convert", items: map[string]int64{"calls": 10, "disk": 5}},
	{code: "ending", cycle: calendar.Month, trial: billing.End, items: map[string]int64{"calls": 11, "disk": -1}},
	{code: "endless", cycle: calendar.None, items: map[string]int64{"calls": 12}},
	{code: "extra", addOn: true, cycle: calendar.Month, items: map[string]int64{"calls": 6, "disk": 1}},
	{code: "more", addOn: true, cycle: calendar.Month, items: map[string]int64{"seats": 3}, soft: true},
}

const graceDays = 10

func catalog() billing.CatalogSpec {
	spec := billing.CatalogSpec{
		Currency: "usd",
		Features: []billing.Feature{
			{Code: "calls", Name: "Calls", Type: billing.Metered},
			{Code: "seats", Name: "Seats", Type: billing.Metered, Reset: billing.ResetNever},
			{Code: "disk", Name: "Disk", Type: billing.Metered, Reset: billing.Reset(calendar.Day)},
			{Code: "sso", Name: "Single sign-on", Type: billing.Unmetered},
		},
		Groups: []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization}},
	}
	for _, p := range plans {
		s := billing.PlanSpec{Code: billing.Code(p.code), Name: p.code, Group: "teams", Status: billing.Published, Cycle: p.cycle}
		if p.addOn {
			s.Kind = billing.KindAddOn
		}
		if p.trial != "" {
			s.Trial = &billing.TrialSpec{Days: new(14), Then: p.trial}
		}
		for _, f := range features {
			most, ok := p.items[f]
			if !ok {
				continue
			}
			item := billing.ItemSpec{Feature: billing.Code(f)}
			if f != "sso" {
				item.Reset = p.resets[f]
				if most >= 0 {
					item.Max = &most
				}
				if p.soft {
					item.Limit = billing.Soft
				}
				if p.policy != "" {
					item.OverLimit = &billing.OverLimit{Policy: p.policy, GraceDays: graceDays}
				}
			}
			s.Items = append(s.Items, item)
		}
		spec.Plans = append(spec.Plans, s)
	}
	return spec
}

var features = []string{"calls", "disk", "seats", "sso"}

// do runs one line and says what came of it.
func (r *real) do(words []string) string {
	if words[0] == "clock" {
		r.now = r.now.Add(seconds(words[1]))
		return "ok"
	}
	if words[0] == "at" {
		return r.at(words[1], r.now.Add(seconds(words[2])))
	}
	if words[0] == "stands" {
		return r.stands(words[1])
	}
	said := "ok"
	change := func(u *service.Work) error {
		var err error
		said, err = r.change(u, words)
		return err
	}
	var err error
	switch {
	case words[0] == "once":
		said, err = r.once(words[1], words[2:])
	case counts(words):
		err = r.s.Count(context.Background(), "test", service.Counting{Customer: r.ids[words[1]], Records: 1}, change)
	default:
		err = r.s.Do(context.Background(), "test", change)
	}
	var e *billing.Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case err != nil:
		return err.Error()
	}
	return said
}

func (r *real) change(u *service.Work, words []string) (string, error) {
	switch words[0] {
	case "subscribe":
		in := billing.NewAgreement{Plan: billing.Code(words[2])}
		if later, ok := strings.CutPrefix(words[3], "+"); ok {
			in.StartsOn = r.now.Add(seconds(later))
		} else {
			in.When = billing.When(words[3])
		}
		a, _, err := u.Subscribe(r.ids[words[1]], in)
		if err == nil {
			r.name(a.Agreement.ID.String())
		}
		return "ok", err
	case "cancel":
		snap, now, err := r.s.Snapshot(context.Background(), r.ids[words[1]])
		if err != nil {
			return "", err
		}
		for _, a := range snap.Live(now) {
			if string(a.Plan) == words[2] || a.Kind == billing.KindPlan && words[2] == "plan" {
				_, _, err := u.Cancel(a.ID, billing.When(words[3]), true)
				return "ok", err
			}
		}
		return "nothing to cancel", nil
	case "override":
		in := billing.NewOverride{}
		kind, n, _ := strings.Cut(words[3], "=")
		number, _ := strconv.ParseInt(n, 10, 64)
		switch kind {
		case "max":
			in.HasMax, in.Max = true, &number
		case "unlimited":
			in.HasMax = true
		case "add":
			in.Add = number
		case "deny":
			in.Deny = true
		}
		if words[4] != "0" {
			in.ExpiresOn = r.now.Add(seconds(words[4]))
		}
		o, _, _, err := u.SetOverride(r.ids[words[1]], billing.Code(words[2]), in)
		if err == nil {
			r.name(o.ID.String())
		}
		return "ok", err
	case "end_override":
		_, err := u.EndOverride(r.ids[words[1]], billing.Code(words[2]))
		return "ok", err
	case "record":
		out, err := u.RecordUsage(r.ids[words[1]], []usage.Report{{
			ID: words[5], Feature: billing.Code(words[2]), Value: units(words[3]), Kind: usage.Kind(words[4]),
			Stamp: r.now.Add(seconds(words[6])),
		}})
		if err != nil {
			return "", err
		}
		said := "recorded"
		if out[0].Duplicate {
			said = "duplicate"
		}
		var e *billing.Error
		if errors.As(out[0].Err, &e) {
			said = "not " + said + ": " + e.Code
		}
		return said, nil
	case "meter":
		snap, now, err := r.s.Snapshot(context.Background(), r.ids[words[1]])
		if err != nil {
			return "", err
		}
		live := snap.Live(now)
		if len(live) == 0 {
			return "no agreement", nil
		}
		_, err = u.MeterUsage(live[0].CustomerID, live[0].ID, usage.Report{Feature: billing.Code(words[2]), Value: units(words[3]), Stamp: r.now.Add(seconds(words[4]))})
		return "ok", err
	case "consume":
		d, err := u.Consume(r.ids[words[1]], billing.Code(words[2]), units(words[3]))
		return r.digest(d), err
	case "hold":
		h, d, err := u.Hold(r.ids[words[1]], billing.Code(words[2]), units(words[3]), seconds(words[4]))
		if err == nil {
			r.made++
			if d.Allowed {
				r.holds[fmt.Sprintf("h%d", r.made)] = h.ID
			}
		}
		return r.digest(d), err
	case "confirm":
		var n *billing.Units
		if words[2] != "all" {
			n = new(units(words[2]))
		}
		_, d, err := u.ConfirmHold(r.holds[words[1]], usage.Confirm{Units: n})
		return r.digest(d), err
	case "release":
		_, d, err := u.ReleaseHold(r.holds[words[1]])
		return r.digest(d), err
	case "status":
		status := billing.CustomerStatus(words[2])
		_, err := u.UpdateCustomer(r.ids[words[1]], billing.CustomerUpdate{Status: &status})
		return "ok", err
	}
	return "", fmt.Errorf("no such operation: %v", words)
}

// state is what a customer may use now.
func (r *real) state(c string) string {
	codes := make([]billing.Code, len(features))
	for i, f := range features {
		codes[i] = billing.Code(f)
	}
	decisions, err := r.s.Check(context.Background(), r.ids[c], codes, billing.OneUnit)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, d := range decisions {
		lines = append(lines, fmt.Sprintf("%s: %s", d.Feature.Code, r.digest(d)))
	}
	snap, now, err := r.s.Snapshot(context.Background(), r.ids[c])
	if err != nil {
		return err.Error()
	}
	var entitlements []string
	for _, e := range billing.Entitlements(snap, now) {
		entitlements = append(entitlements, fmt.Sprintf("%s<=%s", e.Feature.Code, number(e.LimitMax)))
	}
	slices.Sort(entitlements)
	return strings.Join(append(lines, strings.Join(entitlements, " ")), "\n")
}

// at is what a customer was or will be entitled to.
func (r *real) at(c string, at time.Time) string {
	standing, err := r.s.EntitlementsAt(context.Background(), r.ids[c], at, false)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, s := range standing.Features {
		lines = append(lines, fmt.Sprintf("%s: limit %s used %s held %s %s", s.Feature.Code, number(s.Limit.Max), s.Used, s.Held, r.why(s.Allowance)))
	}
	return strings.Join(lines, "\n")
}

// verify is nil if the store agrees with itself.
func (r *real) verify() error {
	var found []string
	_, _, err := r.s.Verify(context.Background(), func(d service.Drift) { found = append(found, d.Message) })
	if err == nil && found != nil {
		err = errors.New(strings.Join(found, "; "))
	}
	return err
}

func (r *real) digest(d billing.Decision) string {
	if d.Feature == nil {
		return "-"
	}
	resets := "never"
	if !d.Window.AllTime() {
		resets = d.Window.End.Format(time.RFC3339)
	}
	remaining := "-"
	if d.Remaining != nil {
		remaining = d.Remaining.String()
	}
	if !d.Granted || d.Suspended || d.Feature.Type != billing.Metered {
		return fmt.Sprintf("%v %s %s", d.Allowed, d.Reason, r.why(d.Allowance))
	}
	return fmt.Sprintf("%v %s limit %s soft %v used %s held %s remaining %s resets %s %s",
		d.Allowed, d.Reason, number(d.Limit.Max), d.Limit.Soft, d.Used, d.Held, remaining, resets, r.why(d.Allowance))
}

func number(n *int64) string {
	if n == nil {
		return "none"
	}
	return strconv.FormatInt(*n, 10)
}

func seconds(text string) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return time.Duration(n) * time.Second
}

func units(text string) billing.Units {
	u, err := billing.ParseUnits(text)
	if err != nil {
		panic(err)
	}
	return u
}
