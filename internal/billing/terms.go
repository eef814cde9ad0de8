package billing

import "github.com/allot-dev/allot/internal/calendar"

// grid is how the cycles of an agreement follow each other.
func (s *Snapshot) grid(a *Agreement) calendar.Grid { return s.Catalog.grid(&s.Customer, a) }

func (c *Catalog) grid(customer *Customer, a *Agreement) calendar.Grid {
	terms := c.Plans[a.Plan].Version(a.Version)
	g := calendar.Grid{Every: terms.Cycle, Align: terms.Align, Anchor: a.AnchorOn, Zones: customer.Zones}
	if g.Anchor.IsZero() {
		g.Anchor = customer.AnchorOn
	}
	return g
}
