package service

import (
	"context"
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// PreviewPlan answers what subscribing a customer to a version of a plan (0: the
// latest) would do to it now. Errors: CUSTOMER_NOT_FOUND, PLAN_NOT_FOUND,
// VERSION_INVALID.
func (s *Service) PreviewPlan(ctx context.Context, customer billing.CustomerID, code billing.Code, version int) (billing.Effect, billing.Revision, error) {
	var out billing.Effect
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readSnapshot(r, customer, clock, nil)
		if err != nil {
			return err
		}
		to, err := snap.Catalog.PlanVersion(code, version, "VERSION_INVALID")
		if err != nil {
			return err
		}
		rev = snap.Revision()
		out, err = effect(r, snap, to, snap.Now(clock))
		return err
	})
	return out, rev, err
}

// Holder is who has an agreement, and to which version of its plan.
type Holder struct {
	Customer billing.CustomerID
	Version  int
}

// maxHolders is how many agreements are gone through to count who has a plan: a pass over an
// index of some ten milliseconds.
const maxHolders = 20_000

// CountHolders counts the customers that are on a plan, or have an add-on, now: in all and by
// version. Not whole: there are more of them than are gone through.
func (s *Service) CountHolders(ctx context.Context, plan billing.Code) (all int, on map[int]int, whole bool, err error) {
	var holders []Holder
	err = s.Store.View(ctx, func(r Reader) error {
		holders, err = r.Holders(plan, s.now(), maxHolders+1)
		return err
	})
	if whole = len(holders) <= maxHolders; !whole {
		holders = holders[:maxHolders]
	}
	on = map[int]int{}
	versions := map[int]bool{} // of one customer
	for i, h := range holders {
		if i == 0 || h.Customer != holders[i-1].Customer {
			all++
			clear(versions)
		}
		if !versions[h.Version] {
			on[h.Version]++
			versions[h.Version] = true
		}
	}
	return all, on, whole, err
}

// PreviewMigration answers what moving the customers on a plan to a version (0:
// the latest) would do to each, as far as limit customers after one: now or, of
// those for whom the plan is only scheduled, when that begins. The second result is
// whether there are more.
func (s *Service) PreviewMigration(ctx context.Context, code billing.Code, version int, after billing.CustomerID, limit int) ([]billing.Effect, bool, error) {
	var out []billing.Effect
	var more bool
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		catalog, err := r.Catalog()
		if err != nil {
			return err
		}
		to, err := catalog.PlanVersion(code, version, "VERSION_INVALID")
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
		out = make([]billing.Effect, len(ids))
		for i, id := range ids {
			snap, err := readSnapshot(r, id, clock, nil)
			if err != nil {
				return err
			}
			if out[i], err = effect(r, snap, to, snap.HeldOn(code, snap.Now(clock))); err != nil {
				return err
			}
		}
		return nil
	})
	return out, more, err
}

// effect is that of other terms on a customer, by what is used and held now.
func effect(r Reader, s *billing.Snapshot, to *billing.PlanVersion, now time.Time) (billing.Effect, error) {
	return s.Effect(to, now, func(al *billing.Allowance) (used, held billing.Units, err error) {
		then := *al // which pools would put what is held now in the place of
		u, err := usageAt(r, s, al, now)
		if err != nil || u.credits == nil {
			return u.used, u.held, err
		}
		*al = then
		return u.used, u.held, fillCaps(al, func(w billing.Window) (used, held billing.Units, err error) {
			if held, err = r.HeldUnits(s.Customer.ID, al.Feature.Code, w, now, time.Time{}); err == nil {
				used, err = usedIn(r, s.Customer.ID, al.Feature.Code, w)
			}
			return used, held, err
		})
	})
}

// Migration moves the customers on a plan to another version of it.
type Migration struct {
	Plan    billing.Code
	Version int // 0: the latest
	When    billing.When
	After   billing.CustomerID // go on behind this customer
	Limit   int
	DryRun  bool
}

// Migrated is what one batch of a migration did.
type Migrated struct {
	Version int
	Moved   []billing.CustomerID
	// Skipped are customers of whom nothing moves.
	Skipped []billing.CustomerID
	// Kept says why agreements of a customer stay on their version, of those who are
	// skipped and of those who move in part.
	Kept map[billing.CustomerID][]string
	// Last is where the next batch goes on; More is whether there is one.
	Last billing.CustomerID
	More bool
}

// MigratePlan moves a batch of customers, each in a transaction of its own, and
// keeps all that was agreed but the version: see [billing.Book.Move]. Who has moved is not met again, so a migration that was interrupted is
// started again from the beginning and ends with each moved once.
//
// Errors: PLAN_NOT_FOUND, PLAN_NOT_PUBLISHED, TO_VERSION_INVALID.
func (s *Service) MigratePlan(ctx context.Context, by billing.Actor, m Migration) (Migrated, error) {
	var out Migrated
	var ids []billing.CustomerID
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		catalog, err := r.Catalog()
		if err != nil {
			return err
		}
		to, err := catalog.PlanVersion(m.Plan, m.Version, "TO_VERSION_INVALID")
		if err != nil {
			return err
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
		var moved billing.Moved
		err := s.Do(ctx, by, func(u *Work) error {
			var err error
			moved, err = u.move(id, m.Plan, out.Version, m.When, m.DryRun)
			return err
		})
		if errors.Is(err, errNoCustomer) {
			moved, err = billing.Moved{}, nil // deleted meanwhile
		}
		if err != nil {
			return out, err
		}
		if len(moved.Kept) > 0 {
			if out.Kept == nil {
				out.Kept = make(map[billing.CustomerID][]string)
			}
			out.Kept[id] = moved.Kept
		}
		if out.Last = id; moved.Moves {
			out.Moved = append(out.Moved, id)
		} else {
			out.Skipped = append(out.Skipped, id)
		}
	}
	return out, nil
}

// move puts one customer on another version of what it holds.
func (u *Work) move(id billing.CustomerID, code billing.Code, version int, when billing.When, dryRun bool) (billing.Moved, error) {
	b, err := u.lock(id)
	if err != nil {
		return billing.Moved{}, err
	}
	if dryRun {
		return b.Moves(code, version, when), nil
	}
	moved, err := b.Move(code, version, when)
	if err != nil || !moved.Moves {
		return moved, err
	}
	_, err = u.write(b)
	return moved, err
}
