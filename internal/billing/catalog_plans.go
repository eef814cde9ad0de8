package billing

import (
	"net/url"
	"slices"
)

// statement is a plan that the spec states.
type statement struct {
	*PlanSpec
	path   string
	faulty bool
	terms  Terms

	// Of what it extends: see catalog_extends.go.
	lines []line
	visit visit
	base  *statement // that is in the spec too
	made  bool       // whether the terms are
}

func (a *application) plans(plans []PlanSpec) {
	seen := make(map[Code]int)
	defaults := make(map[Code]Code)
	stated := make(map[Code]*statement, len(plans))
	var all []*statement
	for i, spec := range plans {
		s := &statement{PlanSpec: &spec, path: element("plans", i)}
		if spec.Code == "" {
			continue
		}
		if first, twice := seen[spec.Code]; twice {
			a.fault(s.path+".code", "plan %s is in the file twice, first as plans[%d]; remove one", spec.Code, first)
			continue
		}
		seen[spec.Code] = i
		if spec.Kind == "" {
			spec.Kind = KindPlan
		}
		if spec.Status == "" {
			spec.Status = draft
			if old := a.old.Plans[spec.Code]; old != nil {
				spec.Status = old.Status
			}
		}
		before := len(a.faults)
		a.checkPlan(s.path, &spec)
		if spec.Default && spec.Group != "" {
			if other := defaults[spec.Group]; other != "" {
				a.fault(s.path+".default", "%s is the default plan of group %s already; there can be only one", other, spec.Group)
			}
			defaults[spec.Group] = spec.Code
		}
		s.faulty = len(a.faults) > before
		all, stated[spec.Code] = append(all, s), s
	}
	for _, s := range all {
		if a.extend(s, stated); a.crowded {
			return
		}
	}
	for _, s := range all {
		a.make(s)
	}
	for _, s := range all {
		a.beside(s, stated)
		sells := &Plan{Code: s.Code, Group: s.Group, Kind: s.Kind, Status: s.Status, Archived: s.Archived, Price: s.Price}
		a.sold[s.Code] = &sold{Plan: sells, terms: &s.terms, path: s.path, spec: s.PlanSpec}
		if !s.faulty {
			a.plan(s)
		}
	}
	a.sever(stated)
}

// checkPlan reports what is wrong with a plan apart from its terms.
func (a *application) checkPlan(path string, spec *PlanSpec) {
	a.about(path, &spec.About)
	if _, ok := a.next.Groups[spec.Group]; !ok && spec.Group != "" {
		a.fault(path+".group", "there is no plan group %s; add it under plan_groups%s", spec.Group, choices("groups", a.next.Groups))
	}
	if spec.Default {
		switch {
		case spec.Kind == KindAddOn:
			a.fault(path+".default", "an add-on cannot be the default plan; remove it")
		case spec.Kind == KindPack:
			a.fault(path+".default", "a pack cannot be the default plan; remove it")
		case spec.Status == draft:
			a.fault(path+".default", "a draft cannot be the default plan; set status: published or remove it")
		case spec.Archived:
			a.fault(path+".default", "an archived plan cannot be the default plan; remove one of the two")
		}
	}
	if spec.Archived && spec.Status == draft {
		a.fault(path+".archived", "a draft cannot be archived; set status: published or remove it")
	}
	if spec.Price != "" && spec.Price != priceAsk && !isPage(spec.Price) {
		a.fault(path+".price", "price says that there is no amount: give ask, or the https address of a page; an amount is an item: {feature: CODE, fixed_charge: 2000}")
	}
	if spec.Kind == KindPack {
		a.checkPack(path, spec)
	}
	old := a.old.Plans[spec.Code]
	if old == nil || old.Status != Published {
		return
	}
	if spec.Status == draft {
		a.fault(path+".status", "plan %s is published and cannot become a draft again; to stop new sign-ups set archived: true", spec.Code)
	}
	if _, ok := a.next.Groups[spec.Group]; ok && spec.Group != old.Group {
		a.fault(path+".group", "plan %s was published in group %s and stays there; use another code", spec.Code, old.Group)
	}
	if spec.Kind != old.Kind {
		a.fault(path+".kind", "plan %s was published as kind %s and stays so; use another code", spec.Code, old.Kind)
	}
}

// priceAsk is the price of a plan that has none but on demand.
const priceAsk = "ask"

func isPage(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// checkPack refuses what goes with what customers are on.
func (a *application) checkPack(path string, spec *PlanSpec) {
	for _, k := range []struct {
		key string
		is  bool
	}{
		{"cycle", spec.Cycle != "" && spec.Cycle != noCycle}, {"align", spec.Align != ""}, {"quantity", spec.Quantity != nil}, {"trial", spec.Trial != nil},
	} {
		if k.is {
			a.fault(path+"."+k.key, "a pack is bought any number of times, and nobody is on it; remove %s", k.key)
		}
	}
	spec.Cycle = noCycle
}

// beside checks the plans that an add-on goes beside.
func (a *application) beside(s *statement, stated map[Code]*statement) {
	if s.Beside == nil {
		return
	}
	path := s.path + ".beside"
	before := len(a.faults)
	switch {
	case s.Kind != KindAddOn:
		a.fault(path, "only an add-on goes beside plans; set kind: add_on, or remove beside")
	case len(s.Beside) == 0:
		a.fault(path, "beside is empty; name plans, or remove it for every plan of the group")
	default:
		named := make(map[Code]bool, len(s.Beside))
		for i, code := range s.Beside {
			where := element(path, i)
			group, kind := Code(""), PlanKind("")
			if p := stated[code]; p != nil {
				group, kind = p.Group, p.Kind
			} else if p := a.old.Plans[code]; p != nil {
				group, kind = p.Group, p.Kind
			}
			switch {
			case kind == "":
				a.fault(where, "there is no plan %s; add it under plans", code)
			case kind != KindPlan:
				a.fault(where, "%s is no plan but of kind %s; name plans", code, kind)
			case group != s.Group && group != "":
				a.fault(where, "plan %s is in group %s, and this add-on in %s; name plans of its group", code, group, s.Group)
			case named[code]:
				a.fault(where, "%s is there twice; remove one", code)
			}
			named[code] = true
		}
	}
	s.faulty = s.faulty || len(a.faults) > before
}

// plan puts a plan without faults into the next catalog. One that stays as it is is
// the same in both.
func (a *application) plan(s *statement) {
	plan := &Plan{
		Code: s.Code, Name: s.Name, Group: s.Group, Kind: s.Kind, Status: s.Status,
		Archived: s.Archived, Default: s.Default, About: s.About, Hidden: s.Hidden, Price: s.Price,
		Extends: s.Extends, Without: s.Without,
	}
	version := &PlanVersion{Plan: s.Code, Number: 1, Terms: s.terms}
	if s.Status == Published {
		version.PublishedOn = a.now
	}
	old := a.old.Plans[s.Code]
	if old == nil {
		plan.Versions = []*PlanVersion{version}
		a.next.Plans[s.Code] = plan
		a.change(actionCreate, thingPlan, s.Code, 1)
		return
	}
	before := len(a.changes.Changes)
	changed := termsDetails(&old.Latest().Terms, &s.terms)
	unversioned := planDetails(old, plan)
	plan.Versions = old.Versions
	switch {
	case old.Status == draft && plan.Status == Published:
		plan.Versions = []*PlanVersion{version}
		a.change(actionPublish, thingPlan, s.Code, 1, slices.Concat(unversioned, changed)...)
		unversioned = nil
	case old.Status == draft && len(changed) > 0:
		plan.Versions = []*PlanVersion{version}
		unversioned = append(unversioned, changed...)
	case len(changed) > 0:
		version.Number = old.Latest().Number + 1
		plan.Versions = append(slices.Clip(old.Versions), version)
		a.change(actionNewVersion, thingPlan, s.Code, version.Number, changed...)
	}
	if plan.Archived != old.Archived {
		action := actionArchive
		if !plan.Archived {
			action = actionUnarchive
		}
		a.change(action, thingPlan, s.Code, plan.Latest().Number)
	}
	if len(unversioned) > 0 {
		a.change(actionUpdate, thingPlan, s.Code, plan.Latest().Number, unversioned...)
	}
	if len(a.changes.Changes) > before {
		a.next.Plans[s.Code] = plan
	}
}
