package modeltest

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// model is the naive side. It keeps everything that happened in lists and goes
// through all of it for every answer.
type model struct {
	now       time.Time
	customers map[string]*customer
	holds     map[string]*hold
	made      int
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
	start, own, end, trialEnd time.Time
	made                      time.Time
	usedTrial                 bool
	carries                   map[string][]carry
}

type override struct {
	feature    string
	hasMax     bool
	max, add   int64 // max below 0: unlimited
	deny       bool
	start, end time.Time
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
	m := &model{now: epoch, customers: make(map[string]*customer), holds: make(map[string]*hold)}
	for _, c := range customers {
		m.customers[c] = &customer{}
	}
	return m
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
func boundary(anchor time.Time, every billing.Interval, n int) time.Time {
	switch every {
	case billing.Day:
		return anchor.AddDate(0, 0, n)
	case billing.Week:
		return anchor.AddDate(0, 0, 7*n)
	case billing.Year:
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

func cycle(anchor time.Time, every billing.Interval, at time.Time) (start, end time.Time) {
	if every == billing.None || anchor.IsZero() {
		return
	}
	n := sort.Search(2*far, func(i int) bool { return boundary(anchor, every, i-far).After(at) }) - far
	return boundary(anchor, every, n-1), boundary(anchor, every, n)
}

// window is the one of a feature that contains an instant, by what is held at
// another. Zero times: all time.
func (c *customer) window(feature string, held, at time.Time) (start, end time.Time) {
	reset := map[string]billing.Reset{"calls": billing.ResetCycle, "seats": billing.ResetNever, "disk": billing.ResetDay}[feature]
	every := billing.None
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
	return cycle(c.anchor, billing.Interval(reset), at)
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
		max, has := l.items[feature]
		if !has || !l.live(t) {
			continue
		}
		granted = true
		soft = soft && l.soft
		switch {
		case !l.addOn:
			plan = max
		case max < 0 || rest < 0:
			rest = -1
		default:
			rest += max
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

func (m *model) used(c *customer, feature string, start, end, recordedBy time.Time) billing.Units {
	var sum billing.Units
	for _, r := range c.records {
		if r.feature == feature && (end.IsZero() || within(r.counted, start, end)) && !r.recorded.After(recordedBy) {
			sum += r.change
		}
	}
	return sum
}

func (m *model) held(c *customer, feature string, start, end, at time.Time) billing.Units {
	var sum billing.Units
	for _, h := range m.holds {
		if h.c == c && h.feature == feature && within(at, h.made, h.end) && (end.IsZero() || within(h.made, start, end)) {
			sum += h.units
		}
	}
	return sum
}

// decide says what the answer to a request for units is.
func (m *model) decide(c *customer, feature string, n billing.Units) (allowed bool, said string) {
	granted, limit, soft := c.limit(feature, m.now)
	switch {
	case c.status(m.now):
		return false, "false suspended"
	case !granted:
		return false, "false not_entitled"
	case feature == "sso":
		return true, "true unmetered"
	}
	start, end := c.window(feature, m.now, m.now)
	used, held := max(m.used(c, feature, start, end, m.now), 0), m.held(c, feature, start, end, m.now)
	reason, allowed := "unlimited", true
	if limit >= 0 {
		switch left := billing.Units(limit)*billing.OneUnit - used - held; {
		case n <= max(left, 0):
			reason = "within_limit"
		case soft:
			reason = "over_soft_limit"
		default:
			reason, allowed = "limit_reached", false
		}
	}
	return allowed, m.digest(c, feature, allowed, reason)
}

func (m *model) digest(c *customer, feature string, allowed bool, reason string) string {
	_, limit, soft := c.limit(feature, m.now)
	start, end := c.window(feature, m.now, m.now)
	used, held := max(m.used(c, feature, start, end, m.now), 0), m.held(c, feature, start, end, m.now)
	lim, remaining, resets := "none", "-", "never"
	if limit >= 0 {
		lim = strconv.FormatInt(limit, 10)
		remaining = max(billing.Units(limit)*billing.OneUnit-used-held, 0).String()
	}
	if !end.IsZero() {
		resets = end.Format(time.RFC3339)
	}
	return fmt.Sprintf("%v %s limit %s soft %v used %s held %s remaining %s resets %s", allowed, reason, lim, soft, used, held, remaining, resets)
}

func (m *model) state(name string) string {
	c := m.customers[name]
	var lines, entitlements []string
	for _, f := range features {
		_, said := m.decide(c, f, billing.OneUnit)
		lines = append(lines, f+": "+said)
	}
	if !c.status(m.now) {
		for _, f := range features {
			granted, limit, _ := c.limit(f, m.now)
			if !granted {
				continue
			}
			text := "none"
			if limit >= 0 && f != "sso" {
				text = strconv.FormatInt(limit, 10)
			}
			n := 0
			for _, l := range c.lives {
				if _, has := l.items[f]; has && l.live(m.now) {
					n++
				}
			}
			for range max(n, 1) { // an override alone is one
				entitlements = append(entitlements, f+"<="+text)
			}
		}
	}
	slices.Sort(entitlements)
	return strings.Join(append(lines, strings.Join(entitlements, " ")), "\n")
}

func (m *model) at(c *customer, at time.Time) string {
	var lines []string
	if c.status(at) {
		return ""
	}
	for _, f := range features {
		granted, limit, _ := c.limit(f, at)
		if !granted {
			continue
		}
		lim := "none"
		if limit >= 0 && f != "sso" {
			lim = strconv.FormatInt(limit, 10)
		}
		var used, held billing.Units
		if f != "sso" {
			start, end := c.window(f, at, at)
			by := at
			if !at.Before(m.now) {
				by = m.now
			}
			used, held = max(m.used(c, f, start, end, by), 0), m.held(c, f, start, end, at)
		}
		lines = append(lines, fmt.Sprintf("%s: limit %s used %s held %s", f, lim, used, held))
	}
	return strings.Join(lines, "\n")
}

func (m *model) do(words []string) string {
	switch words[0] {
	case "clock":
		m.now = m.now.Add(seconds(words[1]))
		return "ok"
	case "confirm", "release":
		return m.close(words)
	}
	c := m.customers[words[1]]
	switch words[0] {
	case "at":
		return m.at(c, m.now.Add(seconds(words[2])))
	case "subscribe":
		return m.subscribe(c, words[2], words[3])
	case "cancel":
		return m.cancel(c, words[2], words[3])
	case "status":
		c.suspended, c.since = append(c.suspended, words[2] == "suspended"), append(c.since, m.now)
		return "ok"
	case "override":
		return m.setOverride(c, words[2], words[3], words[4])
	case "end_override":
		for _, o := range c.overrides {
			if o.feature == words[2] && within(m.now, o.start, o.end) {
				o.end = m.now
				c.settle(m.now)
				return "ok"
			}
		}
		return "OVERRIDE_NOT_FOUND"
	case "record":
		return m.record(c, words)
	case "meter":
		return m.meter(c, words)
	}
	feature, n := words[2], units(words[3])
	if feature == "gone" {
		return "FEATURE_NOT_FOUND"
	}
	allowed, said := m.decide(c, feature, n)
	if words[0] == "hold" {
		if allowed && feature == "sso" {
			return "FEATURE_NOT_METERED"
		}
		m.made++
		if !allowed {
			return said
		}
		m.holds[fmt.Sprintf("h%d", m.made)] = &hold{c: c, feature: feature, units: n, made: m.now, end: m.now.Add(seconds(words[4]))}
		return m.digest(c, feature, allowed, strings.Fields(said)[1])
	}
	if !allowed || feature == "sso" {
		return said
	}
	c.records = append(c.records, &record{feature: feature, change: n, counted: m.now, recorded: m.now})
	return m.digest(c, feature, allowed, strings.Fields(said)[1])
}

func (m *model) close(words []string) string {
	h := m.holds[words[1]]
	switch {
	case h == nil:
		return "HOLD_NOT_FOUND"
	case h.closed || !m.now.Before(h.end):
		return "HOLD_NOT_ACTIVE"
	}
	n := h.units
	if words[0] == "confirm" && words[2] != "all" {
		if n = units(words[2]); n > h.units {
			return "UNITS_INVALID"
		}
	}
	h.closed, h.end = true, m.now
	if words[0] == "confirm" {
		h.c.records = append(h.c.records, &record{feature: h.feature, change: n, counted: h.made, recorded: m.now})
	}
	_, said := m.decide(h.c, h.feature, 0)
	return "true" + said[strings.IndexByte(said, ' '):]
}

func (m *model) setOverride(c *customer, feature, what, lasts string) string {
	for _, o := range c.overrides {
		if o.feature == feature && within(m.now, o.start, o.end) {
			o.end = m.now
		}
	}
	o := &override{feature: feature, start: m.now}
	kind, n, _ := strings.Cut(what, "=")
	number, _ := strconv.ParseInt(n, 10, 64)
	switch kind {
	case "max":
		o.hasMax, o.max = true, number
	case "unlimited":
		o.hasMax, o.max = true, -1
	case "add":
		o.add = number
	case "deny":
		o.deny = true
	}
	if lasts != "0" {
		o.end = m.now.Add(seconds(lasts))
	}
	c.overrides = append(c.overrides, o)
	c.settle(m.now)
	return "ok"
}

func (m *model) subscribe(c *customer, code, when string) string {
	p := plans[slices.IndexFunc(plans, func(p plan) bool { return p.code == code })]
	l := &life{plan: p, start: m.now, made: m.now}
	later, isLater := strings.CutPrefix(when, "+")
	if isLater {
		l.start = m.now.Add(seconds(later))
	}
	old := c.liveIn(l.slot(), m.now)
	if old != nil && old.code == code {
		term := time.Time{}
		if old.trial == billing.End {
			term = old.trialEnd
		}
		if term.IsZero() || !isLater || l.start.Before(term) {
			old.own = term
			c.dropScheduled(l.slot(), m.now)
			c.settle(m.now)
			return "ok"
		}
	}
	if when == "period_end" {
		end, wrong := m.periodEnd(c)
		if wrong != "" {
			return wrong
		}
		l.start = end
	}
	if p.addOn && c.liveIn("", l.start) == nil {
		return "PLAN_NOT_AVAILABLE"
	}
	if old != nil && old.trialEnd.After(l.start) {
		l.trialEnd = old.trialEnd
	} else if p.trial != "" && !slices.ContainsFunc(c.lives, func(l *life) bool { return l.usedTrial && !l.start.After(m.now) }) {
		l.usedTrial, l.trialEnd = true, l.start.Add(14*24*time.Hour)
	}
	if p.trial == billing.End {
		l.own = l.trialEnd
	}
	c.dropScheduled(l.slot(), m.now)
	if c.anchor.IsZero() {
		c.anchor = l.start
	}
	type grant struct {
		had bool
		max int64
	}
	was := make(map[string]grant) // as it is before the change
	for _, f := range features {
		had, max, _ := c.base(f, m.now)
		was[f] = grant{had, max}
	}
	replaced := c.liveIn("", m.now)
	c.lives = append(c.lives, l)
	c.settle(m.now)
	if !l.addOn && l.start.Equal(m.now) {
		c.carryOver(l, replaced, func(feature string) (bool, int64) { return was[feature].had, was[feature].max })
	}
	return "ok"
}

func (m *model) periodEnd(c *customer) (time.Time, string) {
	p := c.liveIn("", m.now)
	if p == nil || p.cycle == billing.None {
		return time.Time{}, "WHEN_INVALID"
	}
	_, end := cycle(c.anchor, p.cycle, m.now)
	return first(end, p.own), ""
}

func (m *model) cancel(c *customer, what, when string) string {
	slot := what
	if what == "plan" {
		slot = ""
	}
	l := c.liveIn(slot, m.now)
	if l == nil {
		return "nothing to cancel"
	}
	end := m.now
	if when == "period_end" {
		var wrong string
		if end, wrong = m.periodEnd(c); wrong != "" {
			return wrong
		}
	}
	l.own = first(l.own, end)
	c.dropScheduled(slot, m.now)
	c.settle(m.now)
	return "ok"
}

func (m *model) record(c *customer, words []string) string {
	r := &record{feature: words[2], value: units(words[3]), kind: words[4], id: words[5], recorded: m.now}
	r.stamp = m.now.Add(seconds(words[6]))
	r.counted = r.stamp
	held := m.now
	if granted, _, _ := c.limit(r.feature, held); !granted && r.stamp.Before(m.now) {
		held = r.stamp
	}
	if granted, _, _ := c.limit(r.feature, held); !granted {
		return "not recorded: FEATURE_NOT_FOUND"
	}
	start, end := c.window(r.feature, held, r.stamp)
	used := m.used(c, r.feature, start, end, m.now)
	r.change = r.value
	if r.kind == "absolute" {
		r.change = r.value - used
	}
	for _, other := range c.records {
		if other.id == r.id {
			if other.feature != r.feature || other.kind != r.kind || other.value != r.value || !other.stamp.Equal(r.stamp) {
				return "not duplicate: ID_REUSED"
			}
			return "duplicate"
		}
	}
	if r.change < 0 && used+r.change < 0 {
		return "not recorded: METER_VALUE_INVALID"
	}
	c.records = append(c.records, r)
	return "recorded"
}

func (m *model) meter(c *customer, words []string) string {
	if !slices.ContainsFunc(c.lives, func(l *life) bool { return l.live(m.now) }) {
		return "no agreement"
	}
	feature, n, stamp := words[2], units(words[3]), m.now.Add(seconds(words[4]))
	if granted, _, _ := c.limit(feature, m.now); !granted {
		return "FEATURE_NOT_FOUND"
	}
	start, end := c.window(feature, m.now, m.now)
	r := &record{feature: feature, change: n, counted: stamp, recorded: m.now}
	if !end.IsZero() && stamp.Before(start) {
		r.counted = start
	}
	if m.used(c, feature, start, end, m.now)+n < 0 && n < 0 {
		return "METER_VALUE_INVALID"
	}
	c.records = append(c.records, r)
	return "ok"
}
