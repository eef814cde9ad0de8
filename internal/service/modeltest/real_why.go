package modeltest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// name gives the thing of an id the name that the model has for it: the things
// that are made are counted.
func (r *real) name(id string) {
	if r.names[id] == "" {
		r.names[id] = fmt.Sprintf("#%d", len(r.names)+1)
	}
}

// why is what an answer says of its causes.
func (r *real) why(al billing.Allowance) string {
	next := "-"
	if al.NextChange != nil {
		next = al.NextChange.On.Format(time.RFC3339) + " " + string(al.NextChange.Why)
	}
	return fmt.Sprintf("next %s from [%s]", next, r.sources(al))
}

func (r *real) sources(al billing.Allowance) string {
	var out []string
	for _, s := range al.Sources {
		text := string(s.Kind)
		if s.Plan != "" {
			text += " " + string(s.Plan)
		}
		text += " " + r.names[s.ID] + " " + number(s.Max)
		if !s.Counts {
			text = "(" + text + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// stands holds what a customer is told now against what it is told just before
// the next change it was told of: nothing of the limit and its sources may be
// different.
func (r *real) stands(c string) string {
	codes := make([]billing.Code, len(features))
	for i, f := range features {
		codes[i] = billing.Code(f)
	}
	decisions, err := r.s.Check(context.Background(), r.ids[c], codes, billing.OneUnit)
	if err != nil {
		return err.Error()
	}
	for _, d := range decisions {
		if d.Suspended {
			continue
		}
		until := r.now.AddDate(30, 0, 0)
		if d.NextChange != nil {
			until = d.NextChange.On.Add(-time.Microsecond)
		}
		told := "nothing"
		if d.Granted {
			told = r.granted(d.Allowance)
		}
		for _, at := range []time.Time{r.now.Add(until.Sub(r.now) / 2), until} {
			standing, err := r.s.EntitlementsAt(context.Background(), r.ids[c], at, false)
			if err != nil {
				return err.Error()
			}
			then := "nothing"
			for _, f := range standing.Features {
				if f.Feature.Code == d.Feature.Code {
					then = r.granted(f.Allowance)
				}
			}
			if then != told {
				return fmt.Sprintf("%s: %s, next change %v; but at %s: %s", d.Feature.Code, told, d.NextChange, at.Format(time.RFC3339), then)
			}
		}
	}
	return "ok"
}

// granted is all of an allowance that stands until its next change.
func (r *real) granted(al billing.Allowance) string {
	return fmt.Sprintf("limit %s soft %v from [%s]", number(al.Limit.Max), al.Limit.Soft, r.sources(al))
}
