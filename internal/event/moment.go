package event

import (
	"slices"
	"strconv"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Moment is an instant of a customer's life: what was known until just before it, and what
// is known from it on.
type Moment struct {
	On time.Time
	// Before and After are the same facts unless something was changed at the instant.
	// What was scheduled for it, by Before, has happened then.
	Before, After *billing.Snapshot
	// Rev is that of the last change of the instant, By who made it; 0: there is none.
	Rev int64
	By  billing.Actor
	// Imported says that what was changed is history which was brought along. Nobody is
	// told what it made different.
	Imported bool
	// Over are the features of which an earlier limit was in force just before, of
	// [Moment.Graces].
	Over map[billing.Code]bool
	// Resets asks for usage.reset.
	Resets bool
}

// just is the last instant before another.
func just(before time.Time) time.Time { return before.Add(-time.Microsecond) }

// Events are what time caused at the moment, and what became different of what the
// customer is entitled to, whatever caused that. Each follows from the moment alone, so
// it is the same whenever it is asked for. Of a customer that was deleted before there
// are none.
func (m *Moment) Events() []Event {
	if deleted(m.Before, just(m.On)) {
		return nil
	}
	var out []Event
	for i := range m.Before.Agreements {
		out = append(out, m.ofAgreement(&m.Before.Agreements[i])...)
	}
	for i := range m.Before.Overrides {
		o := &m.Before.Overrides[i]
		if o.ExpiresOn.Equal(m.On) && o.StartsOn.Before(m.On) {
			out = append(out, m.event(OverrideEnded, o.ID.String(), facts{
				"override_id": o.ID.String(), "feature_code": string(o.Feature), "starts_on": text(o.StartsOn), "expires_on": text(o.ExpiresOn),
			}))
		}
	}
	for i := range m.Before.Grants {
		g := &m.Before.Grants[i]
		if g.ExpiresOn.Equal(m.On) && g.Live(just(m.On)) {
			out = append(out, m.event(GrantExpired, g.ID.String(), facts{
				"grant_id": g.ID.String(), "feature_code": string(g.Feature), "amount": g.Amount.String(), "kind": string(g.Kind),
				"pack": string(g.Pack), "effective_on": text(g.EffectiveOn), "expires_on": text(g.ExpiresOn),
			}))
		}
	}
	out = append(out, m.prompts()...)
	return append(out, m.entitlements()...)
}

// facts are those of an event. What is empty is left out.
type facts map[string]string

func text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// event is one of the moment. Of one type and thing there is one at an instant.
func (m *Moment) event(t Type, thing string, told facts) Event {
	for name, v := range told {
		if v == "" {
			delete(told, name)
		}
	}
	return Event{Scope: m.After.Customer.ID.Scope(), Cause: string(t) + " " + thing + " " + text(m.On), Type: t, On: m.On, Facts: told}
}

// ofAgreement are the ends and the start of an agreement as it was known before.
func (m *Moment) ofAgreement(a *billing.Agreement) []Event {
	var out []Event
	id := a.ID.String()
	lived := a.Live(just(m.On))
	if lived && a.TrialEndsOn.Equal(m.On) {
		out = append(out, m.event(TrialEnded, id, m.trial(m.Before, a)))
	}
	if lived && a.ExpiresOn.Equal(m.On) {
		out = append(out, m.event(AgreementEnded, id, agreement(a)))
	}
	if a.StartsOn.Equal(m.On) && a.Live(m.On) {
		out = append(out, m.event(AgreementStarted, id, agreement(a)))
	}
	for i := range a.Carried {
		c := &a.Carried[i]
		if !lived || !c.Until.Equal(m.On) || len(c.OverOn) > 0 && !m.Over[c.Feature] {
			continue
		}
		ended := m.event(GraceEnded, id+" "+string(c.Feature), agreement(a))
		ended.Facts["feature_code"], ended.Facts["max"] = string(c.Feature), "unlimited"
		if c.Max != nil {
			ended.Facts["max"] = strconv.FormatInt(*c.Max, 10)
		}
		out = append(out, ended)
	}
	return out
}

// Graces are the features of which an earlier limit ends at the moment that holds on only
// for who was over: see [billing.Carry].
func (m *Moment) Graces() (codes []billing.Code) {
	for i := range m.Before.Agreements {
		a := &m.Before.Agreements[i]
		for _, c := range a.Carried {
			if a.Live(just(m.On)) && c.Until.Equal(m.On) && len(c.OverOn) > 0 && !slices.Contains(codes, c.Feature) {
				codes = append(codes, c.Feature)
			}
		}
	}
	return codes
}

// agreement are the facts of an agreement that are told.
func agreement(a *billing.Agreement) facts {
	return facts{
		"agreement_id": a.ID.String(), "plan_code": string(a.Plan), "version": strconv.Itoa(a.Version), "kind": string(a.Kind),
		"quantity": strconv.FormatInt(a.Quantity, 10), "starts_on": text(a.StartsOn), "expires_on": text(a.ExpiresOn),
	}
}

func (m *Moment) trial(s *billing.Snapshot, a *billing.Agreement) facts {
	told := agreement(a)
	_, then := s.Prompt(a)
	told["trial_ends_on"], told["trial_then"] = text(a.TrialEndsOn), string(then)
	return told
}

// prompts are the trials that came so near to their end at the moment that it is told. A
// trial that goes on in another agreement is the same; one whose end was moved is not.
func (m *Moment) prompts() []Event {
	var out []Event
	near := ending(m.Before, just(m.On))
	for _, a := range ending(m.After, m.On) {
		if slices.ContainsFunc(near, func(b *billing.Agreement) bool { return trialOf(b) == trialOf(a) }) {
			continue
		}
		e := m.event(TrialWillEnd, "", m.trial(m.After, a))
		e.Cause = string(TrialWillEnd) + " " + trialOf(a)
		out = append(out, e)
	}
	return out
}

// trialOf names a trial and its end.
func trialOf(a *billing.Agreement) string {
	scope := a.TrialScope
	if scope == "" { // it is no trial of a group, or of before there were scopes
		scope = a.ID.String()
	}
	return scope + " " + text(a.TrialEndsOn)
}

// ending are the agreements in a trial whose end is near.
func ending(s *billing.Snapshot, at time.Time) []*billing.Agreement {
	var out []*billing.Agreement
	for i := range s.Agreements {
		a := &s.Agreements[i]
		if on, _ := s.Prompt(a); a.Live(at) && at.Before(a.TrialEndsOn) && !at.Before(on) {
			out = append(out, a)
		}
	}
	return out
}

func deleted(s *billing.Snapshot, at time.Time) bool {
	on := s.Customer.DeletedOn
	return !on.IsZero() && !at.Before(on)
}

// Next is the first instant after another at which time may cause something by some facts;
// zero: it causes nothing for ever. With resets the ends of windows are among them.
func Next(s *billing.Snapshot, after time.Time, resets bool) (next time.Time) {
	if deleted(s, after) {
		return next
	}
	at := func(t time.Time) {
		if t.After(after) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for i := range s.Agreements {
		a := &s.Agreements[i]
		if a.Ended(after) || a.Ended(a.StartsOn) {
			continue
		}
		at(a.StartsOn)
		at(a.ExpiresOn)
		at(a.TrialEndsOn)
		on, _ := s.Prompt(a)
		at(on)
		for j := range a.Carried {
			at(a.Carried[j].Until)
		}
	}
	for i := range s.Overrides {
		at(s.Overrides[i].StartsOn)
		at(s.Overrides[i].ExpiresOn)
	}
	for i := range s.Grants {
		if g := &s.Grants[i]; g.EndedOn.IsZero() {
			at(g.EffectiveOn)
			at(g.ExpiresOn)
		}
	}
	for _, on := range leftOver(s, after) {
		at(on)
	}
	if resets {
		for _, al := range s.Allowances(after) {
			if resetting(&al) {
				at(al.Window.End)
			}
		}
	}
	return next
}

// leftOver are the ends of what plans gave beside their allowances, of features that
// nothing else gives: a customer is entitled to them as long as that lasts.
func leftOver(s *billing.Snapshot, at time.Time) (ends []time.Time) {
	seen := map[billing.Code]bool{}
	for i := range s.Agreements {
		items := s.Terms(&s.Agreements[i]).Items
		for j := range items {
			code := items[j].Feature
			if len(items[j].Grants) == 0 || seen[code] || held(s, code, at) {
				continue
			}
			seen[code] = true
			for _, c := range s.CreditSources(s.Catalog.Features[code], at, at) {
				ends = append(ends, c.EndsOn)
			}
		}
	}
	return ends
}

// held reports whether an agreement that is live has a feature.
func held(s *billing.Snapshot, code billing.Code, at time.Time) bool {
	return slices.ContainsFunc(s.Agreements, func(a billing.Agreement) bool { return a.Live(at) && s.Terms(&a).Find(code) >= 0 })
}
