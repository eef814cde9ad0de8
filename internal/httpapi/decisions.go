package httpapi

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func (a *adapter) check(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	ref := b.customer()
	features, several := b.featureCodes()
	units := amountOr(b.units(), billing.OneUnit)
	if err := f.err(); err != nil {
		return change{}, err
	}
	id, err := a.find(c, ref)
	if err != nil {
		return change{}, err
	}
	return change{whose: id, apart: func() (answer, error) {
		var decisions []billing.Decision
		rev, err := c.fresh(func() (rev billing.Revision, err error) {
			if decisions, err = a.Billing.Check(c.Context(), id, features, units); err != nil {
				return rev, err
			}
			return decisions[0].Revision, nil
		})
		if err != nil {
			return answer{}, err
		}
		if !several {
			return answer{revision: rev.String(), body: decision(&decisions[0])}, nil
		}
		out := api.DecisionList{Results: make([]api.Decision, len(decisions))}
		for i := range decisions {
			out.Results[i] = decision(&decisions[i])
		}
		return answer{revision: rev.String(), body: out}, nil
	}}, nil
}

// maxChecks bounds the features of one check.
const maxChecks = 1000

// featureCodes reads the features to check, and whether they came as a list.
func (b *body) featureCodes() (codes []billing.Code, several bool) {
	const one, list, what = "feature_code", "feature_codes", "a list of 1 to 1000 codes of features"
	before := len(b.wrong)
	name := b.text(one, aFeatureCode)
	several = read(b, list, what, &codes)
	switch {
	case len(b.wrong) > before:
	case several && name != "":
		b.add(api.CodeTooManyParameters, "only one of feature_code and feature_codes may be given")
	case several && (len(codes) == 0 || len(codes) > maxChecks):
		b.refuse(list, what)
	case !several && name == "":
		b.require(one, aFeatureCode+"; or give feature_codes")
	case !several:
		codes = []billing.Code{billing.Code(name)}
	}
	return codes, several
}

func (a *adapter) consume(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	ref := b.customer()
	feature := billing.Code(b.required("feature_code", aFeatureCode))
	units := amountOr(b.units(), billing.OneUnit)
	if err := f.err(); err != nil {
		return change{}, err
	}
	id, err := a.find(c, ref)
	if err != nil {
		return change{}, err
	}
	return change{whose: id, records: 1, features: []billing.Code{feature}, do: func(u *billing.Unit) (answer, error) {
		d, err := u.Consume(id, feature, units)
		if err != nil {
			return answer{}, renamedAmount(err, "units")
		}
		return answer{revision: d.Revision.String(), body: decision(&d)}, nil
	}}, nil
}

func amountOr(given *billing.Units, otherwise billing.Units) billing.Units {
	if given == nil {
		return otherwise
	}
	return *given
}

// renamedAmount is an error of recording an amount that has another name here.
func renamedAmount(err error, parameter string) error {
	return renamed(err, api.InvalidCode("meter_value"), parameter,
		"an amount that leaves the usage of its window from 0 to "+billing.MaxTotal.String())
}

func decision(d *billing.Decision) api.Decision {
	out := api.Decision{
		Allowed: d.Allowed, Reason: string(d.Reason), FeatureCode: string(d.Feature.Code), Type: string(d.Feature.Type),
		Limit: d.Limit.Max, Used: amount(d.Used), Held: amount(d.Held), Soft: d.Limit.Soft,
		ResetsOn: api.NewTime(d.Window.End), Sources: make([]api.Source, len(d.Sources)), Revision: d.Revision.String(),
	}
	if d.Remaining != nil {
		out.Remaining = new(amount(*d.Remaining))
	}
	if d.NextChange != nil {
		out.NextChange = &api.NextChange{On: api.Time{Time: d.NextChange.On}, Why: string(d.NextChange.Why)}
	}
	for i, s := range d.Sources {
		out.Sources[i] = api.Source{Kind: string(s.Kind), ID: s.ID, PlanCode: string(s.Plan), Max: s.Max, Counts: s.Counts}
	}
	return out
}

func amount(u billing.Units) api.Decimal { return api.Decimal(u.String()) }
