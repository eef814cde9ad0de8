package service

import (
	"slices"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/usage"
)

// watched is a feature of which something is to be told, as it stood before a use. It is
// told in the transaction of the use. A unit that runs on what is kept in memory and finds
// something to tell fails, to be run in one: see [errUnkept].
type watched struct {
	event.Watch
	ledger    *ledger
	allowance billing.Allowance
	pool      *pool // of one that is pooled; else nil
	before    event.Standing
}

// watches reports whether usage of an allowance is to be told of: of most it is not, and
// then nothing else is done for it.
func watches(al *billing.Allowance) bool {
	return (len(al.Thresholds) > 0 || al.Low != nil) && al.Granted
}

// watch is how the features stand that a use of an allowance of now is about to change, if
// something is to be told of them: the feature, and the pool that it burns. Of a pooled
// feature the pools are given; else they are nil.
func (u *Work) watch(f *facts, al *billing.Allowance, c *credits) (all []watched, err error) {
	add := func(al *billing.Allowance, p *pool) {
		if watches(al) {
			all = append(all, watched{ledger: u.ledgers[meter{f.snap.Customer.ID, al.Feature.Code}], allowance: *al, pool: p})
		}
	}
	switch {
	case c == nil:
		add(al, nil)
	case c.burned == nil:
		add(al, c.own)
	default:
		add(al, c.own)
		burned := &c.burnedState.Allowance
		if !c.burnedState.At.Equal(f.now) {
			burned = new(f.snap.Allowance(c.burned.Feature, f.now))
		}
		add(burned, c.burned)
	}
	for i := range all {
		if err := all[i].open(f); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// watchReport is as watch, of a report with an allowance of the instant that it counts at.
func (u *Work) watchReport(ps openPools, f *facts, al *billing.Allowance, r *usage.Record) ([]watched, error) {
	feature := f.snap.Catalog.Features[r.Feature]
	now := f.allowance(feature)
	if !u.isPooledUse(al, r) {
		if !now.Window.Contains(r.CountedOn) { // which changes nothing of the present window
			return nil, nil
		}
		return u.watch(f, &now, nil)
	}
	any := watches(&now)
	if al.Burns != nil {
		burned := f.allowance(f.snap.Catalog.Features[al.Burns.Feature])
		any = any || watches(&burned)
	}
	if !any {
		return nil, nil
	}
	c, err := ps.of(u, f, feature, r.CountedOn)
	if err != nil {
		return nil, err
	}
	return u.watch(f, &now, c)
}

// open has the standing before the use, and the limit that is in force then.
func (w *watched) open(f *facts) (err error) {
	if w.allowance.Grace != nil { // which is answered once
		w.allowance = f.snap.Allowance(w.allowance.Feature, f.now)
		if err := w.ledger.answerGrace(f.snap, &w.allowance); err != nil {
			return err
		}
		used, held, err := w.ledger.standing(w.allowance.Window)
		if err != nil {
			return err
		}
		w.allowance.Limit = w.allowance.Decide(0, used, held).Limit
	}
	w.Watch = event.NewWatch(f.snap.Customer.ID, &w.allowance)
	w.before, err = w.stand(f.now)
	return err
}

// stand is how the feature stands in its present window.
func (w *watched) stand(now time.Time) (event.Standing, error) {
	used, err := w.ledger.used(w.Window)
	out := event.Standing{Used: used}
	switch {
	case err != nil || w.Low == nil:
		return out, err
	case w.pool != nil:
		st, err := w.pool.at(now)
		if left := st.Balance(); err == nil && !st.Endless() {
			out.Available = &left
		}
		return out, err
	case w.allowance.Limit.Max == nil:
		return out, nil
	}
	held, err := w.ledger.heldUnits(w.Window)
	left := max(billing.LimitUnits(*w.allowance.Limit.Max).Plus(-max(used, 0)).Plus(-held), 0)
	out.Available = &left
	return out, err
}

// tell tells what a use has come to. What it read is a reading, which reaches no threshold.
func (u *Work) tell(f *facts, all []watched, ref string, reading bool) error {
	for i := range all {
		w := &all[i]
		after, err := w.stand(f.now)
		if err != nil {
			return err
		}
		var crossed []int
		if !reading {
			crossed = w.Crossed(w.before, after)
		}
		low := w.FallsLow(w.before, after)
		if !low && len(crossed) == 0 && !w.Falls(w.before, after) {
			continue
		}
		tx, err := u.stored()
		if err != nil {
			return err
		}
		use := event.Use{Ref: ref, On: f.now, By: u.by}
		if err := w.reach(&tx, crossed, after, use); err != nil {
			return err
		}
		if low {
			if _, err := tx.AppendEvent(w.IsLow(after, use)); err != nil {
				return err
			}
		}
	}
	return nil
}

// reach tells of thresholds that are reached for the first time, or again.
func (w *watched) reach(tx *Tx, percents []int, after event.Standing, use event.Use) error {
	noted, err := tidyMarks(tx, w.ledger.meter, use.On, func(m event.Mark) bool { return w.Held && m.Rearms(after.Used) })
	if err != nil {
		return err
	}
	for _, percent := range percents {
		m := w.Threshold(percent)
		if slices.Contains(noted, m) {
			continue
		}
		if _, err := tx.Mark(w.Customer, w.Feature, m.String(), use.On); err != nil {
			return err
		}
		if _, err := tx.AppendEvent(w.Reached(m, after.Used, use)); err != nil {
			return err
		}
	}
	return nil
}

// tidyMarks are the marks that are noted of a feature, less those that are taken back:
// those of windows that have ended, and those that may be reached again.
func tidyMarks(tx *Tx, m meter, now time.Time, again func(event.Mark) bool) ([]event.Mark, error) {
	texts, err := tx.Marks(m.customer, m.feature)
	if err != nil {
		return nil, err
	}
	var noted []event.Mark
	for _, text := range texts {
		mark, err := event.ParseMark(text)
		if err != nil { // of a later version, which no use fails for
			continue
		}
		if !mark.IsOver(now) && !again(mark) {
			noted = append(noted, mark)
		} else if err := tx.Unmark(m.customer, m.feature, text); err != nil {
			return nil, err
		}
	}
	return noted, nil
}

// refused is a window of a feature of a customer in which a use was refused.
type refused struct {
	meter
	start, end int64 // in microseconds
}

// maxRefused bounds how many of them a node remembers. One that it forgets costs a
// transaction which finds that it was told.
const maxRefused = 1 << 16

func (m *memory) refusals() *otter.Cache[refused, struct{}] {
	m.onceRefused.Do(func() {
		m.refused = otter.Must(&otter.Options[refused, struct{}]{MaximumSize: maxRefused})
	})
	return m.refused
}

// tellRefusal tells of the first refusal in a window.
func (u *Work) tellRefusal(o *decided, units billing.Units) error {
	by, ok := o.Refusal(units)
	if !ok {
		return nil
	}
	m := meter{o.snap.Customer.ID, o.Feature.Code}
	key := refused{m, by.Window.Start.UnixMicro(), by.Window.End.UnixMicro()}
	if _, told := u.service.memory.refusals().GetIfPresent(key); told || slices.Contains(u.refused, key) {
		return nil
	}
	tx, err := u.stored()
	if err != nil {
		return err
	}
	e, mark := event.Refusal(m.customer, &o.Decision, by, event.Use{On: o.now, By: u.by})
	noted, err := tidyMarks(&tx, m, o.now, func(event.Mark) bool { return false })
	if err != nil {
		return err
	}
	if !slices.Contains(noted, mark) {
		if _, err := tx.Mark(m.customer, m.feature, mark.String(), o.now); err != nil {
			return err
		}
		if _, err := tx.AppendEvent(e); err != nil {
			return err
		}
	}
	u.refused = append(u.refused, key)
	return nil
}
