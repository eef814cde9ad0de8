package service

import (
	"context"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// foldBatch and sweepBatch bound how many records one transaction takes away. Between two
// of them whoever waits to write has a turn, so that nobody waits for more than one.
const (
	foldBatch  = 200
	sweepBatch = 1000
)

// unfolded is a feature of a customer with records to fold.
type unfolded struct {
	customer billing.CustomerID
	feature  billing.Code
	cuts     *calendar.Cuts
}

// cutsOf are the instants between which records of a feature may be folded: those at
// which a window of the customer can begin, by the zones and anchors that it has
// had, and the starts of its agreements. Agreements that are yet to come bring no
// boundary between them: their windows run from where they begin, from an anchor that
// was had, or on the calendar, and a zone that is yet to come moves none that is
// past. What else there is, is refused: see [Work.keepsFolded].
func cutsOf(catalog *billing.Catalog, customer *billing.Customer, history []billing.Agreement, feature billing.Code) *calendar.Cuts {
	cuts := &calendar.Cuts{Zones: customer.Zones, Hours: hourly(catalog.Features[feature].Reset)}
	if !customer.AnchorOn.IsZero() {
		cuts.Anchors = append(cuts.Anchors, customer.AnchorOn)
	}
	for i := range history {
		a := &history[i]
		if !a.AnchorOn.IsZero() {
			cuts.Anchors = append(cuts.Anchors, a.AnchorOn)
		}
		cuts.Instants = append(cuts.Instants, a.StartsOn)
		terms := catalog.Plans[a.Plan].Version(a.Version)
		cuts.Hours = cuts.Hours || hourly(billing.Reset(terms.Cycle))
		if j := terms.Find(feature); j >= 0 {
			item := &terms.Items[j]
			cuts.Hours = cuts.Hours || hourly(item.Reset) || slices.ContainsFunc(item.Caps, func(c billing.Cap) bool { return hourly(c.Reset) })
		}
	}
	return cuts
}

// hourly reports whether a reset is after some hours.
func hourly(r billing.Reset) bool {
	_, unit := calendar.Interval(r).Parts()
	return unit == calendar.Hour
}

// agreementHistory are all agreements of a customer that begin at or before an
// instant.
func agreementHistory(r AgreementReader, id billing.CustomerID, at time.Time) ([]billing.Agreement, error) {
	page := Page[billing.AgreementID]{Size: 200}
	var all []billing.Agreement
	for {
		found, more, err := r.AgreementHistory(id, at, page)
		if err != nil || len(found) == 0 {
			return all, err
		}
		all = append(all, found...)
		if !more {
			return all, nil
		}
		page.After = &found[len(found)-1].ID
	}
}

// FoldUsage puts one record in the place of all those of a feature that count
// between two instants at which a window of the customer can begin, such as a day's
// end, wherever the second is not after an instant, and answers how many are gone. No
// counter and no window's sum changes. It may be interrupted and started again; where
// there is nothing to fold it takes no lock.
func (s *Service) FoldUsage(ctx context.Context, before time.Time) (int, error) {
	const batch = 200
	gone := 0
	for after := (billing.CustomerID{}); ; {
		var ids []billing.CustomerID
		var found []unfolded
		err := s.Store.View(ctx, func(r Reader) error {
			found = nil
			catalog, err := r.Catalog()
			if err != nil {
				return err
			}
			if ids, err = r.CustomerIDs(after, batch); err != nil {
				return err
			}
			for _, id := range ids {
				own, err := unfoldedOf(r, catalog, id, before)
				if err != nil {
					return err
				}
				found = append(found, own...)
			}
			return nil
		})
		if err != nil || len(ids) == 0 {
			return gone, err
		}
		after = ids[len(ids)-1]

		for _, f := range found {
			n, err := s.fold(ctx, f, before)
			gone += n
			if err != nil {
				return gone, err
			}
		}
	}
}

func unfoldedOf(r Reader, catalog *billing.Catalog, id billing.CustomerID, before time.Time) ([]unfolded, error) {
	features, err := r.UnfoldedFeatures(id, before)
	if err != nil || len(features) == 0 {
		return nil, err
	}
	customer, err := r.Customer(id)
	if err != nil {
		return nil, err
	}
	history, err := agreementHistory(r, id, before)
	if err != nil {
		return nil, err
	}
	var found []unfolded
	for _, code := range features {
		f := unfolded{id, code, cutsOf(catalog, &customer, history, code)}
		older, err := r.UnfoldedFeatures(id, f.cuts.Around(before).Start)
		if err != nil {
			return nil, err
		}
		if slices.Contains(older, code) {
			found = append(found, f)
		}
	}
	return found, nil
}

func (s *Service) fold(ctx context.Context, f unfolded, before time.Time) (int, error) {
	before = f.cuts.Around(before).Start
	return inBatches(ctx, s.Store, foldBatch, func(tx Tx) (int, error) {
		if _, err := tx.LockCounters(f.customer, f.feature, before, before); err != nil {
			return 0, err
		}
		return tx.FoldUsage(f.customer, f.feature, before, f.cuts.Around, foldBatch)
	})
}

// SweepAnswers removes the answers that are older than [AnswerLifetime], and
// answers how many.
func (s *Service) SweepAnswers(ctx context.Context) (int, error) {
	before := s.now().Add(-AnswerLifetime)
	return inBatches(ctx, s.Store, sweepBatch, func(tx Tx) (int, error) { return tx.SweepAnswers(before, sweepBatch) })
}

// SweepHolds removes the holds that were over, closed or expired, before an
// instant, and answers how many. What was held at an instant before is forgotten
// with them.
func (s *Service) SweepHolds(ctx context.Context, before time.Time) (int, error) {
	return inBatches(ctx, s.Store, sweepBatch, func(tx Tx) (int, error) { return tx.SweepHolds(before, sweepBatch) })
}

// inBatches runs a transaction that takes some records away, until one takes
// fewer than a whole batch, and answers how many are gone.
func inBatches(ctx context.Context, st Store, batch int, take func(Tx) (int, error)) (gone int, err error) {
	for {
		n := 0
		err := st.Update(ctx, func(tx Tx) error {
			var err error
			n, err = take(tx)
			return err
		})
		if err != nil {
			return gone, err
		}
		if gone += n; n < batch {
			return gone, nil
		}
	}
}
