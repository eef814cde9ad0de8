package billing

import (
	"context"
	"errors"
	"slices"
	"time"
)

// When is the instant a change takes effect at.
type When string

// The instants that have a name.
const (
	WhenNow       When = "now"
	WhenPeriodEnd When = "period_end" // of the customer's plan
)

// NewAgreement asks for a subscription. Zero fields take the default.
type NewAgreement struct {
	Plan     Code // of a plan or an add-on
	Version  int  // default: the one held, else the latest
	Quantity int64
	Annual   *bool // default: as held, else false

	StartsOn  time.Time // default: by When
	ExpiresOn time.Time // default: no end
	When      When      // default: now

	ID AgreementID // of an imported agreement; default: a new one
}

// AgreementAt is an agreement as it stands at an instant.
type AgreementAt struct {
	Agreement
	On      time.Time
	Terms   *PlanVersion
	GroupID GroupID
	Period  Cycle // zero if there is none: see [Snapshot.Period]
}

// Status is scheduled, live or ended.
func (a *AgreementAt) Status() string {
	switch {
	case a.Scheduled(a.On):
		return "scheduled"
	case a.Live(a.On):
		return "live"
	}
	return "ended"
}

func agreementAt(c *Catalog, customer *Customer, a Agreement, on time.Time) AgreementAt {
	plan := c.Plans[a.Plan]
	p, _ := period(c, customer, &a, on)
	return AgreementAt{Agreement: a, On: on, Terms: plan.Version(a.Version), GroupID: c.Groups[plan.Group].ID, Period: p}
}

// AgreementsAt are the live and scheduled agreements of a snapshot.
func (s *Snapshot) AgreementsAt(now time.Time) []AgreementAt {
	out := make([]AgreementAt, 0, len(s.Agreements))
	for _, a := range s.Agreements {
		if !a.Ended(now) {
			out = append(out, agreementAt(s.Catalog, &s.Customer, a, now))
		}
	}
	return out
}

// AgreementCustomer is whose agreement an id is. The error is
// AGREEMENT_NOT_FOUND.
func (s *Service) AgreementCustomer(ctx context.Context, id AgreementID) (CustomerID, error) {
	var customer CustomerID
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		if customer, err = r.AgreementCustomer(id); errors.Is(err, ErrNotFound) {
			err = notFound("AGREEMENT_NOT_FOUND", "there is no agreement with this id")
		}
		return err
	})
	return customer, err
}

// AgreementHistory is a page of a customer's live and ended agreements, with the
// feature on them if one is given. The error is CUSTOMER_NOT_FOUND or
// FEATURE_NOT_FOUND.
func (s *Service) AgreementHistory(ctx context.Context, id CustomerID, feature Code, page Page[AgreementID]) ([]AgreementAt, bool, Revision, error) {
	var out []AgreementAt
	var more bool
	var rev Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readSnapshot(r, id, clock, nil)
		if err != nil {
			return err
		}
		rev = snap.Revision()
		if _, ok := snap.Catalog.Features[feature]; feature != "" && !ok {
			return notFound("FEATURE_NOT_FOUND", "there is no feature with this feature_code")
		}
		now := snap.Now(clock)
		out, more, err = filterPage(page, func(p Page[AgreementID]) ([]AgreementAt, bool, error) {
			history, more, err := r.AgreementHistory(id, now, p)
			at := make([]AgreementAt, len(history))
			for i, a := range history {
				at[i] = agreementAt(snap.Catalog, &snap.Customer, a, now)
			}
			return at, more, err
		}, func(a AgreementAt) (AgreementID, bool) {
			return a.ID, feature == "" || a.Terms.Find(feature) >= 0
		})
		return err
	})
	return out, more, rev, err
}

// filterPage fills a page with the records of a list that match, reading on
// until it is full and it is known whether another one matches.
func filterPage[T, K any](page Page[K], read func(Page[K]) ([]T, bool, error), match func(T) (K, bool)) ([]T, bool, error) {
	var out []T
	for p := page; ; {
		batch, more, err := read(p)
		if err != nil {
			return nil, false, err
		}
		if page.Before != nil {
			slices.Reverse(batch)
		}
		for _, t := range batch {
			key, ok := match(t)
			if page.Before != nil {
				p.Before = &key
			} else {
				p.After = &key
			}
			if !ok {
				continue
			}
			if len(out) == page.Size {
				return ordered(out, page.Before != nil), true, nil
			}
			out = append(out, t)
		}
		if !more || len(batch) == 0 {
			return ordered(out, page.Before != nil), false, nil
		}
	}
}

func ordered[T any](ts []T, reversed bool) []T {
	if reversed {
		slices.Reverse(ts)
	}
	return ts
}

// Subscribe makes an agreement. A plan takes the place of the customer's plan at
// the instant it starts and drops scheduled changes; an add-on goes beside it.
// What is already held stays as it is, and a scheduled end or change of it is
// taken back.
//
// Errors: CUSTOMER_NOT_FOUND, PLAN_NOT_FOUND, PLAN_NOT_PUBLISHED,
// PLAN_NOT_AVAILABLE, AGREEMENT_EXISTS, and <PARAMETER>_INVALID.
func (u *Unit) Subscribe(customer CustomerID, in NewAgreement) (AgreementAt, Revision, error) {
	b, err := u.lock(customer)
	if err != nil {
		return AgreementAt{}, Revision{}, err
	}
	id, err := b.subscribe(in)
	if err != nil {
		return AgreementAt{}, Revision{}, err
	}
	if err := b.save(); err != nil {
		return AgreementAt{}, Revision{}, err
	}
	return b.at(id), b.revision(), nil
}

// Cancel ends an agreement now or at the end of the period; one that has ended
// stays so. With the plan its add-ons end and scheduled changes are dropped. A
// scheduled agreement is withdrawn, and what it would have replaced goes on.
//
// Errors: AGREEMENT_NOT_FOUND, WHEN_INVALID.
func (u *Unit) Cancel(id AgreementID, when When) (AgreementAt, Revision, error) {
	fail := func(err error) (AgreementAt, Revision, error) {
		if errors.Is(err, ErrNotFound) {
			err = notFound("AGREEMENT_NOT_FOUND", "there is no agreement with this agreement_id")
		}
		return AgreementAt{}, Revision{}, err
	}
	customer, err := u.tx.AgreementCustomer(id)
	if err != nil {
		return fail(err)
	}
	record, err := u.tx.LockCustomer(customer)
	if err != nil {
		return fail(err)
	}
	b, err := u.open(record) // also of a deleted customer, whose agreements have ended
	if err != nil {
		return fail(err)
	}
	a, err := u.tx.Agreement(customer, id)
	if err != nil {
		return fail(err)
	}
	out := agreementAt(b.catalog, &b.customer, a, b.now)
	if a.Ended(b.now) {
		return out, b.revision(), nil
	}
	if err := b.cancel(id, when); err != nil {
		return fail(err)
	}
	if err := b.save(); err != nil {
		return fail(err)
	}
	if b.index(id) >= 0 {
		return b.at(id), b.revision(), nil
	}
	out.ExpiresOn, out.On = out.StartsOn, out.StartsOn // withdrawn: it never lives
	return out, b.revision(), nil
}
