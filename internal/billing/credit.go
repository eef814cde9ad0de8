package billing

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// CreditClass is what a source of credit is. Of sources that are alike in all that comes
// before, the lower class burns first.
type CreditClass int

// The classes, in the order in which they burn.
const (
	CreditRollover CreditClass = iota
	CreditAllowance
	CreditPromotional
	CreditPaid
)

// CreditSource is something that use of a metered feature is paid from, beside the
// allowance of the feature's window.
type CreditSource struct {
	// ID names it among those of the feature, for ever.
	ID       string
	Class    CreditClass
	Priority int
	// EffectiveOn and EndsOn bound its half-open life; a zero EndsOn is no end.
	EffectiveOn, EndsOn time.Time
	Amount              *Units // nil: unlimited
	Only                []Code // the features that may burn it; nil: every one, and its own
	AddOn               Code   // of an allowance: whose it is
	Window              Window // of an allowance, and of a rollover the one it is left of
	// Max is the most that rolls over of a window; nil: all of it.
	Max   *Units
	Grant *Grant // of one that is stored
}

// Live reports whether it can be drawn from at an instant.
func (c *CreditSource) Live(t time.Time) bool {
	return !t.Before(c.EffectiveOn) && (c.EndsOn.IsZero() || t.Before(c.EndsOn))
}

// OwnSource names the allowance of the feature's window that contains the instant of
// whatever draws on it.
const OwnSource = "window"

// windowSource names what rolls over of a window.
func windowSource(w Window) string { return "window/" + spanText(w) }

func spanText(w Window) string {
	if w.AllTime() {
		return "/"
	}
	return strconv.FormatInt(w.Start.UnixMicro(), 10) + "/" + strconv.FormatInt(w.End.UnixMicro(), 10)
}

// pooled reports whether what a customer may use of a metered feature does not follow
// from one limit and one counter: there may be more sources than the allowance of the
// window, or it burns another feature.
func (s *Snapshot) pooled(feature *Feature, parts []part, main rhythm, now time.Time) bool {
	if feature.Type != Metered || feature.Held || s.Catalog.Unfinished {
		return false
	}
	if feature.Pooled || slices.ContainsFunc(s.Grants, func(g Grant) bool { return g.Feature == feature.Code }) {
		return true
	}
	for i := range parts {
		if p := &parts[i]; p.Live(now) && (p.item.OverageMax != nil || p.item.Burns != nil || !s.inRhythm(feature, p, main, now)) {
			return true
		}
	}
	return false
}

// HasSources reports whether a feature is known to have more sources than the allowance of
// its window, or to burn another, without looking at agreements: most have not.
func (s *Snapshot) HasSources(code Code) bool {
	f := s.Catalog.Features[code]
	return f != nil && (f.Pooled || f.Burns != nil || slices.ContainsFunc(s.Grants, func(g Grant) bool { return g.Feature == code }))
}

// inRhythm reports whether the windows of a live part are those of the feature.
func (s *Snapshot) inRhythm(feature *Feature, p *part, main rhythm, now time.Time) bool {
	if p.Kind == KindPlan {
		return true
	}
	if plan := s.plan(now); p.item.Reset == ResetCycle && plan != nil && s.Terms(plan).Find(feature.Code) >= 0 {
		return true
	}
	return s.rhythmOfPart(feature, p, now).window(now) == main.window(now)
}

// ofRhythm are the live parts whose windows are those of the feature; the others are
// sources of their own.
func (s *Snapshot) ofRhythm(feature *Feature, parts []part, main rhythm, now time.Time) (same, others []part) {
	// Servers of the version before sum all of them.
	if feature.Type != Metered || len(parts) < 2 || s.Catalog.Unfinished {
		return parts, nil
	}
	for i := range parts {
		if p := &parts[i]; p.Live(now) && !s.inRhythm(feature, p, main, now) {
			others = append(others, *p)
		} else {
			same = append(same, *p)
		}
	}
	return same, others
}

// CreditSources are the sources of a feature, beside the allowance of its window, whose
// life has an instant of [from, to], in the order in which they burn. Agreements that have
// ended count for what they have left behind: they must be among the facts.
func (s *Snapshot) CreditSources(feature *Feature, from, to time.Time) []CreditSource {
	var out []CreditSource
	if s.deleted() {
		return nil
	}
	for i := range s.Grants {
		if g := &s.Grants[i]; g.Feature == feature.Code {
			out = append(out, g.source())
		}
	}
	out = append(out, s.givenSources(feature, to)...)
	out = append(out, s.addOnSources(feature, from, to)...)
	out = append(out, s.tails(feature, from, to)...)
	out = slices.DeleteFunc(out, func(c CreditSource) bool {
		return c.EffectiveOn.After(to) || !c.EndsOn.IsZero() && (!c.EndsOn.After(from) || !c.EndsOn.After(c.EffectiveOn))
	})
	slices.SortFunc(out, CompareCredit)
	return out
}

// CompareCredit orders sources as they burn.
func CompareCredit(a, b CreditSource) int {
	return cmp.Or(
		cmp.Compare(a.Priority, b.Priority), compareEnds(a.EndsOn, b.EndsOn), cmp.Compare(a.Class, b.Class),
		compareEffective(&a, &b), cmp.Compare(a.ID, b.ID),
	)
}

func compareEffective(a, b *CreditSource) int {
	if a.Class == CreditAllowance { // the plan's, which has no add-on, first
		return cmp.Compare(a.AddOn, b.AddOn)
	}
	return a.EffectiveOn.Compare(b.EffectiveOn)
}

// compareEnds orders ends; zero, which is never, comes last.
func compareEnds(a, b time.Time) int {
	switch {
	case a.Equal(b):
		return 0
	case a.IsZero() || !b.IsZero() && b.Before(a):
		return 1
	}
	return -1
}

// source is the grant as a source.
func (g *Grant) source() CreditSource {
	end := g.ExpiresOn
	if !g.EndedOn.IsZero() {
		end = earlier(end, g.EndedOn)
	}
	return CreditSource{
		ID: g.ID.String(), Class: g.Kind.class(), Priority: g.Priority, EffectiveOn: g.EffectiveOn, EndsOn: end,
		Amount: new(g.Amount), Only: g.Only, Grant: g,
	}
}

func (k GrantKind) class() CreditClass {
	if k == Promotional {
		return CreditPromotional
	}
	return CreditPaid
}

// addOnSources are the allowances of add-ons in another rhythm than the feature's. One
// belongs to the unbroken chain of agreements to its add-on: another version or quantity
// goes on with what was drawn.
func (s *Snapshot) addOnSources(feature *Feature, from, to time.Time) []CreditSource {
	var out []CreditSource
	for _, at := range s.moments(feature, from, to) {
		parts := s.partsOf(feature.Code, at)
		main := s.rhythm(feature, parts, at)
		_, others := s.ofRhythm(feature, parts, main, at)
		for i := range others {
			p := &others[i]
			w := s.rhythmOfPart(feature, p, at).window(at)
			first, last := s.chain(p.Agreement)
			c := CreditSource{
				ID: "addon/" + first.ID.String() + "/" + spanText(w), Class: CreditAllowance, Priority: DefaultPriority,
				EffectiveOn: latest(first.StartsOn, w.Start), EndsOn: earlier(last.ExpiresOn, w.End), Amount: unitsOf(p.max()),
				AddOn: p.Plan, Window: w,
			}
			if i := slices.IndexFunc(out, func(o CreditSource) bool { return o.ID == c.ID }); i >= 0 {
				out[i] = c // the later amount
			} else {
				out = append(out, c)
			}
		}
	}
	return out
}

// chain are the first and the last of the agreements of a slot to the same plan that
// follow each other without a gap and have a given one among them.
func (s *Snapshot) chain(a *Agreement) (first, last *Agreement) {
	first, last = a, a
	for again := true; again; {
		again = false
		for i := range s.Agreements {
			b := &s.Agreements[i]
			if b.Plan != a.Plan || b.Kind != a.Kind || !b.ExpiresOn.IsZero() && !b.ExpiresOn.After(b.StartsOn) {
				continue
			}
			if !b.ExpiresOn.IsZero() && b.ExpiresOn.Equal(first.StartsOn) {
				first, again = b, true
			}
			if !last.ExpiresOn.IsZero() && b.StartsOn.Equal(last.ExpiresOn) {
				last, again = b, true
			}
		}
	}
	return first, last
}

// unitsOf is a limit as an amount of usage; nil is unlimited.
func unitsOf(limit *int64) *Units {
	if limit == nil {
		return nil
	}
	return new(LimitUnits(*limit))
}

// moments are the first of some instants, and all after it up to the last at which the
// sources of a feature can be others: where agreements begin and end, and windows do.
// They ascend.
func (s *Snapshot) moments(feature *Feature, from, to time.Time) []time.Time {
	all := []time.Time{from}
	add := func(t time.Time) {
		if t.After(from) && !t.After(to) {
			all = append(all, t)
		}
	}
	for i := range s.Agreements {
		add(s.Agreements[i].StartsOn)
		add(s.Agreements[i].ExpiresOn)
	}
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	for _, begins := range slices.Clone(all) {
		parts := s.partsOf(feature.Code, begins)
		main := s.rhythm(feature, parts, begins)
		_, others := s.ofRhythm(feature, parts, main, begins)
		rhythms := []rhythm{main}
		for i := range others {
			rhythms = append(rhythms, s.rhythmOfPart(feature, &others[i], begins))
		}
		for _, r := range rhythms {
			w := r.window(begins)
			for n := 0; !w.AllTime() && !w.End.After(to) && n < maxMoments; n++ {
				all = append(all, w.End)
				w = r.window(w.End)
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// maxMoments bounds how many windows are looked at one by one.
const maxMoments = 1000

// CreditMoments are the instants after one and up to another at which a source of a
// feature begins, ascending, so that there may be something left that was not.
func (s *Snapshot) CreditMoments(feature *Feature, after, to time.Time) []time.Time {
	all := s.moments(feature, after, to)
	for _, c := range s.CreditSources(feature, after, to) {
		all = append(all, c.EffectiveOn)
	}
	for i := range s.Overrides {
		if o := &s.Overrides[i]; o.Feature == feature.Code {
			all = append(all, o.StartsOn, o.ExpiresOn)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	return slices.DeleteFunc(all, func(t time.Time) bool { return !t.After(after) || t.After(to) })
}

// pool completes the allowance of a pooled feature.
func (s *Snapshot) pool(al *Allowance, parts []part, o *Override, now time.Time) {
	if p := lead(parts, now); p != nil {
		al.EndsOn = s.LivedUntil(al.Feature, now)
		al.OverageMax, al.Burns = p.item.overageMax(p.Agreement), p.item.Burns
	} else {
		al.EndsOn = al.Window.End
		if o != nil {
			al.EndsOn = earlier(al.EndsOn, o.ExpiresOn)
		}
		al.Burns = al.Feature.Burns
	}
	sources := s.CreditSources(al.Feature, now, now)
	for i := range sources {
		c := &sources[i]
		if c.Live(now) && c.Class >= CreditPromotional && c.Grant == nil { // the others are among them
			al.Sources = append(al.Sources, c.shown())
		}
	}
	if s.barred() || s.denies(al.Feature.Code, now) { // what is there gives nothing, and is held all the same
		return
	}
	if !al.Granted && slices.ContainsFunc(sources, func(c CreditSource) bool { return c.Class >= CreditPromotional && c.Live(now) }) {
		al.Granted, al.Limit = true, Limit{Max: new(int64(0))}
	}
	s.nextCredit(al, now)
}

// overageMax is how much may be used above a soft limit.
func (it *Item) overageMax(a *Agreement) *int64 {
	if it.OverageMax != nil && (it.PerQuantity || a.Kind == KindAddOn) {
		return times(it.OverageMax, a.Quantity)
	}
	return it.OverageMax
}

// shown is the source among those of an allowance. It has no part in the limit.
func (c *CreditSource) shown() Source {
	return Source{Kind: fromGrant, ID: c.ID, Max: new(int64(*c.Amount / OneUnit)), Counts: true}
}

// nextCredit tells of the next start and end of sources.
func (s *Snapshot) nextCredit(al *Allowance, now time.Time) {
	next := al.NextChange
	horizon := now.AddDate(1, 0, 0)
	if !al.Window.AllTime() {
		horizon = al.Window.End
	}
	for _, c := range s.CreditSources(al.Feature, now, horizon) {
		end := whyGrantExpires
		switch c.Class {
		case CreditRollover:
			end = whyRolloverEnds
		case CreditAllowance:
			end = whyAllowanceResets
		}
		if c.EffectiveOn.After(now) && c.Class >= CreditPromotional {
			next = next.or(c.EffectiveOn, whyGrantStarts)
		}
		if c.EndsOn.After(now) && c.Live(now) {
			next = next.or(c.EndsOn, end)
		}
	}
	for i := range s.Grants { // those far ahead too
		if g := &s.Grants[i]; g.Feature == al.Feature.Code && g.EndedOn.IsZero() {
			if g.EffectiveOn.After(now) {
				next = next.or(g.EffectiveOn, whyGrantStarts)
			}
			if g.Live(now) {
				next = next.or(g.ExpiresOn, whyGrantExpires)
			}
		}
	}
	al.NextChange = next
}

// sourcesOf adds the features, to those that have parts, that grants give.
func (s *Snapshot) sourcesOf(parts map[Code][]part) {
	add := func(code Code) {
		if parts[code] == nil {
			parts[code] = []part{}
		}
	}
	for i := range s.Grants {
		add(s.Grants[i].Feature)
	}
	for i := range s.Agreements {
		items := s.Terms(&s.Agreements[i]).Items
		for j := range items {
			if len(items[j].Grants) > 0 {
				add(items[j].Feature)
			}
		}
	}
}
