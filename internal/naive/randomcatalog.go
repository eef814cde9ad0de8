package naive

import (
	"encoding/json"
	"math/rand"
)

type object = map[string]any

// draft is a random catalog that can be changed and written again.
type draft struct {
	r        *rand.Rand
	features []object
	group    object
	plans    []object
}

func (d *draft) text() string {
	b, err := json.Marshal(object{"currency": "usd", "features": d.features, "plan_groups": []object{d.group}, "plans": d.plans})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func pick[E any](r *rand.Rand, list ...E) E { return list[r.Intn(len(list))] }

// cycles that a plan or a reset may have.
func (d *draft) cycle() any {
	switch d.r.Intn(12) {
	case 0:
		return "hour"
	case 1:
		return "day"
	case 2, 3:
		return "week"
	case 4:
		return "year"
	case 5:
		return object{"every": 5, "unit": "hour"}
	case 6:
		return object{"every": 2, "unit": "week"}
	case 7:
		return object{"every": 3, "unit": pick(d.r, "month", "day")}
	}
	return "month"
}

// newDraft makes a random catalog. Add-ons have items only for features whose
// reset is "cycle" or "never", and no reset of their own: so they have the
// rhythm of the plan they are beside.
func newDraft(r *rand.Rand) *draft {
	d := &draft{r: r}
	metered := func(code string, reset any) {
		f := object{"code": code, "name": code, "type": "metered", "unit": "unit"}
		if reset != nil {
			f["reset"] = reset
		}
		d.features = append(d.features, f)
	}
	d.features = append(d.features, object{"code": "base", "name": "base", "type": "charge"}, object{"code": "sso", "name": "sso", "type": "unmetered"})
	metered("api", nil)
	metered("seats", "never")
	metered("runs", d.cycle())
	metered("jobs", pick[any](r, nil, "day", "cycle"))
	d.group = object{"code": "teams", "name": "teams", "customer_type": "organization", "default": true}
	for i, code := range []string{"free", "pro", "team", "max"} {
		d.plans = append(d.plans, d.plan(code, i == 0))
	}
	if r.Intn(2) == 0 {
		d.plans[0]["default"] = true
	}
	if r.Intn(2) == 0 {
		d.group["fallback"] = "free"
	}
	d.plans = append(d.plans, d.addOn("extra", "seats", "api"), d.addOn("pack", "api", "sso"))
	return d
}

// max sets a limit. The plain plan has low ones, so that a change to it leaves
// many above.
func (d *draft) max(it object, plain bool) {
	switch {
	case plain && d.r.Intn(9) != 0:
		it["max"] = pick(d.r, 0, 1, 1, 2, 3)
	case d.r.Intn(6) != 0:
		it["max"] = pick(d.r, 0, 1, 3, 5, 10, 20, 100)
	}
	if d.r.Intn(4) == 0 {
		it["limit"] = "soft"
	}
}

func (d *draft) plan(code string, plain bool) object {
	r := d.r
	p := object{"code": code, "name": code, "group": "teams", "status": "published"}
	never := false
	switch r.Intn(8) {
	case 0:
		p["cycle"], never = "none", true
	case 1, 2, 3, 4:
		p["cycle"] = d.cycle()
	}
	_, single := p["cycle"].(string)
	aligned := !never && (p["cycle"] == nil || single) && r.Intn(4) == 0
	if aligned {
		p["align"] = "calendar"
	}
	if !plain && r.Intn(3) == 0 {
		days := pick(r, 1, 3, 14, 30)
		p["trial"] = object{"days": days, "card_prompt_days": 0, "then": pick(r, "convert", "convert", "end")}
	}
	seats := !plain && r.Intn(3) == 0
	if seats {
		p["quantity"] = pick[any](r, true, object{"min": 1, "max": 50})
	}
	var items []object
	if (p["cycle"] == nil || p["cycle"] == "month") && !plain {
		items = append(items, object{"feature": "base", "price_name": "base", "fixed_charge": 1000, "annual": 10000})
	}
	if r.Intn(2) == 0 {
		items = append(items, object{"feature": "sso"})
	}
	for _, f := range d.features {
		if f["type"] != "metered" || r.Intn(5) == 0 {
			continue
		}
		it := object{"feature": f["code"]}
		d.max(it, plain)
		reset := f["reset"]
		if f["code"] != "seats" && r.Intn(4) == 0 {
			reset = pick(r, d.cycle(), any("cycle"))
			it["reset"] = reset
		}
		_, one := reset.(string)
		if !one && reset != nil && aligned {
			continue // align does not go with multiples
		}
		cycle := reset == nil || reset == "cycle"
		if cycle {
			_, one = p["cycle"].(string)
			one = one && !never || p["cycle"] == nil
		}
		if one && reset != "never" && r.Intn(6) == 0 {
			it["align"] = "calendar"
		}
		// The plan's align goes down to the items: not to one that cannot have it.
		resets := reset != "never" && !(cycle && never)
		switch r.Intn(4) {
		case 0, 3:
			it["over_limit"] = object{"grace": object{"days": pick(r, 1, 3, 10, 40)}}
		case 1:
			if resets {
				it["over_limit"] = "allow"
			}
		}
		if seats && r.Intn(2) == 0 {
			it["per"] = "quantity"
		}
		items = append(items, it)
	}
	if len(items) == 0 {
		items = append(items, object{"feature": "seats", "max": 3})
	}
	p["items"] = items
	return p
}

func (d *draft) addOn(code string, features ...string) object {
	p := object{"code": code, "name": code, "group": "teams", "kind": "add_on", "status": "published"}
	if d.r.Intn(3) == 0 {
		p["cycle"] = pick[any](d.r, "none", "week", "month", "year")
	}
	if d.r.Intn(4) == 0 {
		p["trial"] = object{"days": 7, "card_prompt_days": 0, "then": pick(d.r, "convert", "end")}
	}
	var items []object
	for _, f := range features {
		it := object{"feature": f}
		if f != "sso" {
			d.max(it, false)
		}
		items = append(items, it)
	}
	p["items"] = items
	return p
}

// change makes another version of a plan, or turns the fallback.
func (d *draft) change() {
	if d.r.Intn(4) == 0 {
		if d.group["fallback"] == nil {
			d.group["fallback"] = "free"
		} else {
			delete(d.group, "fallback")
		}
		return
	}
	p := d.plans[d.r.Intn(len(d.plans))]
	items := p["items"].([]object)
	it := items[d.r.Intn(len(items))]
	if it["feature"] != "base" && it["feature"] != "sso" {
		delete(it, "limit")
		delete(it, "max")
		d.max(it, p["code"] == "free")
		return
	}
	if trial, ok := p["trial"].(object); ok {
		trial["then"] = pick(d.r, "convert", "end")
	}
}
