package event

import (
	"strconv"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Use is what caused an event of usage.
type Use struct {
	Ref string // of the usage record, or the hold
	On  time.Time
	By  billing.Actor
}

// Reached is the event of a threshold that usage has come to. Of what is used up there is
// one of each mark; of what is held one of each use that reaches it again.
func (w *Watch) Reached(m Mark, used billing.Units, u Use) Event {
	cause := string(ThresholdReached) + " " + string(w.Feature) + " " + m.String()
	if w.Held {
		cause += " " + u.Ref
	}
	facts := w.facts(used)
	facts["threshold"] = strconv.Itoa(m.Percent)
	return Event{Scope: w.Customer.Scope(), Cause: cause, Type: ThresholdReached, On: u.On, By: u.By, Facts: facts}
}

// IsLow is the event of little being available, once a use has left so much.
func (w *Watch) IsLow(after Standing, u Use) Event {
	return Event{
		Scope: w.Customer.Scope(), Cause: string(PoolLow) + " " + string(w.Feature) + " " + u.Ref, Type: PoolLow, On: u.On, By: u.By,
		Facts: map[string]string{
			"feature_code": string(w.Feature), "available": after.Available.String(), "low": strconv.FormatInt(*w.Low, 10),
		},
	}
}

// facts are those of how usage of a feature stands.
func (w *Watch) facts(used billing.Units) map[string]string {
	facts := map[string]string{"feature_code": string(w.Feature), "used": used.String()}
	if w.Limit != nil {
		facts["limit"] = strconv.FormatInt(*w.Limit, 10)
	}
	if !w.Window.AllTime() {
		facts["starts_on"] = w.Window.Start.UTC().Format(time.RFC3339Nano)
		facts["ends_on"] = w.Window.End.UTC().Format(time.RFC3339Nano)
	}
	return facts
}

// Refusal is the event of the first refusal of a use in a window, with the mark that says
// that it was told.
func Refusal(customer billing.CustomerID, d *billing.Decision, by billing.Refusal, u Use) (Event, Mark) {
	w := Watch{Customer: customer, Feature: d.Feature.Code, Window: by.Window, Limit: by.Limit}
	m := Mark{Window: windowName(w.Window)}
	facts := w.facts(by.Used)
	facts["reason"], facts["remaining"] = string(d.Reason), d.Remaining.String()
	return Event{
		Scope: customer.Scope(), Cause: string(LimitReached) + " " + string(w.Feature) + " " + m.Window, Type: LimitReached,
		On: u.On, By: u.By, Facts: facts,
	}, m
}
