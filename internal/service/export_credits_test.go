package service

import (
	"context"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// GiveGrant makes a grant.
func (u *Work) GiveGrant(customer billing.CustomerID, in billing.NewGrant) ([]GrantAt, bool, error) {
	return u.giveGrants(customer, func(b *billing.Book) (billing.Granted, error) { return b.Grant(in) })
}

// SellPack makes the grants of a purchase.
func (u *Work) SellPack(customer billing.CustomerID, in billing.NewPurchase) ([]GrantAt, bool, error) {
	return u.giveGrants(customer, func(b *billing.Book) (billing.Granted, error) { return b.BuyPack(in) })
}

func (u *Work) giveGrants(customer billing.CustomerID, change func(*billing.Book) (billing.Granted, error)) ([]GrantAt, bool, error) {
	b, err := u.lock(customer)
	if err != nil {
		return nil, false, err
	}
	out, err := change(b)
	if err != nil {
		return nil, false, err
	}
	if _, err := u.write(b); err != nil {
		return nil, false, err
	}
	all, err := grantsAt(u.tx.Reader(), &b.Snapshot, out.Grants, b.Now)
	return all, out.Made, err
}

// TakeGrant voids a grant.
func (u *Work) TakeGrant(id billing.GrantID, clawBack bool) (GrantAt, bool, error) {
	b, err := u.lock(id.Customer())
	if err != nil {
		return GrantAt{}, false, err
	}
	stored, err := u.tx.Grant(id)
	if err != nil {
		return GrantAt{}, false, err
	}
	g, made, err := b.VoidGrant(stored, clawBack, "")
	if err != nil {
		return GrantAt{}, false, err
	}
	if _, err := u.write(b); err != nil {
		return GrantAt{}, false, err
	}
	all, err := grantsAt(u.tx.Reader(), &b.Snapshot, []billing.Grant{g}, b.Now)
	if err != nil {
		return GrantAt{}, false, err
	}
	return all[0], made, nil
}

// GrantNow is how a grant stands.
func (s *Service) GrantNow(ctx context.Context, id billing.GrantID) (out GrantAt, err error) {
	clock := s.now()
	err = s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, id.Customer(), clock)
		if err != nil {
			return err
		}
		g, err := r.Grant(id)
		if err != nil {
			return err
		}
		all, err := grantsAt(r, snap, []billing.Grant{g}, snap.Now(clock))
		if err == nil {
			out = all[0]
		}
		return err
	})
	return out, err
}

// RecordsAt are the records of a feature that count at an instant, by id.
func (s *Service) RecordsAt(ctx context.Context, hold usage.Hold) (out []usage.Record, err error) {
	err = s.Store.View(ctx, func(r Reader) error {
		var err error
		out, _, err = r.UsageRecords(hold.CustomerID, hold.Feature, hold.MadeOn, hold.MadeOn.Add(1000), Page[UsageCursor]{Size: 1000})
		return err
	})
	return out, err
}
