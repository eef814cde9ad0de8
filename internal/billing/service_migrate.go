package billing

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Effect is what another plan, or another version of the same one, does to a
// customer.
type Effect struct {
	Customer CustomerID
	From     *PlanVersion // nil: no plan
	Gains    []Code
	Loses    []Code
	Limits   []LimitChange
	Exceeds  []Excess
}

// LimitChange is a metered feature that is held before and after, with another
// limit.
type LimitChange struct {
	Feature  Code
	From, To *int64 // nil: unlimited
}

// Excess is a metered feature of which more is used and held than the limit
// would be.
type Excess struct {
	Feature Code
	Limit   int64
	Used    Units
	Held    Units
}

// PreviewPlan answers what subscribing a customer to a version of a plan (0: the
// latest) would do to it now. Errors: CUSTOMER_NOT_FOUND, PLAN_NOT_FOUND,
// VERSION_INVALID.
func (s *Service) PreviewPlan(ctx context.Context, customer CustomerID, code Code, version int) (Effect, Revision, error) {
	var out Effect
	var rev Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readSnapshot(r, customer, clock, nil)
		if err != nil {
			return err
		}
		to, err := snap.Catalog.version(code, version, "VERSION_INVALID")
		if err != nil {
			return err
		}
		rev = snap.Revision()
		out, err = effect(r, snap, to, clock)
		return err
	})
	return out, rev, err
}

// PreviewMigration answers what moving the customers on a plan to a version (0:
// the latest) would do to each, as far as limit customers after one; the second
// result is whether there are more.
func (s *Service) PreviewMigration(ctx context.Context, code Code, version int, after CustomerID, limit int) ([]Effect, bool, error) {
	var out []Effect
	var more bool
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		catalog, err := r.Catalog()
		if err != nil {
			return err
		}
		to, err := catalog.version(code, version, "VERSION_INVALID")
		if err != nil {
			return err
		}
		ids, err := r.CustomersOn(code, to.Number, clock, after, limit+1)
		if err != nil {
			return err
		}
		if more = len(ids) > limit; more {
			ids = ids[:limit]
		}
		out = make([]Effect, len(ids))
		for i, id := range ids {
			snap, err := readSnapshot(r, id, clock, nil)
			if err != nil {
				return err
			}
			if out[i], err = effect(r, snap, to, clock); err != nil {
				return err
			}
		}
		return nil
	})
	return out, more, err
}

// version is a published version of a plan; the latest for 0. If there is none
// the error has the code given.
func (c *Catalog) version(code Code, number int, otherwise string) (*PlanVersion, error) {
	plan, ok := c.Plans[code]
	if !ok {
		return nil, notFound("PLAN_NOT_FOUND", "there is no plan with this code")
	}
	if plan.Status != Published {
		return nil, invalidf("PLAN_NOT_PUBLISHED", "plan %s is a draft", code)
	}
	if number == 0 {
		return plan.Latest(), nil
	}
	v := plan.Version(number)
	if v == nil {
		return nil, invalidf(otherwise, "plan %s has the versions 1 to %d", code, plan.Latest().Number)
	}
	return v, nil
}

// effect compares what a customer may use now with what it could on other terms.
func effect(r Reader, s *Snapshot, to *PlanVersion, clock time.Time) (Effect, error) {
	now := s.Now(clock)
	out := Effect{Customer: s.Customer.ID}
	kind := s.Catalog.Plans[to.Plan].Kind
	next := Agreement{CustomerID: s.Customer.ID, Plan: to.Plan, Version: to.Number, Kind: kind, Quantity: 1, StartsOn: now}
	then := *s
	then.Agreements = slices.DeleteFunc(slices.Clone(s.Agreements), func(a Agreement) bool {
		if a.slot() != next.slot() || !a.Live(now) {
			return false
		}
		out.From, next.Quantity, next.Annual = s.Terms(&a), a.Quantity, a.Annual
		return true
	})
	then.Agreements = append(then.Agreements, next)

	before := make(map[Code]Allowance)
	for _, al := range s.Allowances(now) {
		before[al.Feature.Code] = al
	}
	for _, al := range then.Allowances(now) {
		code := al.Feature.Code
		was := before[code]
		delete(before, code)
		switch {
		case al.Granted && !was.Granted:
			out.Gains = append(out.Gains, code)
		case !al.Granted && was.Granted:
			out.Loses = append(out.Loses, code)
		case al.Granted && !equalLimit(was.Limit.Max, al.Limit.Max):
			out.Limits = append(out.Limits, LimitChange{Feature: code, From: was.Limit.Max, To: al.Limit.Max})
		}
		if !al.Granted || al.Limit.Max == nil || al.Feature.Type != Metered {
			continue
		}
		used, held, _, err := usageAt(r, s.Customer.ID, &al, now)
		if err != nil {
			return Effect{}, err
		}
		if held > limitUnits(*al.Limit.Max)-max(used, 0) {
			out.Exceeds = append(out.Exceeds, Excess{Feature: code, Limit: *al.Limit.Max, Used: used, Held: held})
		}
	}
	for _, code := range sortedKeys(before) {
		if before[code].Granted {
			out.Loses = append(out.Loses, code)
		}
	}
	slices.Sort(out.Loses)
	return out, nil
}

func equalLimit(a, b *int64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Migration moves the customers on a plan to another version of it.
type Migration struct {
	Plan    Code
	Version int // 0: the latest
	When    When
	After   CustomerID // go on behind this customer
	Limit   int
	DryRun  bool
}

// Migrated is what one batch of a migration did.
type Migrated struct {
	Version int
	Moved   []CustomerID
	// Skipped are customers who will not be on the plan then, or are about to
	// move already.
	Skipped []CustomerID
	// Last is where the next batch goes on; More is whether there is one.
	Last CustomerID
	More bool
}

// MigratePlan moves a batch of customers, each in a transaction of its own, and
// keeps what they chose: quantity, annual price, end, trial, and scheduled
// changes. Who has moved is not met again, so a migration that was interrupted is
// started again from the beginning and ends with each moved once.
//
// Errors: PLAN_NOT_FOUND, PLAN_NOT_PUBLISHED, TO_VERSION_INVALID, WHEN_INVALID.
func (s *Service) MigratePlan(ctx context.Context, by Actor, m Migration) (Migrated, error) {
	var out Migrated
	var ids []CustomerID
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		catalog, err := r.Catalog()
		if err != nil {
			return err
		}
		to, err := catalog.version(m.Plan, m.Version, "TO_VERSION_INVALID")
		if err != nil {
			return err
		}
		if m.When == WhenPeriodEnd && to.Cycle == None {
			return invalidf("WHEN_INVALID", "plan %s has no cycle; use when=now", m.Plan)
		}
		out.Version = to.Number
		ids, err = r.CustomersOn(m.Plan, to.Number, clock, m.After, m.Limit+1)
		return err
	})
	if err != nil {
		return Migrated{}, err
	}
	if out.More = len(ids) > m.Limit; out.More {
		ids = ids[:m.Limit]
	}
	for _, id := range ids {
		moved := false
		err := s.Do(ctx, by, func(u *Unit) error {
			var err error
			moved, err = u.move(id, m.Plan, out.Version, m.When, m.DryRun)
			return err
		})
		var e *Error
		if errors.As(err, &e) && e.Code == "CUSTOMER_NOT_FOUND" {
			moved, err = false, nil // deleted meanwhile
		}
		if err != nil {
			return out, err
		}
		if out.Last = id; moved {
			out.Moved = append(out.Moved, id)
		} else {
			out.Skipped = append(out.Skipped, id)
		}
	}
	return out, nil
}

// move puts one customer on another version of what it holds.
func (u *Unit) move(id CustomerID, code Code, version int, when When, dryRun bool) (bool, error) {
	b, err := u.lock(id)
	if err != nil {
		return false, err
	}
	plan := b.catalog.Plans[code]
	a := Agreement{CustomerID: id, Plan: code, Version: version, Kind: plan.Kind, CreatedOn: b.now, StartsOn: b.now}
	held := b.live(a.slot())
	if held == nil || held.Plan != code || held.Version == version {
		return false, nil
	}
	if when == WhenPeriodEnd {
		if a.StartsOn, err = b.periodEnd(); err != nil {
			return false, nil // this customer's version has no cycle
		}
	}
	for _, other := range b.agreements {
		if other.slot() == a.slot() && other.Scheduled(b.now) && !other.StartsOn.After(a.StartsOn) {
			return false, nil
		}
	}
	if end := held.OwnEnd; !end.IsZero() && !end.After(a.StartsOn) {
		return false, nil
	}
	if dryRun {
		return true, nil
	}
	// A move of the same plan that was scheduled is overtaken.
	b.agreements = slices.DeleteFunc(b.agreements, func(o Agreement) bool { return o.Plan == code && o.Scheduled(b.now) })
	held = b.live(a.slot())
	a.Quantity, a.OwnEnd = held.Quantity, held.OwnEnd
	a.Annual = held.Annual && plan.Version(version).HasAnnual()
	if held.TrialEndsOn.After(a.StartsOn) {
		a.TrialEndsOn = held.TrialEndsOn
	}
	if err := b.identify(&a, AgreementID{}); err != nil {
		return false, err
	}
	b.agreements = append(b.agreements, a)
	return true, b.save()
}
