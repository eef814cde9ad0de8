package modeltest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// reasons are those of a next change. Of several at one instant the first in
// this order is told.
var reasons = []string{"trial_ends", "plan_ends", "add_on_ends", "scheduled_change", "override_expires", "grace_ends"}

// event is something that begins or ends.
type event struct {
	on  time.Time
	why string
}

// known reports whether something was planned already at an instant: it had begun
// by then, or was made by then.
func known(start, made, t time.Time) bool { return !start.After(t) || !made.After(t) }

// next is the first thing after an instant that changes what is granted of a
// feature and from where, of all that was planned by then.
func (c *customer) next(feature string, t time.Time) string {
	var planned []*life
	for _, l := range c.lives {
		if known(l.start, l.made, t) && (l.end.IsZero() || l.end.After(t)) {
			planned = append(planned, l)
		}
	}
	var events []event
	say := func(on time.Time, why string) {
		if on.After(t) {
			events = append(events, event{on, why})
		}
	}
	own := false // the customer has or had terms of its own, which need a plan
	for _, o := range c.overrides {
		if o.feature == feature && within(t, o.start, o.end) {
			own = true
			say(o.end, "override_expires")
		}
	}
	held := own
	for _, l := range planned {
		if _, has := l.items[feature]; has {
			held = true
			say(l.start, "scheduled_change")
			if l.addOn {
				say(l.end, "add_on_ends")
			}
			if l.live(t) {
				say(l.trialEnd, "trial_ends")
				for _, k := range l.carries[feature] {
					say(k.until, "grace_ends")
				}
			}
		}
	}
	for _, l := range planned {
		if l.addOn || !held {
			continue
		}
		if own {
			say(l.start, "scheduled_change")
		}
		if followed := slices.ContainsFunc(planned, func(o *life) bool { return !o.addOn && o.start.Equal(l.end) }); followed {
			say(l.end, "scheduled_change")
		} else {
			say(l.end, "plan_ends")
		}
	}
	if len(events) == 0 {
		return "-"
	}
	first := slices.MinFunc(events, func(a, b event) int {
		if a.on.Equal(b.on) {
			return slices.Index(reasons, a.why) - slices.Index(reasons, b.why)
		}
		return a.on.Compare(b.on)
	})
	return first.on.Format(time.RFC3339) + " " + first.why
}

// sources are what has a say in a feature at an instant, and how much of it each
// gives. What another has taken the place of stands in brackets.
func (c *customer) sources(feature string, t time.Time) string {
	o := c.override(feature, t)
	var out []string
	for _, l := range c.lives {
		own, has := l.items[feature]
		if !has || !l.live(t) {
			continue
		}
		kind := "plan"
		if l.addOn {
			kind = "add_on"
		}
		if feature == "sso" {
			own = -1
		}
		text := fmt.Sprintf("%s %s %s %s", kind, l.code, l.name, limitText(own))
		if o != nil && (o.deny || o.hasMax && !l.addOn) {
			text = "(" + text + ")"
		}
		out = append(out, text)
	}
	if o != nil {
		own := o.add
		if o.hasMax && o.max < 0 {
			own = -1
		} else if o.hasMax {
			own += o.max
		}
		out = append(out, fmt.Sprintf("override %s %s", o.name, limitText(own)))
	}
	return strings.Join(out, ", ")
}

// why is what an answer says of its causes.
func (c *customer) why(feature string, t time.Time) string {
	return fmt.Sprintf("next %s from [%s]", c.next(feature, t), c.sources(feature, t))
}
