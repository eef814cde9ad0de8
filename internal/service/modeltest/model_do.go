package modeltest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

func (m *model) do(words []string) string {
	switch words[0] {
	case "clock":
		m.now = m.now.Add(seconds(words[1]))
		return "ok"
	case "once":
		return m.once(words[1], words[2:])
	case "stands":
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
		return m.endOverride(c, words[2])
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
	for _, old := range c.overrides {
		if old.feature == feature && within(m.now, old.start, old.end) {
			if old.terms() == o.terms() {
				return "ok" // it stays as it is
			}
			old.end = m.now
		}
	}
	o.name = m.name()
	c.overrides = append(c.overrides, o)
	c.settle(m.now)
	return "ok"
}

func (m *model) endOverride(c *customer, feature string) string {
	for _, o := range c.overrides {
		if o.feature == feature && within(m.now, o.start, o.end) {
			o.end = m.now
			c.settle(m.now)
			return "ok"
		}
	}
	return "OVERRIDE_NOT_FOUND"
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
		had, old, _ := c.base(f, m.now)
		was[f] = grant{had, old}
	}
	replaced := c.liveIn("", m.now)
	l.name = m.name()
	c.lives = append(c.lives, l)
	c.settle(m.now)
	if !l.addOn && l.start.Equal(m.now) {
		c.carryOver(l, replaced, func(feature string) (bool, int64) { return was[feature].had, was[feature].max })
	}
	return "ok"
}

func (m *model) periodEnd(c *customer) (time.Time, string) {
	p := c.liveIn("", m.now)
	if p == nil || p.cycle == calendar.None {
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
