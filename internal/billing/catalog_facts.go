package billing

import (
	"maps"
	"reflect"
	"strconv"
)

// RowFacts are the rows of a catalog that differ from those of the one before (nil:
// all), as they were and as they are, for the change log: by the kind of row, its
// code and the field, "plan/pro/name". Of the terms of a version there is the digest.
func (c *Catalog) RowFacts(before *Catalog, digest func(*Terms) (string, error)) (was, is map[string]string, err error) {
	if before == nil {
		before = &Catalog{}
	}
	was, is = map[string]string{}, map[string]string{}
	put := func(row string, old, next map[string]string) {
		if maps.Equal(old, next) {
			return
		}
		for name, v := range old {
			was[row+"/"+name] = v
		}
		for name, v := range next {
			is[row+"/"+name] = v
		}
	}
	if before.Currency != c.Currency {
		put("currency", textFact("value", before.Currency), textFact("value", c.Currency))
	}
	for code, f := range c.Features {
		if old := before.Features[code]; old != nil && reflect.DeepEqual(old, f) {
			continue
		}
		put("feature/"+string(code), featureFacts(before.Features[code]), featureFacts(f))
	}
	for code, g := range c.Groups {
		if old := before.Groups[code]; old != nil && reflect.DeepEqual(old, g) {
			continue
		}
		put("plan_group/"+string(code), groupFacts(before.Groups[code]), groupFacts(g))
	}
	for code, p := range c.Plans {
		old := before.Plans[code]
		if old == p {
			continue
		}
		put("plan/"+string(code), planFacts(old), planFacts(p))
		for _, v := range p.Versions {
			var earlier *PlanVersion
			if old != nil {
				earlier = old.Version(v.Number)
			}
			if earlier == v {
				continue
			}
			a, err := versionFacts(earlier, digest)
			if err != nil {
				return nil, nil, err
			}
			b, err := versionFacts(v, digest)
			if err != nil {
				return nil, nil, err
			}
			put("plan_version/"+string(code)+"/"+strconv.Itoa(v.Number), a, b)
		}
	}
	return was, is, nil
}

func textFact(name, v string) map[string]string {
	w := factWriter{}
	w.text(name, v)
	return w
}

func featureFacts(f *Feature) map[string]string {
	if f == nil {
		return nil
	}
	w := factWriter{"name": f.Name, "type": string(f.Type)}
	w.text("unit", f.Unit)
	w.text("reset", string(f.Reset))
	w.truth("held", f.Held)
	w.truth("pooled", f.Pooled)
	w.truth("burned", f.Burned)
	w.text("burns", f.Burns.text())
	w.text("thresholds", thresholdsText(f.Thresholds))
	w.text("low", number(f.Low))
	w.text("of", string(f.Of))
	w.text("one_of", quoted(f.OneOf))
	w.text("pick", string(f.Pick))
	w.about(&f.About)
	return w
}

// about writes what is told of a thing.
func (w factWriter) about(of *About) {
	w.text("description", of.Description)
	w.text("metadata", metadataText(of.Metadata))
}

func groupFacts(g *PlanGroup) map[string]string {
	if g == nil {
		return nil
	}
	w := factWriter{"id": g.ID.String(), "name": g.Name, "customer_type": string(g.CustomerType)}
	w.truth("default", g.Default)
	w.text("fallback", string(g.Fallback))
	w.about(&g.About)
	return w
}

func planFacts(p *Plan) map[string]string {
	if p == nil {
		return nil
	}
	w := factWriter{"name": p.Name, "group": string(p.Group), "kind": string(p.Kind), "status": string(p.Status)}
	w.truth("archived", p.Archived)
	w.truth("default", p.Default)
	w.truth("hidden", p.Hidden)
	w.text("price", p.Price)
	w.text("extends", string(p.Extends))
	w.text("without", listText(p.Without, codeText))
	w.about(&p.About)
	return w
}

func versionFacts(v *PlanVersion, digest func(*Terms) (string, error)) (map[string]string, error) {
	if v == nil {
		return nil, nil
	}
	terms, err := digest(&v.Terms)
	if err != nil {
		return nil, err
	}
	w := factWriter{"terms": terms}
	w.instant("published_on", v.PublishedOn)
	return w, nil
}
