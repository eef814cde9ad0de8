package service

import (
	"context"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Listed is a snapshot with all that [billing.Entitlements] needs to know of usage: the
// limits that hold on for who is over, and how much of what is used up there is beside the
// allowance, not used up. Of most customers there is nothing of either; then it reads
// nothing and gives the same snapshot.
func (s *Service) Listed(ctx context.Context, snap *billing.Snapshot, now time.Time) (*billing.Snapshot, error) {
	out, err := s.Graced(ctx, snap, now)
	if err != nil {
		return nil, err
	}
	codes := s.pooledNow(snap, now)
	if len(codes) == 0 {
		return out, nil
	}
	beside := make(map[billing.Code]billing.Units)
	err = s.Store.View(ctx, func(r Reader) error {
		clear(beside)
		fresh, err := readSnapshot(r, snap.Customer.ID, now, nil)
		if err != nil {
			return err
		}
		for _, code := range codes {
			amount, err := besideAllowance(r, fresh, code, now)
			if err != nil {
				return err
			}
			granted := slices.ContainsFunc(snap.Grants, func(g billing.Grant) bool { return g.Feature == code })
			if amount > 0 || granted {
				beside[code] = amount
			}
		}
		return nil
	})
	if err != nil || len(beside) == 0 {
		return out, err
	}
	return out.Beside(beside), nil
}

// besideAllowance is the sum of the amounts of the sources of a feature that are live and
// not used up, but for the allowance of the window.
func besideAllowance(r Reader, snap *billing.Snapshot, code billing.Code, now time.Time) (sum billing.Units, err error) {
	c, err := readCredits(r, snap, snap.Catalog.Features[code], now, now)
	if err != nil {
		return 0, err
	}
	for i := range c.ownState.Sources {
		switch source := &c.ownState.Sources[i]; {
		case source.Own, source.Left <= 0 && source.Held <= 0:
		case source.Unlimited():
			sum = sum.Plus(billing.MaxTotal)
		default:
			sum = sum.Plus(*source.Amount)
		}
	}
	return sum, nil
}

// pooledNow are the features, ascending, of which a customer may have more than the
// allowance of a window.
func (s *Service) pooledNow(snap *billing.Snapshot, now time.Time) (codes []billing.Code) {
	add := func(code billing.Code) {
		f := snap.Catalog.Features[code]
		if f == nil || f.Type != billing.Metered || f.Held || slices.Contains(codes, code) {
			return
		}
		if al := snap.Allowance(f, now); al.Granted && al.Pooled {
			codes = append(codes, code)
		}
	}
	for i := range snap.Grants {
		add(snap.Grants[i].Feature)
	}
	for _, code := range s.pooledOf(snap.Catalog) {
		add(code)
	}
	for i := range snap.Agreements {
		a := &snap.Agreements[i]
		if a.Kind != billing.KindAddOn || !a.Live(now) { // whose rhythm may be another
			continue
		}
		items := snap.Terms(a).Items
		for j := range items {
			add(items[j].Feature)
		}
	}
	slices.Sort(codes)
	return codes
}

// pooledFeatures are those of a catalog of which some version rolls over or grants.
type pooledFeatures struct {
	catalog *billing.Catalog
	codes   []billing.Code
}

// pooledOf are those of a catalog, looked for once.
func (s *Service) pooledOf(c *billing.Catalog) []billing.Code {
	if known := s.pooled.Load(); known != nil && known.catalog == c {
		return known.codes
	}
	found := &pooledFeatures{catalog: c}
	for code, f := range c.Features {
		if f.Pooled {
			found.codes = append(found.codes, code)
		}
	}
	s.pooled.Store(found)
	return found.codes
}
