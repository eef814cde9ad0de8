package modeltest

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// model is the naive side. It keeps everything that happened in lists and goes
// through all of it for every answer.
type model struct {
	now       time.Time
	customers map[string]*customer
	holds     map[string]*hold
	said      map[string]said
	made      int
	named     int // agreements and overrides made
}

type customer struct {
	anchor    time.Time
	suspended []bool // status by instant: see status
	since     []time.Time
	lives     []*life
	overrides []*override
	records   []*record
}

// life is an agreement. A zero time is no end.
type life struct {
	plan
	name                      string
	start, own, end, trialEnd time.Time
	made                      time.Time
	usedTrial                 bool
	carries                   map[string][]carry
}

type override struct {
	feature    string
	name       string
	hasMax     bool
	max, add   int64 // max below 0: unlimited
	deny       bool
	start, end time.Time
}

// terms are all that an override says.
func (o *override) terms() override {
	return override{feature: o.feature, hasMax: o.hasMax, max: o.max, add: o.add, deny: o.deny, end: o.end}
}

type record struct {
	id, feature, kind string
	value, change     billing.Units
	stamp, counted    time.Time
	recorded          time.Time
}

type hold struct {
	c         *customer
	feature   string
	units     billing.Units
	made, end time.Time
	closed    bool
}

func newModel() *model {
	m := &model{now: epoch, customers: make(map[string]*customer), holds: make(map[string]*hold), said: make(map[string]said)}
	for _, c := range customers {
		m.customers[c] = &customer{}
	}
	return m
}

// name is that of a thing that is made.
func (m *model) name() string {
	m.named++
	return fmt.Sprintf("#%d", m.named)
}

func within(t, start, end time.Time) bool {
	return !t.Before(start) && (end.IsZero() || t.Before(end))
}

func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (l *life) live(t time.Time) bool { return within(t, l.start, l.end) }

func (l *life) slot() string {
	if l.addOn {
		return l.code
	}
	return ""
}

func (c *customer) liveIn(slot string, t time.Time) *life {
	for _, l := range c.lives {
		if l.slot() == slot && l.live(t) {
			return l
		}
	}
	return nil
}

// settle works out all ends from scratch.
func (c *customer) settle(now time.Time) {
	for _, l := range c.lives {
		if !l.end.IsZero() && !l.end.After(now) {
			continue
		}
		l.end = l.own
		for _, other := range c.lives {
			later := other.start.After(l.start) || other.start.Equal(l.start) && other.made.After(l.made) ||
				other.start.Equal(l.start) && slices.Index(c.lives, other) > slices.Index(c.lives, l)
			over := !other.end.IsZero() && !other.end.After(now)
			if other != l && other.slot() == l.slot() && later && !over {
				l.end = first(l.end, other.start)
			}
		}
	}
	for _, l := range c.lives {
		if !l.addOn || !l.end.IsZero() && !l.end.After(now) {
			continue
		}
		t := l.start
		if t.Before(now) {
			t = now
		}
		for {
			p := c.liveIn("", t)
			if p == nil {
				l.end = first(l.end, t)
				break
			}
			if p.end.IsZero() {
				break
			}
			t = p.end
		}
	}
	c.lives = slices.DeleteFunc(c.lives, func(l *life) bool {
		return l.start.After(now) && !l.end.IsZero() && !l.end.After(l.start)
	})
	for _, l := range c.lives {
		if before := l.start.Add(-time.Microsecond); !l.addOn && l.start.After(now) {
			c.carryOver(l, c.liveIn("", before), func(feature string) (bool, int64) {
				had, old, _ := c.base(feature, before)
				return had, old
			})
		}
	}
}

func (c *customer) dropScheduled(slot string, now time.Time) {
	c.lives = slices.DeleteFunc(c.lives, func(l *life) bool { return l.slot() == slot && l.start.After(now) })
}

// boundary is the start of the n-th cycle, by counting on the calendar.
func boundary(anchor time.Time, every calendar.Interval, n int) time.Time {
	switch every {
	case calendar.Day:
		return anchor.AddDate(0, 0, n)
	case calendar.Week:
		return anchor.AddDate(0, 0, 7*n)
	case calendar.Year:
		n *= 12
	}
	year, month, day := anchor.Date()
	t := time.Date(year, month+time.Month(n), day, anchor.Hour(), anchor.Minute(), anchor.Second(), anchor.Nanosecond(), time.UTC)
	for t.Day() != day { // the month has no such day
		day--
		t = time.Date(year, month+time.Month(n), day, anchor.Hour(), anchor.Minute(), anchor.Second(), anchor.Nanosecond(), time.UTC)
	}
	return t
}

// far is more cycles than a script can pass.
const far = 200_000

func cycle(anchor time.Time, every calendar.Interval, at time.Time) (start, end time.Time) {
	if every == calendar.None || anchor.IsZero() {
		return
	}
	n := sort.Search(2*far, func(i int) bool { return boundary(anchor, every, i-far).After(at) }) - far
	return boundary(anchor, every, n-1), boundary(anchor, every, n)
}

// window is the one of a feature that contains an instant, by what is held at
// another. Zero times: all time.
func (c *customer) window(feature string, held, at time.Time) (start, end time.Time) {
	reset := map[string]billing.Reset{"calls": billing.ResetCycle, "seats": billing.ResetNever, "disk": billing.Reset(calendar.Day)}[feature]
	every := calendar.None
	if p := c.liveIn("", held); p != nil {
		every = p.cycle
	}
	var by *life
	for _, l := range c.sorted() {
		if _, has := l.items[feature]; has && l.live(held) && (by == nil || !l.addOn) {
			by = l
		}
	}
	if by != nil {
		every = by.cycle
		if own, ok := by.resets[feature]; ok {
			reset = own
		}
	}
	switch reset {
	case billing.ResetNever:
		return
	case billing.ResetCycle:
		return cycle(c.anchor, every, at)
	}
	return cycle(c.anchor, calendar.Interval(reset), at)
}

// sorted are the lives in the order they were made.
func (c *customer) sorted() []*life { return c.lives }

func (c *customer) override(feature string, t time.Time) *override {
	for _, o := range c.overrides {
		if o.feature == feature && within(t, o.start, o.end) && c.liveIn("", t) != nil {
			return o
		}
	}
	return nil
}

// base is whether a feature is granted at an instant, its limit (below 0: none)
// and whether it is soft, by what is held then.
func (c *customer) base(feature string, t time.Time) (granted bool, limit int64, soft bool) {
	plan, rest := int64(0), int64(0)
	soft = true
	for _, l := range c.lives {
		own, has := l.items[feature]
		if !has || !l.live(t) {
			continue
		}
		granted = true
		soft = soft && l.soft
		switch {
		case !l.addOn:
			plan = own
		case own < 0 || rest < 0:
			rest = -1
		default:
			rest += own
		}
	}
	soft = soft && granted
	if o := c.override(feature, t); o != nil {
		granted = !o.deny
		if o.hasMax {
			plan = o.max
		}
		if rest >= 0 {
			rest += o.add
		}
	}
	limit = plan + rest
	if plan < 0 || rest < 0 {
		limit = -1
	}
	return granted, limit, soft
}

// limit is the same with what is carried from the plans before.
func (c *customer) limit(feature string, t time.Time) (granted bool, limit int64, soft bool) {
	granted, limit, soft = c.base(feature, t)
	if o := c.override(feature, t); o != nil && o.hasMax {
		return
	}
	if p := c.liveIn("", t); p != nil {
		if _, has := p.items[feature]; has {
			for _, k := range p.carries[feature] {
				if (k.until.IsZero() || t.Before(k.until)) && limit >= 0 && (k.max < 0 || k.max > limit) {
					limit = k.max
				}
			}
		}
	}
	return
}

type carry struct {
	max   int64
	until time.Time
}

// carryOver works out what a plan carries from before it begins. was says what
// was granted then, and how much of it.
func (c *customer) carryOver(p, replaced *life, was func(feature string) (bool, int64)) {
	p.carries = make(map[string][]carry)
	if replaced == nil || p.policy == "" {
		return
	}
	for feature := range p.items {
		_, next, _ := c.base(feature, p.start)
		if had, old := was(feature); had && next >= 0 && (old < 0 || old > next) {
			until := p.start.Add(graceDays * 24 * time.Hour)
			if p.policy == billing.Allow {
				_, until = c.window(feature, p.start, p.start)
			}
			p.carries[feature] = append(p.carries[feature], carry{old, until})
		}
		for _, k := range replaced.carries[feature] {
			if (k.until.IsZero() || p.start.Before(k.until)) && next >= 0 && (k.max < 0 || k.max > next) {
				p.carries[feature] = append(p.carries[feature], k)
			}
		}
	}
}

func (c *customer) status(t time.Time) bool {
	suspended := false
	for i, s := range c.suspended {
		if !c.since[i].After(t) {
			suspended = s
		}
	}
	return suspended
}
