package billing

// Refusal is what refused a use for what was used before it: the limit of the feature's
// window, what pays for it or how far it may be passed, or a cap in a window of its own.
type Refusal struct {
	Window Window
	Limit  *int64 // in that window; nil: none
	Used   Units
}

// Refusal is what a decision on some units is refused by. It reports false of one that is
// allowed, and of one that is refused for something else: nothing is granted, or the
// customer is suspended.
func (d *Decision) Refusal(units Units) (Refusal, bool) {
	switch d.Reason {
	case reasonLimitReached, reasonPoolEmpty, reasonOverageReached:
	case reasonCapReached:
		for i := range d.Caps {
			if c := &d.Caps[i]; units > c.Remaining && binds(c.Max) {
				return Refusal{c.Window, &c.Max, c.Used}, true
			}
		}
		// It is one of the pool that the feature burns.
	default:
		return Refusal{}, false
	}
	return Refusal{d.Window, d.Limit.Max, d.Used}, true
}
