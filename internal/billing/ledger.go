package billing

import (
	"math"
	"slices"
	"time"
)

// ledger is the usage of one feature of one customer, opened for writing within
// one transaction: no other writes it until the transaction ends.
type ledger struct {
	tx       Tx
	customer CustomerID
	feature  Code
	now      time.Time // of the use case
	counters []Counter // all whose window has an instant in the span it was opened for
	dirty    []bool
}

// openLedger opens the usage of a feature for records that count in [from, to].
func openLedger(tx Tx, customer CustomerID, feature Code, from, to time.Time) (*ledger, error) {
	counters, err := tx.LockCounters(customer, feature, from, to)
	return &ledger{tx: tx, customer: customer, feature: feature, counters: counters, dirty: make([]bool, len(counters))}, err
}

// counter is the index of a window's counter, which is made from the records if
// there is none yet.
func (l *ledger) counter(w Window) (int, error) {
	i := slices.IndexFunc(l.counters, func(c Counter) bool { return c.Window == w })
	if i >= 0 {
		return i, nil
	}
	c := Counter{CustomerID: l.customer, Feature: l.feature, Window: w}
	var err error
	if c.Used, err = l.tx.SumUsage(l.customer, l.feature, w, time.Time{}); err != nil {
		return 0, err
	}
	l.counters, l.dirty = append(l.counters, c), append(l.dirty, true)
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

// add appends a record that counts in a window and works out its Change. It
// returns ErrExists if the customer has a record of that id, and writes nothing
// if the window's usage would leave what can be counted.
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
	if err := l.tx.CreateUsage(*r); err != nil {
		return err
	}
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

// save writes the counters that changed.
func (l *ledger) save() error {
	for i, c := range l.counters {
		if l.dirty[i] {
			if err := l.tx.PutCounter(c); err != nil {
				return err
			}
		}
	}
	return nil
}
