package httpapi

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func (a *adapter) createMeterUsage(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	const agreement = "customer_agreement_id"
	named := b.required(agreement, anAgreement)
	in := billing.NewUsage{
		Feature: billing.Code(b.required("billing_feature_code", aFeatureCode)),
		// Kinde: meter_value is text, and untyped callers send a number
		Value: needed(b, "meter_value", anAmount, func() *billing.Units { return b.amount("meter_value") }),
		Stamp: b.time("meter_usage_timestamp"),
		Kind:  billing.UsageKind(b.oneOf("meter_type_code", aType, api.UsageDelta, api.UsageAbsolute)),
	}
	if err := f.err(); err != nil {
		return change{}, err
	}
	id, err := parseAgreementID(agreement, named)
	if err != nil {
		return change{}, err
	}
	customer, err := a.findByAgreement(c, agreement, id)
	if err != nil {
		return change{}, err
	}
	return change{whose: customer, records: 1, features: []billing.Code{in.Feature}, do: func(u *billing.Unit) (answer, error) {
		rev, err := u.MeterUsage(customer, id, in)
		return answer{revision: rev.String(), body: api.OK()}, err
	}}, nil
}
