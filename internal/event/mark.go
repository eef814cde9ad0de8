package event

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Watch is what is to be told of a customer's usage of a feature, as it is now.
type Watch struct {
	Customer billing.CustomerID
	Feature  billing.Code
	Held     bool           // the feature is held, and not used up
	Window   billing.Window // the present one
	// Limit is what the thresholds are percents of; nil: none is in force.
	Limit      *int64
	Thresholds []int  // percent, ascending
	Low        *int64 // what is available when that is little; nil: not told
}

// Standing is how usage of a feature stands in its present window.
type Standing struct {
	Used billing.Units
	// Available is what can still be used or held, as GET credits says it; nil: any amount.
	Available *billing.Units
}

// NewWatch is what an allowance has to be told of, whose limit is the one in force. The
// thresholds are percents of what the allowance includes, if it includes anything.
func NewWatch(customer billing.CustomerID, al *billing.Allowance) Watch {
	w := Watch{
		Customer: customer, Feature: al.Feature.Code, Held: al.Feature.Held, Window: al.Window,
		Limit: al.Limit.Max, Thresholds: al.Thresholds, Low: al.Low,
	}
	if al.Included != nil {
		w.Limit = al.Included
	}
	return w
}

// Crossed are the thresholds that a use reaches which begins below them, ascending.
func (w *Watch) Crossed(before, after Standing) (percents []int) {
	if w.Limit == nil {
		return nil
	}
	for _, percent := range w.Thresholds {
		if at, ok := position(*w.Limit, percent); ok && before.Used < at && at <= after.Used {
			percents = append(percents, percent)
		}
	}
	return percents
}

// FallsLow reports whether what is available falls from above what is little to that or
// below it.
func (w *Watch) FallsLow(before, after Standing) bool {
	if w.Low == nil || before.Available == nil || after.Available == nil {
		return false
	}
	low := billing.LimitUnits(*w.Low)
	return *before.Available > low && low >= *after.Available
}

// Falls reports whether usage of what is held falls, so that marks of it may be reached
// again.
func (w *Watch) Falls(before, after Standing) bool {
	return w.Held && len(w.Thresholds) > 0 && after.Used < before.Used
}

// position is the usage at which a percent of a limit is reached, exactly. It reports false
// for a limit of 0, of which nothing is a part, and where usage cannot come to it.
func position(limit int64, percent int) (billing.Units, bool) {
	const each = int64(billing.OneUnit / 100)
	if limit <= 0 || percent <= 0 || limit > int64(billing.MaxTotal)/each/int64(percent) {
		return 0, false
	}
	return billing.Units(limit * int64(percent) * each), true
}

// Mark is something that is told once of a window of a feature.
type Mark struct {
	Window string // as windowName has it
	// Percent is the threshold that was reached of Limit; 0: the first refusal.
	Percent int
	Limit   int64
}

const refusal = "refused"

// Threshold is the mark of a threshold, under the limit in force.
func (w *Watch) Threshold(percent int) Mark {
	return Mark{windowName(w.Window), percent, *w.Limit}
}

// String is how the mark is kept. Texts of one window and limit sort by the threshold, so
// that events of one instant come in that order.
func (m Mark) String() string {
	if m.Percent == 0 {
		return m.Window + " " + refusal
	}
	return fmt.Sprintf("%s %04d %d", m.Window, m.Percent, m.Limit)
}

// ParseMark reads what [Mark.String] wrote.
func ParseMark(text string) (m Mark, err error) {
	parts := strings.Split(text, " ")
	switch {
	case len(parts) == 2 && parts[1] == refusal:
		return Mark{Window: parts[0]}, nil
	case len(parts) != 3:
		return Mark{}, fmt.Errorf("no mark: %q", text)
	}
	m.Window = parts[0]
	if m.Percent, err = strconv.Atoi(parts[1]); err != nil {
		return Mark{}, fmt.Errorf("no mark: %q", text)
	}
	if m.Limit, err = strconv.ParseInt(parts[2], 10, 64); err != nil {
		return Mark{}, fmt.Errorf("no mark: %q", text)
	}
	return m, nil
}

// IsOver reports whether the mark's window has ended, so that nothing more is told of it.
func (m Mark) IsOver(now time.Time) bool {
	_, end, _ := strings.Cut(m.Window, "/")
	on, err := time.Parse(time.RFC3339Nano, end)
	return err == nil && !now.Before(on)
}

// Rearms reports whether usage is below nine tenths of where a threshold was reached, so
// that it is told again when it is reached again. Of what is used up nothing is.
func (m Mark) Rearms(used billing.Units) bool {
	at, ok := position(m.Limit, m.Percent)
	return ok && used < at/10*9
}

const always = "always"

// windowName is a window in a text, both ends of it; "always" if it never resets.
func windowName(w billing.Window) string {
	if w.AllTime() {
		return always
	}
	return w.Start.UTC().Format(time.RFC3339Nano) + "/" + w.End.UTC().Format(time.RFC3339Nano)
}
