package service

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

// openPools are the pools that the reports of one request are drawn from: each is opened
// once, when the first report is of it, and what is decided on is kept by the feature that
// is reported.
type openPools struct {
	pools map[billing.Code]*pool
	by    map[billing.Code]*credits
}

func newOpenPools() openPools {
	return openPools{make(map[billing.Code]*pool), make(map[billing.Code]*credits)}
}

// of are the pools of a feature as they stand at an instant.
func (ps openPools) of(u *Work, f *facts, feature *billing.Feature, at time.Time) (*credits, error) {
	u.pools = nil // those here stand with what they draw, and others without
	c := ps.by[feature.Code]
	if c != nil {
		al := c.own.Facts.Allowance(feature, at)
		same := (al.Burns == nil) == (c.burns == nil)
		if same && al.Burns != nil {
			same = al.Burns.Feature == c.burns.Feature && c.uses == usage.UsesSum(al.Window, al.Burns.Rate.String())
		}
		if same {
			if err := u.openLanes(f, feature.Code, c.burns, at); err != nil {
				return nil, err
			}
			return c, c.stand(at)
		}
	}
	tx, err := u.stored()
	if err != nil {
		return nil, err
	}
	all, err := history(tx.Reader(), f.snap, latest(f.now, at))
	if err == nil { // it may have burned another pool than now
		err = u.openLanes(f, feature.Code, all.Allowance(feature, at).Burns, at)
	}
	if err == nil {
		err = u.flush()
	}
	if err != nil {
		return nil, err
	}
	if c, err = openCredits(tx.Reader(), f.snap, feature, at, latest(f.now, at), u.ledgers, ps.pools); err != nil {
		return nil, err
	}
	if err := u.storePayments(f, c); err != nil {
		return nil, err
	}
	ps.by[feature.Code] = c
	return c, nil
}

// openLanes opens the usage of a feature, and of what it burns, for an instant, before
// either is read.
func (u *Work) openLanes(f *facts, code billing.Code, burns *billing.Burns, at time.Time) error {
	codes := []billing.Code{code}
	if burns != nil {
		codes = append(codes, burns.Feature)
	}
	slices.Sort(codes)
	for _, code := range codes {
		l, opened, err := u.ledger(meter{f.snap.Customer.ID, code}, at, latest(f.now, at))
		if err != nil {
			return err
		}
		if opened {
			l.now, l.lane().Facts = f.now, f.snap.Customer.Rev
		}
	}
	return nil
}

// isPooledUse reports whether a report is of a feature that is drawn from sources by its
// allowance, or was before, or corrects a record. What goes back of a feature that others
// burn is of its own records: what was burned goes back with what burned it.
func (u *Work) isPooledUse(al *billing.Allowance, r *usage.Record) bool {
	l := u.ledgers[meter{r.CustomerID, r.Feature}]
	back := al.Feature != nil && al.Feature.Burned && (r.Value < 0 || r.Kind == usage.Absolute)
	held := al.Feature != nil && al.Feature.Held // whatever its lane says
	return al.Pooled || r.Corrects != "" || back || l.session.kept == nil && l.lane().Pooled && !held
}

// countDrawn counts a report of a pooled feature. What happened is not gated: it draws from
// what was live at its instant, with what is left of that now, and says what nothing paid
// for. What is below 0, or a reading that is less than was used, gives back.
func (u *Work) countDrawn(ps openPools, f *facts, out *UsageOutcome, r *usage.Record, w billing.Window) error {
	c, err := ps.of(u, f, f.snap.Catalog.Features[r.Feature], r.CountedOn)
	if err != nil {
		return err
	}
	change := r.Value
	if r.Kind == usage.Absolute {
		l := u.ledgers[meter{r.CustomerID, r.Feature}]
		if out.Superseded, err = l.superseded(w, r.Stamp); err != nil {
			return err
		}
		used, err := l.used(w)
		if err != nil {
			return err
		}
		if change = 0; !out.Superseded {
			change = r.Value.Plus(-used)
		}
	}
	switch {
	case change < 0 && r.Corrects != "":
		return u.correctNamed(ps, f, r)
	case r.Corrects != "":
		return billing.Invalid.Errorf("VALUE_INVALID", "a correction takes back: value must be below 0")
	case change < 0:
		return u.correctNewest(ps, f, w, r, change)
	}
	r.Change = change
	if err := checkTotal(c, r); err != nil {
		return err
	}
	out.Uncovered, err = u.use(f, c, w, r)
	return err
}

// checkTotal is an error if a use would leave what can be counted of its window, or of the
// pool's.
func checkTotal(c *credits, r *usage.Record) error {
	if c.burned != nil && c.burnedState.Used.Plus(c.burnedBy(r.Change, false)) > billing.MaxTotal {
		return billing.Refused.Errorf("METER_VALUE_INVALID", "the usage of a window of %s, which this burns, is at most %s", c.burns.Feature, billing.MaxTotal)
	}
	return nil
}

// correctNamed gives back of one record.
func (u *Work) correctNamed(ps openPools, f *facts, r *usage.Record) error {
	of, err := u.correctable(r)
	if err != nil {
		return err
	}
	if err := u.giveBack(ps, f, r, of, -r.Value); err != nil {
		return err
	}
	return u.payAll(ps, f)
}

// corrected is a record of which something is given back, with what it has drawn and what
// of that was given back before.
type corrected struct {
	usage.Record
	before billing.Units // corrected of it before
}

// correctable is the record that a correction names.
func (u *Work) correctable(r *usage.Record) (*corrected, error) {
	tx, err := u.stored()
	if err == nil {
		err = u.flushRecords()
	}
	if err != nil {
		return nil, err
	}
	of, err := tx.UsageRecord(r.CustomerID, r.Corrects)
	switch {
	case isNotFound(err):
		return nil, u.noRecord(r)
	case err != nil:
		return nil, err
	case of.Kind == usage.Folded:
		return nil, billing.Refused.Errorf("RECORD_FOLDED", "record %s stands for a day that is folded and cannot be corrected", r.Corrects)
	case of.Feature != r.Feature:
		return nil, billing.Invalid.Errorf("CORRECTS_INVALID", "record %s is of feature %s, not %s", r.Corrects, of.Feature, r.Feature)
	case of.Change <= 0 || of.Kind == usage.Burned || of.Kind == usage.Debt:
		return nil, billing.Invalid.Errorf("CORRECTS_INVALID", "record %s used nothing that can be given back", r.Corrects)
	}
	c, err := u.withBefore(of)
	if err != nil {
		return nil, err
	}
	if left := c.Change - c.before; -r.Value > left {
		return nil, billing.Invalid.Errorf("VALUE_INVALID", "of record %s, %s are left to be corrected", r.Corrects, left)
	}
	return c, nil
}

// noRecord is the error of a correction of a record that is not there, and may be folded
// where others of its feature are.
func (u *Work) noRecord(r *usage.Record) error {
	folded, err := u.anyFolded(r.CustomerID, r.Feature, farPast, r.RecordedOn)
	switch {
	case err != nil:
		return err
	case folded:
		return billing.Refused.Errorf("RECORD_FOLDED", "record %s is not among those that are kept one by one; older ones are folded into days and cannot be corrected", r.Corrects)
	}
	return billing.NotFound.Errorf("RECORD_NOT_FOUND", "the customer has no usage record %s", r.Corrects)
}

// withBefore is a record with what was corrected of it.
func (u *Work) withBefore(of usage.Record) (*corrected, error) {
	c := &corrected{Record: of}
	all, err := u.tx.Corrections(of.CustomerID, of.ID)
	for i := range all {
		c.before = c.before.Plus(-all[i].Change)
	}
	return c, err
}

// giveBack records that some units of a record were not used, at the record's instant: what
// nothing had paid for first, then its draws in reverse order, in the pool that it burned
// likewise.
func (u *Work) giveBack(ps openPools, f *facts, r *usage.Record, of *corrected, units billing.Units) error {
	c, err := ps.of(u, f, f.snap.Catalog.Features[r.Feature], of.CountedOn)
	if err != nil {
		return err
	}
	r.Corrects, r.Change, r.CountedOn = of.ID, -units, of.CountedOn
	if l := u.ledgers[meter{r.CustomerID, r.Feature}]; r.CountedOn.Before(l.from) {
		if _, _, err := u.ledger(l.meter, r.CountedOn, l.to); err != nil {
			return err
		}
	}
	back, err := u.backOf(of, c.ownState.Overage, units)
	if err != nil {
		return err
	}
	if r.Draws = keptDraws(back); len(r.Draws) > 0 {
		if err := u.reopen(f, c.own, r.Draws); err != nil {
			return err
		}
	}
	twins, err := u.tx.Twins(r.CustomerID, []string{of.ID})
	if err != nil {
		return err
	}
	for i := range twins { // before anything is written
		if err := u.checkTwin(ps, f, of, twins[i], units); err != nil {
			return err
		}
	}
	if err := u.addDrawing(c.own, c.own.Facts.Allowance(c.own.Feature, r.CountedOn).Window, r); err != nil {
		return err
	}
	for i := range twins {
		if twins[i].Change > 0 {
			if err := u.giveBackTwin(ps, f, r, of, twins[i], units); err != nil {
				return err
			}
		}
	}
	return u.storeSums(f, c)
}

// checkTwin is an error if the pool has not used what a correction gives back of a twin.
func (u *Work) checkTwin(ps openPools, f *facts, of *corrected, twin usage.Record, units billing.Units) error {
	if twin.Change <= 0 {
		return nil
	}
	c, err := ps.of(u, f, f.snap.Catalog.Features[twin.Feature], twin.CountedOn)
	if err != nil {
		return err
	}
	used, err := u.ledgers[meter{twin.CustomerID, twin.Feature}].used(c.ownState.Allowance.Window)
	if err == nil && used < credit.Returned(twin.Change, of.Change, of.before, units) {
		err = billing.Refused.Errorf("VALUE_INVALID", "of %s, which this burned, only %s are used in the window", twin.Feature, used)
	}
	return err
}

// backOf are the draws that go back of a record.
func (u *Work) backOf(of *corrected, overage, units billing.Units) ([]usage.Draw, error) {
	draws, err := u.drawsLeft(of)
	if err != nil {
		return nil, err
	}
	return credit.GiveBack(draws, overage, units), nil
}

// drawsLeft are what a record has drawn, in its order, less what was given back. What it
// has on no source that is named is on the allowance of its window: what it drew of that
// in its place, and behind all others what no source had paid for, which goes back before.
func (u *Work) drawsLeft(of *corrected) ([]usage.Draw, error) {
	back, err := u.tx.Corrections(of.CustomerID, of.ID)
	if err != nil {
		return nil, err
	}
	own, err := u.tx.Draws(of.CustomerID, []usage.Record{of.Record})
	if err != nil {
		return nil, err
	}
	given, err := u.tx.Draws(of.CustomerID, back)
	if err != nil {
		return nil, err
	}
	var draws []usage.Draw
	rest, returned := of.Change, of.before // on the allowance
	for _, d := range own {
		if d.Source.IsUses() || d.Pays != "" { // a folded day has payments too
			continue
		}
		left := d.Draw
		if d.Source != billing.OwnSource {
			rest -= d.Units
			for _, g := range given {
				if g.Source == d.Source {
					left.Units, returned = left.Units.Plus(g.Units), returned.Plus(g.Units)
				}
			}
		}
		draws = append(draws, left)
	}
	behind := rest
	for i := range draws {
		if d := &draws[i]; d.Source == billing.OwnSource {
			behind = rest - d.Units
			d.Units -= max(returned-behind, 0)
		}
	}
	return append(draws, usage.Draw{Source: billing.OwnSource, Units: max(behind-returned, 0)}), nil
}

// giveBackTwin gives back in the pool what a correction leaves of a record's twin.
func (u *Work) giveBackTwin(ps openPools, f *facts, r *usage.Record, of *corrected, twin usage.Record, units billing.Units) error {
	c, err := ps.of(u, f, f.snap.Catalog.Features[twin.Feature], twin.CountedOn)
	if err != nil {
		return err
	}
	t, err := u.withBefore(twin)
	if err != nil {
		return err
	}
	more := credit.Returned(twin.Change, of.Change, of.before, units)
	if more <= 0 {
		return nil
	}
	back, err := u.backOf(t, c.ownState.Overage, more)
	if err != nil {
		return err
	}
	b := usage.Record{
		CustomerID: r.CustomerID, Feature: twin.Feature, Kind: usage.Burned, Value: -more, Change: -more, Corrects: twin.ID, Of: r.ID,
		Stamp: r.Stamp, CountedOn: twin.CountedOn, RecordedOn: r.RecordedOn, By: r.By, Draws: keptDraws(back),
	}
	if err := u.makeID(&b, f.now); err != nil {
		return err
	}
	if err := u.reopen(f, c.own, b.Draws); err != nil {
		return err
	}
	if _, _, err := u.ledger(meter{r.CustomerID, twin.Feature}, twin.CountedOn, latest(f.now, twin.CountedOn)); err != nil {
		return err
	}
	if err := u.addDrawing(c.own, c.ownState.Allowance.Window, &b); err != nil {
		return err
	}
	return u.storeSums(f, c)
}

// payAll pays debts with what has come back to sources: once, when all of a correction has.
func (u *Work) payAll(ps openPools, f *facts) error {
	for _, code := range sortedKeys(ps.pools) {
		if err := u.payFrom(f, ps.pools[code]); err != nil {
			return err
		}
		if err := u.storePool(f, ps.pools[code]); err != nil {
			return err
		}
	}
	return nil
}

// correctNewest gives back of the newest records of a window first. Of each there is a
// record of its own; the report says what was asked for.
func (u *Work) correctNewest(ps openPools, f *facts, w billing.Window, r *usage.Record, change billing.Units) error {
	parts, err := u.newest(r, w, -change)
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		return billing.Refused.Errorf("METER_VALUE_INVALID", "the usage of the window cannot fall below 0")
	}
	u.noteReport(r)
	for _, part := range parts {
		one := &usage.Record{
			CustomerID: r.CustomerID, Feature: r.Feature, Kind: usage.Delta, Value: -part.units,
			Stamp: r.Stamp, RecordedOn: r.RecordedOn, By: r.By,
		}
		if err := u.makeID(one, f.now); err != nil {
			return err
		}
		if err := u.giveBack(ps, f, one, part.of, part.units); err != nil {
			return err
		}
	}
	return u.payAll(ps, f)
}

// noteReport records a report that changes nothing by itself: what goes back is said by
// others, one for each record that it is of.
func (u *Work) noteReport(r *usage.Record) {
	r.Change = 0
	u.append(*r)
	u.ledgers[meter{r.CustomerID, r.Feature}].touch()
}

// partOf is what is given back of one record.
type partOf struct {
	of    *corrected
	units billing.Units
}

// newest are the newest records of a window that together used some units that were not
// corrected; none if there are not so many.
func (u *Work) newest(r *usage.Record, w billing.Window, units billing.Units) ([]partOf, error) {
	tx, err := u.stored()
	if err == nil {
		err = u.flushRecords()
	}
	if err != nil {
		return nil, err
	}
	const pageSize = 100
	last := UsageCursor{CountedOn: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	if !w.End.IsZero() {
		last.CountedOn = w.End
	}
	var parts []partOf
	for {
		page, more, err := tx.UsageRecords(r.CustomerID, r.Feature, w.Start, w.End, Page[UsageCursor]{Size: pageSize, Before: &last})
		if err != nil {
			return nil, err
		}
		for _, of := range slices.Backward(page) {
			if of.Change <= 0 || of.Kind == usage.Debt || of.Kind == usage.Burned { // which goes back with what burned it
				continue
			}
			c, err := u.withBefore(of)
			if err != nil {
				return nil, err
			}
			if n := min(units, of.Change-c.before); n > 0 {
				parts = append(parts, partOf{c, n})
				if units -= n; units == 0 {
					return parts, nil
				}
			}
		}
		if !more || len(page) == 0 {
			return nil, nil
		}
		last = UsageCursor{page[0].CountedOn, page[0].ID}
	}
}
