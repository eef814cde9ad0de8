package billing

import (
	"math"
	"slices"
	"time"
)

// ledger is the usage of one feature of one customer, opened for writing within
// a session: no other writes it until the transaction ends.
type ledger struct {
	*session
	meter
	from, to time.Time
	now      time.Time // of the use case
	counters []Counter // all whose window has an instant in [from, to]
	dirty    []bool

	// What the store has of holds in a window at an instant.
	heldIn Window
	heldAt time.Time
	held   Units
}

// ledger opens the usage of a feature for records that count in [from, to]. It
// reports whether it was not open before.
func (ses *session) ledger(m meter, from, to time.Time) (l *ledger, opened bool, err error) {
	if l := ses.ledgers[m]; l != nil {
		if !from.Before(l.from) && !to.After(l.to) {
			return l, false, nil
		}
		if from.After(l.from) {
			from = l.from
		}
		to = latest(to, l.to)
		if err := ses.flush(); err != nil {
			return nil, false, err
		}
	}
	counters, err := ses.tx.LockCounters(m.customer, m.feature, from, to)
	if err != nil {
		return nil, false, err
	}
	l = &ledger{session: ses, meter: m, from: from, to: to, counters: counters, dirty: make([]bool, len(counters))}
	if ses.ledgers == nil {
		ses.ledgers = make(map[meter]*ledger)
	}
	ses.ledgers[m] = l
	return l, true, nil
}

// counter is the index of a window's counter, which is made from the records if
// there is none yet.
func (l *ledger) counter(w Window) (int, error) {
	i := slices.IndexFunc(l.counters, func(c Counter) bool { return c.Window == w })
	if i >= 0 {
		return i, nil
	}
	if err := l.flushRecords(); err != nil {
		return 0, err
	}
	c := Counter{CustomerID: l.customer, Feature: l.feature, Window: w}
	var err error
	if c.Used, err = l.tx.SumUsage(l.customer, l.feature, w, time.Time{}); err != nil {
		return 0, err
	}
	l.counters, l.dirty = append(l.counters, c), append(l.dirty, false) // to be stored once something counts in it
	return len(l.counters) - 1, nil
}

// used is the usage in a window.
func (l *ledger) used(w Window) (Units, error) {
	i, err := l.counter(w)
	if err != nil {
		return 0, err
	}
	return l.counters[i].Used, nil
}

// add appends a record that counts in a window and works out its Change. The
// customer must have none of that id. It writes nothing if the window's usage
// would leave what can be counted.
func (l *ledger) add(w Window, r *UsageRecord) error {
	i, err := l.counter(w)
	if err != nil {
		return err
	}
	used := l.counters[i].Used
	r.Change = r.Value
	if r.Kind == Absolute {
		r.Change = r.Value - used
	}
	switch total := used + r.Change; {
	case total < 0 && r.Change < 0:
		return invalidf("METER_VALUE_INVALID", "the usage of the window is %s and cannot fall below 0", used)
	case total > MaxTotal:
		return invalidf("METER_VALUE_INVALID", "the usage of a window is at most %s", MaxTotal)
	}
	l.append(*r)
	for i := range l.counters {
		if c := &l.counters[i]; c.Window.Contains(r.CountedOn) {
			c.Used = saturated(c.Used, r.Change)
			l.dirty[i] = true
		}
	}
	l.touch()
	return nil
}

// saturated is a sum that stops at what a counter can hold. Only that of all
// time gets there, of a feature that has used up several full windows.
func saturated(used, change Units) Units {
	if change > 0 && used > math.MaxInt64-change {
		return math.MaxInt64
	}
	return used + change
}

// touch notes that usage or holds are written at the use case's instant.
func (l *ledger) touch() {
	for i := range l.counters {
		if c := &l.counters[i]; c.Window.AllTime() {
			c.ChangedOn = latest(l.now, c.ChangedOn)
			l.dirty[i] = true
		}
	}
}

// changedOn is the latest instant that usage or holds were written at.
func (l *ledger) changedOn() time.Time {
	i := slices.IndexFunc(l.counters, func(c Counter) bool { return c.Window.AllTime() })
	return l.counters[i].ChangedOn
}

// changed are the counters that changed since they were stored. It takes them
// for stored.
func (l *ledger) changed() []Counter {
	var out []Counter
	for i, c := range l.counters {
		if l.dirty[i] {
			out = append(out, c)
		}
	}
	clear(l.dirty)
	return out
}

// heldUnits is what is held in a window. Within a session only holds that the
// use case itself makes or closes change it, and they are counted by their own.
func (l *ledger) heldUnits(w Window) (Units, error) {
	if l.heldIn == w && l.heldAt.Equal(l.now) {
		return l.held, nil
	}
	held, err := l.tx.HeldUnits(l.customer, l.feature, w, l.now, time.Time{})
	if err == nil {
		l.heldIn, l.heldAt, l.held = w, l.now, held
	}
	return held, err
}
