package naive

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// Cycle is how windows follow each other: N units, or "never".
type Cycle struct {
	N     int
	Unit  string // hour, day, week, month, year, never; "cycle" in a reset: as the plan
	Align bool
}

func (c Cycle) never() bool { return c.Unit == "never" }

// UnmarshalJSON reads "month" and {"every": 2, "unit": "week"}.
func (c *Cycle) UnmarshalJSON(b []byte) error {
	var word string
	if json.Unmarshal(b, &word) == nil {
		if word == "none" {
			word = "never"
		}
		*c = Cycle{N: 1, Unit: word}
		return nil
	}
	var many struct {
		Every int
		Unit  string
	}
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	*c = Cycle{N: many.Every, Unit: many.Unit}
	return nil
}

// Feature of a catalog.
type Feature struct {
	Code, Type string
	Reset      *Cycle
}

// Group of plans.
type Group struct {
	Code, Fallback string
	CustomerType   string `json:"customer_type"`
	Default        bool
}

// OverLimit says what becomes of who is over after a downgrade.
type OverLimit struct {
	Kind string // "", block, grace, allow
	Days int
}

// UnmarshalJSON reads "allow" and {"grace": {"days": 3}}.
func (o *OverLimit) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &o.Kind) == nil {
		return nil
	}
	var g struct{ Grace struct{ Days int } }
	err := json.Unmarshal(b, &g)
	o.Kind, o.Days = "grace", g.Grace.Days
	return err
}

// Item of a plan.
type Item struct {
	Feature   string
	Max       *int64
	Limit     string // hard (or "") or soft
	Reset     *Cycle
	Align     string
	Per       string
	OverLimit *OverLimit `json:"over_limit"`
	Annual    any
}

// Trial of a plan.
type Trial struct {
	Days int
	Then string
}

// Plan is one version of a plan.
type Plan struct {
	Code, Group, Kind, Status string
	Archived, Default         bool
	Cycle                     *Cycle
	Align                     string
	Trial                     *Trial
	Quantity                  any
	Items                     []Item
	Version                   int `json:"-"`

	content string // what is versioned, as text
}

// Catalog is all that was applied: the newest words about a thing win, and of
// plans every published version is kept.
type Catalog struct {
	Features []*Feature
	Groups   []*Group
	Versions []*Plan // in the order they were made
}

func (c *Catalog) feature(code string) *Feature {
	for _, f := range c.Features {
		if f.Code == code {
			return f
		}
	}
	return nil
}

func (c *Catalog) group(code string) *Group {
	for _, g := range c.Groups {
		if g.Code == code {
			return g
		}
	}
	return nil
}

// latest is the newest version of a plan, nil if there is none.
func (c *Catalog) latest(code string) *Plan {
	var last *Plan
	for _, p := range c.Versions {
		if p.Code == code {
			last = p
		}
	}
	return last
}

func (c *Catalog) version(code string, n int) *Plan {
	for _, p := range c.Versions {
		if p.Code == code && p.Version == n {
			return p
		}
	}
	return nil
}

func (p *Plan) addOn() bool { return p.Kind == "add_on" }

func (p *Plan) cycle() Cycle {
	if p.Cycle == nil {
		return Cycle{N: 1, Unit: "month", Align: p.Align == "calendar"}
	}
	c := *p.Cycle
	c.Align = p.Align == "calendar" && !c.never() && c.N == 1
	return c
}

func (p *Plan) item(feature string) *Item {
	for i := range p.Items {
		if p.Items[i].Feature == feature {
			return &p.Items[i]
		}
	}
	return nil
}

func (p *Plan) sellsYears() bool {
	for _, it := range p.Items {
		if it.Annual != nil {
			return true
		}
	}
	return false
}

// quantityOK tells whether n of the plan may be bought.
func (p *Plan) quantityOK(n int) bool {
	if n < 1 {
		return false
	}
	switch q := p.Quantity.(type) {
	case map[string]any:
		lo, hasLo := q["min"].(float64)
		hi, hasHi := q["max"].(float64)
		return (!hasLo || n >= int(lo)) && (!hasHi || n <= int(hi))
	case bool:
		return q || n == 1 || p.addOn()
	}
	return p.addOn() || n == 1
}

// apply reads a catalog file. Nothing is changed if it returns an error.
func (c *Catalog) apply(text []byte) (*Catalog, error) {
	var file struct {
		Features   []*Feature
		PlanGroups []*Group `json:"plan_groups"`
		Plans      []json.RawMessage
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	next := &Catalog{}
	next.Features = append(next.Features, c.Features...)
	next.Versions = append(next.Versions, c.Versions...)
	next.Groups = append(next.Groups, c.Groups...)
	for _, f := range file.Features {
		if at := next.feature(f.Code); at == nil {
			next.Features = append(next.Features, f)
		} else {
			for i := range next.Features {
				if next.Features[i] == at {
					next.Features[i] = f
				}
			}
		}
	}
	for _, g := range file.PlanGroups {
		if at := next.group(g.Code); at == nil {
			next.Groups = append(next.Groups, g)
		} else {
			for i := range next.Groups {
				if next.Groups[i] == at {
					next.Groups[i] = g
				}
			}
		}
	}
	sort.Slice(next.Features, func(i, j int) bool { return next.Features[i].Code < next.Features[j].Code })
	for _, raw := range file.Plans {
		p := &Plan{}
		if err := json.Unmarshal(raw, p); err != nil {
			return nil, err
		}
		if err := next.sound(p); err != nil {
			return nil, err
		}
		p.content = versioned(raw)
		last := next.latest(p.Code)
		switch {
		case last == nil:
			p.Version = 1
			next.Versions = append(next.Versions, p)
		case last.Status == "draft", last.content == p.content:
			// A draft is written over. What is not versioned changes in place, on a
			// copy: the catalog before stays as it was.
			p.Version = last.Version
			now := *last
			if last.Status == "draft" {
				now = *p
			}
			now.Archived, now.Default = p.Archived, p.Default
			for i := range next.Versions {
				if next.Versions[i] == last {
					next.Versions[i] = &now
				}
			}
		default:
			p.Version = last.Version + 1
			next.Versions = append(next.Versions, p)
		}
	}
	return next, nil
}

// versioned is the text of what a version of a plan fixes.
func versioned(raw []byte) string {
	var m map[string]any
	_ = json.Unmarshal(raw, &m)
	for _, k := range []string{"name", "description", "metadata", "default", "archived", "hidden", "status"} {
		delete(m, k)
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// sound finds the faults of a plan that the model knows.
func (c *Catalog) sound(p *Plan) error {
	if c.group(p.Group) == nil {
		return fmt.Errorf("plan %s: no group %q", p.Code, p.Group)
	}
	if p.Align != "" && (p.cycle().N != 1 || p.cycle().never()) {
		return fmt.Errorf("plan %s: align goes with one unit", p.Code)
	}
	seen := ""
	for _, it := range p.Items {
		f := c.feature(it.Feature)
		if f == nil || strings.Contains(seen, "|"+it.Feature+"|") {
			return fmt.Errorf("plan %s: feature %q", p.Code, it.Feature)
		}
		seen += "|" + it.Feature + "|"
		if f.Type != "metered" {
			continue
		}
		r := c.itemCycle(p, &it, p)
		if r.never() && (it.Align != "" || it.OverLimit != nil && it.OverLimit.Kind == "allow") {
			return fmt.Errorf("plan %s: %s never resets", p.Code, it.Feature)
		}
		if it.Align != "" && r.N != 1 {
			return fmt.Errorf("plan %s: align goes with one unit", p.Code)
		}
	}
	return nil
}

// reset is the reset of an item: its own, else the feature's, else "cycle".
func (c *Catalog) reset(it *Item) Cycle {
	if it.Reset != nil {
		return *it.Reset
	}
	return c.featureReset(it.Feature)
}

func (c *Catalog) featureReset(code string) Cycle {
	if f := c.feature(code); f != nil && f.Reset != nil {
		return *f.Reset
	}
	return Cycle{N: 1, Unit: "cycle"}
}

// itemCycle is the cycle of an item's windows; of says whose cycle "cycle" is.
func (c *Catalog) itemCycle(p *Plan, it *Item, of *Plan) Cycle {
	r := c.reset(it)
	align := p.Align == "calendar"
	if r.Unit == "cycle" {
		r = of.cycle()
		align = r.Align
	}
	if it.Align != "" {
		align = it.Align == "calendar"
	}
	r.Align = align && r.N == 1 && !r.never()
	return r
}
