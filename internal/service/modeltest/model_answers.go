package modeltest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

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
		return false, "false suspended " + c.why(feature, m.now)
	case !granted:
		return false, "false not_entitled " + c.why(feature, m.now)
	case feature == "sso":
		return true, "true unmetered " + c.why(feature, m.now)
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
	remaining, resets := "-", "never"
	if limit >= 0 {
		remaining = max(billing.Units(limit)*billing.OneUnit-used-held, 0).String()
	}
	if !end.IsZero() {
		resets = end.Format(time.RFC3339)
	}
	return fmt.Sprintf("%v %s limit %s soft %v used %s held %s remaining %s resets %s %s",
		allowed, reason, limitText(limit), soft, used, held, remaining, resets, c.why(feature, m.now))
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
			if f == "sso" {
				limit = -1
			}
			n := 0
			for _, l := range c.lives {
				if _, has := l.items[f]; has && l.live(m.now) {
					n++
				}
			}
			for range max(n, 1) { // an override alone is one
				entitlements = append(entitlements, f+"<="+limitText(limit))
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
		if f == "sso" {
			limit = -1
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
		lines = append(lines, fmt.Sprintf("%s: limit %s used %s held %s %s", f, limitText(limit), used, held, c.why(f, at)))
	}
	return strings.Join(lines, "\n")
}

// limitText writes a limit; below 0 is none.
func limitText(n int64) string {
	if n < 0 {
		return "none"
	}
	return strconv.FormatInt(n, 10)
}
