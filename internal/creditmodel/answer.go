package creditmodel

import (
	"fmt"
	"strings"
	"time"
)

// Answer is what any operation answers. Only the parts that it has are set.
type Answer struct {
	Code      string // of an error or a refusal by rule; empty if it was done
	Status    string // recorded, superseded, set, …
	ID        string // of what was made or found
	Decision  *Decision
	Uncovered Units // of late usage and of a confirm with over: record
	Warned    bool  // of a grant: there are 80 or more (rule 13)
	Grants    []GrantState
	Void      *VoidOutcome
	Credits   *Credits
}

// Decision is the answer of check, consume, hold and confirm.
type Decision struct {
	Allowed   bool
	Reason    string
	Limit     *Units // nil is unlimited
	Used      Units
	Held      Units
	Remaining *Units // nil is unlimited
	Soft      bool
	Resets    time.Time
	Pool      *PoolPart
	Draws     []Draw // of the feature's own pool, in burn order, the allowance too
	Overage   Units  // of the present window
	Uncovered Units
}

// PoolPart is what is burned of another pool.
type PoolPart struct {
	Feature   string
	Units     Units
	Remaining *Units // what the feature may burn of it; nil is unlimited
	Draws     []Draw
}

// GrantState is the answer about one grant.
type GrantState struct {
	Grant      Grant
	Ended      time.Time // of a void, else zero
	Remaining  Units
	Drawn      Units
	Held       Units
	Debt       Units
	Refundable Units
}

// VoidOutcome is the answer of a void. Money is decimal minor units, empty without a cost basis.
type VoidOutcome struct {
	Grant      string
	Refundable Units
	Money      string
	Debt       Units
}

// Credits is the answer about a feature's sources at a time.
type Credits struct {
	Available *Units // nil is unlimited; below zero with a debt
	Debt      Units
	Held      Units
	Overage   Units
	Sources   []Source
	Next      time.Time // the next change without any further use; Forever is none
	Why       string
}

func bound(u *Units) string {
	if u == nil {
		return "unlimited"
	}
	return u.String()
}

func showDraws(draws []Draw) string {
	var all []string
	for _, d := range draws {
		all = append(all, fmt.Sprintf("%s=%s", d.Source, d.Units))
	}
	return "[" + strings.Join(all, "; ") + "]"
}

// String is one line that can be compared.
func (d Decision) String() string {
	s := fmt.Sprintf("allowed=%t reason=%s limit=%s used=%s held=%s remaining=%s soft=%t overage=%s uncovered=%s draws=%s",
		d.Allowed, d.Reason, bound(d.Limit), d.Used, d.Held, bound(d.Remaining), d.Soft, d.Overage, d.Uncovered, showDraws(d.Draws))
	if d.Pool != nil {
		s += fmt.Sprintf(" pool=%s units=%s pool_remaining=%s pool_draws=%s",
			d.Pool.Feature, d.Pool.Units, bound(d.Pool.Remaining), showDraws(d.Pool.Draws))
	}
	return s
}

// String is one line that can be compared.
func (g GrantState) String() string {
	return fmt.Sprintf("grant=%s remaining=%s drawn=%s held=%s debt=%s refundable=%s",
		g.Grant.ID, g.Remaining, g.Drawn, g.Held, g.Debt, g.Refundable)
}

// String is one line that can be compared.
func (c Credits) String() string {
	var all []string
	for _, s := range c.Sources {
		all = append(all, fmt.Sprintf("%s amount=%s remaining=%s held=%s ends=%s", s.Key, bound(s.Amount), s.Remaining, s.Held, stamp(s.Ends)))
	}
	return fmt.Sprintf("available=%s debt=%s held=%s overage=%s sources=[%s] next=%s %s",
		bound(c.Available), c.Debt, c.Held, c.Overage, strings.Join(all, "; "), stamp(c.Next), c.Why)
}

// String is one line that can be compared.
func (a Answer) String() string {
	var parts []string
	add := func(name, text string) {
		if text != "" {
			parts = append(parts, name+"="+text)
		}
	}
	add("code", a.Code)
	add("status", a.Status)
	add("id", a.ID)
	if a.Uncovered != 0 {
		add("uncovered", a.Uncovered.String())
	}
	if a.Decision != nil {
		parts = append(parts, a.Decision.String())
	}
	for _, g := range a.Grants {
		parts = append(parts, g.String())
	}
	if v := a.Void; v != nil {
		parts = append(parts, fmt.Sprintf("void=%s refundable=%s money=%s debt=%s", v.Grant, v.Refundable, v.Money, v.Debt))
	}
	if a.Credits != nil {
		parts = append(parts, a.Credits.String())
	}
	return strings.Join(parts, " ")
}
