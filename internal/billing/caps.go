package billing

import (
	"slices"
	"time"
)

// CapAt is a further limit of an allowance, in windows of its own. It is hard, also where
// the limit is soft, and bounds use whatever pays for it.
type CapAt struct {
	Cap
	Window Window
	// Used is what counts in the window, Held what is held of it. Whoever decides by the
	// allowance is to set them first; those of a decision are never below 0.
	Used, Held Units
	// Remaining, of a decision, is what the cap leaves.
	Remaining Units
}

// CapWindowAt is the span that contains an instant, as the windows of the i-th cap follow
// each other.
func (al *Allowance) CapWindowAt(i int, t time.Time) Window { return al.capRhythms[i].window(t) }

// CapAs puts the caps of a later allowance in the place of its own, in the windows that
// contain an instant. What was used and held in them is to be set.
func (al *Allowance) CapAs(later *Allowance, t time.Time) {
	al.Caps, al.capRhythms = slices.Clone(later.Caps), later.capRhythms
	for i := range al.Caps {
		al.Caps[i].Window = later.CapWindowAt(i, t)
	}
}

// caps are those of the live parts, with how their windows follow each other. Of several with the same reset the caps are summed as
// limits are; their windows are those of the plan's item, else of the add-on's with the
// lowest code.
func (s *Snapshot) caps(parts []part, now time.Time) (out []CapAt, rhythms []rhythm) {
	if !slices.ContainsFunc(parts, func(p part) bool { return len(p.item.Caps) > 0 }) {
		return nil, nil
	}
	live := inOrder(parts, now)
	for i := range live {
		p := &live[i]
		for _, c := range p.item.Caps {
			most := *p.each(p.item, &c.Max)
			if j := slices.IndexFunc(out, func(o CapAt) bool { return o.Reset == c.Reset }); j >= 0 {
				out[j].Max = *plus(&out[j].Max, &most)
				continue
			}
			r := s.rhythmOf(c.Reset, p, now)
			out = append(out, CapAt{Cap: Cap{Max: most, Reset: c.Reset}, Window: r.window(now)})
			rhythms = append(rhythms, r)
		}
	}
	return out, rhythms
}

// measure works out what caps leave of what was used and held, and reports whether they
// leave some units, and the least that they and the rest leave.
func (d *Decision) measure(units, room Units) (allowed bool, least Units) {
	allowed, least = true, room
	for i := range d.Caps {
		c := &d.Caps[i]
		c.Used = max(d.capCounted[i], 0)
		c.Remaining = left(c.Max, c.Used, c.Held)
		allowed = allowed && (units <= c.Remaining || !binds(c.Max))
		least = min(least, c.Remaining)
	}
	return allowed, least
}

// included is how many units the live parts say cost nothing; nil if none says so.
func included(parts []part, now time.Time) *int64 {
	var sum *int64
	for i := range parts {
		p := &parts[i]
		if n := p.item.Included; n != nil && p.Live(now) {
			if sum == nil {
				sum = new(int64(0))
			}
			sum = plus(sum, p.each(p.item, n))
		}
	}
	return sum
}

// rateOf is how fast the live parts say that something may be used, summed; nil if none
// says so. Of those by the second and by the minute the sum is by the minute.
func rateOf(parts []part, now time.Time) *Rate {
	var sum *Rate
	for i := range parts {
		r := parts[i].item.Rate
		switch {
		case r == nil || !parts[i].Live(now):
			continue
		case sum == nil:
			sum = new(*r)
			continue
		case sum.Per != r.Per:
			sum, r = sum.byMinute(), r.byMinute()
		}
		both := Rate{Max: *plus(&sum.Max, &r.Max), Per: sum.Per, Burst: sum.Burst}
		switch {
		case r.Burst == nil:
		case both.Burst == nil:
			both.Burst = r.Burst
		default:
			both.Burst = plus(both.Burst, r.Burst)
		}
		sum = &both
	}
	return sum
}

// byMinute is the same rate, by the minute.
func (r *Rate) byMinute() *Rate {
	if r.Per == perMinute {
		return r
	}
	return &Rate{Max: *times(&r.Max, 60), Per: perMinute, Burst: r.Burst}
}
