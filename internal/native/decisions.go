package native

import (
	"slices"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) check(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	ref := b.customer()
	features, several := b.featureCodes()
	units := amountOr(b.units(), billing.OneUnit)
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := h.find(c, ref)
	if err != nil {
		return change{}, err
	}
	return change{Whose: id, Apart: func() (door.Answer, error) {
		return fresh(c, func() (any, billing.Revision, error) {
			decisions, err := h.Billing.Check(c.Context(), id, features, units)
			switch {
			case err != nil:
				return nil, billing.Revision{}, err
			case several:
				return wire.Decisions(decisions), decisions[0].Revision, nil
			}
			return wire.Decision(&decisions[0]), decisions[0].Revision, nil
		})
	}}, nil
}

// maxChecks bounds the features of one check.
const maxChecks = 1000

// featureCodes reads the features to check, and whether they came as a list.
func (b body) featureCodes() (codes []billing.Code, several bool) {
	const one, list, what = "feature_code", "feature_codes", "a list of 1 to 1000 codes of features"
	before := b.Wrong()
	name := b.Text(one, wire.AFeatureCode)
	several = door.Read(b.Body, list, what, &codes)
	switch {
	case b.Wrong() > before:
	case several && name != "":
		b.Add(api.CodeTooManyParameters, "only one of feature_code and feature_codes may be given")
	case several && (len(codes) == 0 || len(codes) > maxChecks || slices.Contains(codes, "")): // null reads as ""
		b.Refuse(list, what)
	case !several && name == "":
		b.Require(one, wire.AFeatureCode+"; or give feature_codes")
	case !several:
		codes = []billing.Code{billing.Code(name)}
	}
	return codes, several
}

func (h *handlers) consume(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	ref := b.customer()
	feature := billing.Code(b.Required("feature_code", wire.AFeatureCode))
	units := amountOr(b.units(), billing.OneUnit)
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := h.find(c, ref)
	if err != nil {
		return change{}, err
	}
	return change{Whose: id, Records: 1, Features: []string{string(feature)}, Do: func(u *service.Work) (door.Answer, error) {
		d, err := u.Consume(id, feature, units)
		if err != nil {
			return door.Answer{}, renamedAmount(err, "units")
		}
		return door.Answer{Revision: d.Revision.String(), Body: wire.Decision(&d)}, nil
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
	return wire.Renamed(err, api.InvalidCode("meter_value"), parameter,
		"an amount that leaves the usage of its window from 0 to "+billing.MaxTotal.String())
}
