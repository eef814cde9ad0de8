package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/api"
)

type listPlans struct {
	remote `embed:""`
}

// Run lists plans as a catalog file has them, each in its newest version.
func (c *listPlans) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	catalog, err := allot.Catalog.Get(ctx)
	if err != nil {
		return err
	}
	if catalog.Plans == nil {
		catalog.Plans = []api.Plan{}
	}
	list := planList{catalog.Currency, catalog.Plans}
	return s.print(list, func(w io.Writer) {
		row(w, "PLAN", "NAME", "GROUP", "KIND", "STATUS", "CYCLE", "CHARGES")
		for _, p := range list.Plans {
			var charges []string
			for _, item := range list.items(&p, len(list.Plans)) {
				if text := charge(list.Currency, &item); text != "" {
					charges = append(charges, text)
				}
			}
			row(w, p.Code, p.Name, p.Group, planKind(p.Kind), planStatus(p.Status, p.Archived, p.Default), planCycle(p.Cycle, p.Align), strings.Join(charges, ", "))
		}
	})
}

// planList is the part of a catalog file that is about plans.
type planList struct {
	Currency string     `json:"currency,omitempty"`
	Plans    []api.Plan `json:"plans"`
}

// items are those of a plan, with those of the plan that it extends. The chain is no
// longer than there are plans.
func (l *planList) items(p *api.Plan, most int) []api.Item {
	base := slices.IndexFunc(l.Plans, func(of api.Plan) bool { return of.Code == p.Extends })
	if base < 0 || most == 0 {
		return p.Items
	}
	var out []api.Item
	own := func(feature string) int {
		return slices.IndexFunc(p.Items, func(it api.Item) bool { return it.Feature == feature })
	}
	for _, it := range l.items(&l.Plans[base], most-1) {
		if own(it.Feature) < 0 && !slices.Contains(p.Without, it.Feature) {
			out = append(out, it)
		}
	}
	return append(out, p.Items...)
}

func planKind(kind string) string {
	if kind == "" {
		return api.PlanKindPlan
	}
	return kind
}

func planCycle(cycle api.Interval, align string) string {
	if cycle == "" {
		cycle = api.IntervalMonth
	}
	return windows(cycle, align)
}

// windows are an interval as people read it: month, every 5 hours, day of the calendar.
func windows(every api.Interval, align string) string {
	n, text := every.Parts()
	if n != 1 {
		text = fmt.Sprintf("every %d %ss", n, text)
	}
	if align != "" {
		text += " of the calendar"
	}
	return text
}

// quantities are how many of a plan may be bought.
func quantities(q *api.Quantity) string {
	least, most := "1", "any number"
	if q.Min != nil {
		least = integer(q.Min)
	}
	if q.Max != nil {
		most = integer(q.Max)
	}
	return least + " to " + most
}

func planStatus(status string, archived, isDefault bool) string {
	if status == "" {
		status = api.PlanDraft
	}
	if archived {
		status += ", archived"
	}
	if isDefault {
		status += ", default"
	}
	return status
}

type showPlan struct {
	remote      `embed:""`
	Plan        string  `arg:"" help:"Code of the plan or add-on."`
	PlanVersion *number `placeholder:"N" help:"Version to show; by default the newest."`
}

func (c *showPlan) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	plan, err := allot.Catalog.Plan(ctx, c.Plan)
	if err != nil {
		return err
	}
	version, err := c.version(plan)
	if err != nil {
		return err
	}
	catalog, err := allot.Catalog.Get(ctx) // the currency, and the nouns of features
	if err != nil {
		return err
	}
	shown := shownPlan{plan.PlanSummary, catalog.Currency, len(plan.Versions), *version}
	return s.print(shown, func(w io.Writer) { shown.text(w, catalog.Features) })
}

// version is the one that was asked for.
func (c *showPlan) version(plan *api.PlanDetail) (*api.PlanVersion, error) {
	newest := &plan.Versions[len(plan.Versions)-1] // a plan has one at least
	if c.PlanVersion == nil {
		return newest, nil
	}
	for i := range plan.Versions {
		if v := &plan.Versions[i]; v.Version == int64(*c.PlanVersion) {
			return v, nil
		}
	}
	return nil, &hintedError{
		fmt.Errorf("plan %s has no version %d", plan.Code, int64(*c.PlanVersion)),
		fmt.Sprintf("its versions are 1 to %d; leave out --plan-version for the newest", newest.Version),
	}
}

// shownPlan is a plan with one of its versions.
type shownPlan struct {
	api.PlanSummary
	Currency string          `json:"currency,omitempty"`
	Versions int             `json:"versions"` // how many there are
	Shown    api.PlanVersion `json:"version"`
}

func (p *shownPlan) text(w io.Writer, features []api.Feature) {
	v := &p.Shown
	field(w, "plan", p.Code)
	field(w, "name", p.Name)
	field(w, "group", p.Group)
	field(w, "kind", planKind(p.Kind))
	field(w, "status", planStatus(p.Status, p.Archived, p.Default))
	if p.Description != "" {
		field(w, "description", strings.Join(strings.Fields(p.Description), " "))
	}
	if p.Hidden {
		field(w, "hidden", "not on the price list")
	}
	if p.Price != "" {
		field(w, "price", p.Price)
	}
	if p.Extends != "" {
		field(w, "extends", p.Extends+butWithout(p.Without))
	}
	field(w, "version", fmt.Sprintf("%d of %d, %s", v.Version, p.Versions, v.Status))
	field(w, "published", instant(v.PublishedOn))
	field(w, "cycle", planCycle(v.Cycle, v.Align))
	if v.Quantity != nil {
		field(w, "quantity", quantities(v.Quantity))
	}
	if v.Trial != nil {
		field(w, "trial", fmt.Sprintf("%d days, then %s", v.Trial.Days, v.Trial.Then))
	}
	if v.Beside != nil {
		field(w, "beside", strings.Join(v.Beside, ", "))
	}
	units := map[string]string{}
	for _, f := range features {
		units[f.Code] = f.Unit
	}
	row(w)
	row(w, "FEATURE", "PRICE NAME", "PRICE", "A YEAR", "MIN", "MAX", "RESET")
	for _, item := range v.Items {
		most := integer(item.Max)
		if item.Max != nil && item.Limit == api.LimitSoft {
			most += " soft"
		}
		if item.Per == api.PerQuantity {
			most += " each"
		}
		row(w, item.Feature, item.PriceName, price(p.Currency, units[item.Feature], &item.Item), year(p.Currency, units[item.Feature], &item.Item), integer(item.Min), most, windows(item.Reset, item.Align))
	}
	p.also(w)
}

// also is what items have beside what stands in the table.
func (p *shownPlan) also(w io.Writer) {
	head := false
	for i := range p.Shown.Items {
		item := &p.Shown.Items[i].Item
		for _, text := range more(item) {
			if !head {
				row(w)
				row(w, "FEATURE", "ALSO")
				head = true
			}
			row(w, item.Feature, text)
		}
	}
}

func butWithout(features []string) string {
	if len(features) == 0 {
		return ""
	}
	return " without " + strings.Join(features, ", ")
}

// more are the lines of what an item has that stands in no column.
func more(item *api.Item) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if v := item.Value; v != nil {
		add("is %s", configText(v))
	}
	if item.Included != nil {
		add("%d included", *item.Included)
	}
	if item.OverageMax != nil {
		add("at most %d above the limit", *item.OverageMax)
	}
	for _, c := range item.Caps {
		add("at most %d, reset %s", c.Max, windows(c.Reset, item.Align))
	}
	if r := item.Rollover; r != nil {
		most := "all that is left"
		if r.Max != nil {
			most = fmt.Sprintf("at most %d", *r.Max)
		}
		add("%s rolls over, for %d windows", most, r.Windows)
	}
	if b := item.Burns; b != nil {
		add("burns %s of %s", b.Rate, b.Feature)
	}
	for _, g := range item.Grants {
		add("%s", grantText(&g))
	}
	for _, n := range item.Thresholds {
		add("told of at %d %%", n)
	}
	if item.Low != nil {
		add("told of when %d are left", int64(*item.Low))
	}
	if r := item.Rate; r != nil {
		text := fmt.Sprintf("%d a %s", r.Max, r.Per)
		if r.Burst != nil {
			text += fmt.Sprintf(", at once %d", *r.Burst)
		}
		add("%s", text)
	}
	return out
}

func configText(v *api.ConfigValue) string {
	switch {
	case v.List != nil:
		return strings.Join(v.List, ", ")
	case v.Number != "":
		return v.Number.String()
	case v.Flag != nil:
		return strconv.FormatBool(*v.Flag)
	}
	return v.Text
}

func grantText(g *api.ItemGrant) string {
	text := "grants " + g.Amount.String()
	if g.Kind == api.GrantPromotional {
		text += " (promotional)"
	}
	switch g.At {
	case api.GrantAtStart:
		text += " at the start"
	case api.GrantAtTerm:
		text += " with each term"
	}
	switch g.Lasts.Life {
	case api.GrantLastsTerm:
		text += " for the term"
	case api.GrantLastsAgreement:
		text += " for the agreement"
	case api.GrantLastsNever:
		text += " without end"
	case api.GrantLastsDays:
		text += fmt.Sprintf(" for %d days", g.Lasts.Days)
	}
	if g.Priority != nil && *g.Priority != 50 {
		text += fmt.Sprintf(", priority %d", *g.Priority)
	}
	return text
}
