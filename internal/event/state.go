package event

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// entitlements is what became different of what the customer is entitled to, and, if it is
// asked for, which windows began with nothing else changed.
func (m *Moment) entitlements() []Event {
	before, after := allowances(m.Before, just(m.On)), allowances(m.After, m.On)
	var out []Event
	if changed := changes(states(before), states(after)); len(changed) > 0 && !m.Imported {
		e := m.event(EntitlementsChanged, "", nil)
		// Clocks that differ may give changes made one after another the same instant.
		e.Cause = string(EntitlementsChanged) + " " + text(m.On)
		if m.Rev > 0 {
			e.Cause += " " + strconv.FormatInt(m.Rev, 10)
		}
		e.By, e.Features = m.By, changed
		out = append(out, e)
	}
	if !m.Resets {
		return out
	}
	for _, code := range slices.Sorted(maps.Keys(after)) {
		al := after[code]
		was, ok := before[code]
		if !ok || !resetting(was) || !resetting(al) || !was.Window.End.Equal(m.On) || !al.Window.Start.Equal(m.On) {
			continue
		}
		out = append(out, m.event(UsageReset, string(code), facts{
			"feature_code": string(code), "starts_on": text(al.Window.Start), "ends_on": text(al.Window.End),
		}))
	}
	return out
}

// resetting reports whether usage of what is allowed counts in windows that follow each
// other.
func resetting(al *billing.Allowance) bool {
	return al.Granted && !al.Suspended && al.Feature.Type == billing.Metered && !al.Window.AllTime()
}

// allowances are those of what the customer is entitled to.
func allowances(s *billing.Snapshot, at time.Time) map[billing.Code]*billing.Allowance {
	out := map[billing.Code]*billing.Allowance{}
	if deleted(s, at) {
		return out
	}
	all := s.Allowances(at)
	for i := range all {
		if al := &all[i]; al.Granted && !al.Suspended {
			out[al.Feature.Code] = al
		}
	}
	return out
}

func states(allowances map[billing.Code]*billing.Allowance) map[billing.Code]FeatureState {
	out := make(map[billing.Code]FeatureState, len(allowances))
	for code, al := range allowances {
		state := FeatureState{Entitled: true, Value: al.Value.JSON(al.Feature.Of)}
		if al.Feature.Type == billing.Metered {
			state.Limit, state.Soft = al.Limit.Max, al.Limit.Soft
		}
		out[code] = state
	}
	return out
}

// changes are the features whose states differ, ascending by code.
func changes(before, after map[billing.Code]FeatureState) []FeatureChange {
	codes := maps.Clone(before)
	maps.Copy(codes, after)
	var out []FeatureChange
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		if c := (FeatureChange{Feature: code, Before: before[code], After: after[code]}); !c.Before.same(&c.After) {
			out = append(out, c)
		}
	}
	return out
}

func (s *FeatureState) same(other *FeatureState) bool {
	a, b := *s, *other
	limits := a.Limit == b.Limit || a.Limit != nil && b.Limit != nil && *a.Limit == *b.Limit
	a.Limit, b.Limit = nil, nil
	return limits && a == b
}
