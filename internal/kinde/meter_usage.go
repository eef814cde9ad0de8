package kinde

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) createMeterUsage(c *door.Call) (change, error) {
	var f door.Faults
	b, err := door.ReadBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	const agreement = "customer_agreement_id"
	named := b.Required(agreement, wire.AnAgreement)
	in := usage.Report{
		Feature: billing.Code(b.Required("billing_feature_code", wire.AFeatureCode)),
		// Kinde: meter_value is text, and untyped callers send a number
		Value: door.Needed(b, "meter_value", door.AnAmount, func() *billing.Units { return door.Decimal(b, "meter_value", billing.ParseUnits) }),
		Stamp: b.Time("meter_usage_timestamp"),
		Kind:  usage.Kind(b.OneOf("meter_type_code", wire.AUsageType, api.UsageDelta, api.UsageAbsolute)),
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := wire.AgreementID(agreement, named)
	if err != nil {
		return change{}, err
	}
	customer, err := h.Billing.AgreementCustomer(c.Context(), id)
	if err != nil {
		return change{}, wire.AgreementUnknown(err, agreement)
	}
	return change{Whose: customer, Records: 1, Features: []string{string(in.Feature)}, Do: func(u *service.Work) (door.Answer, error) {
		rev, err := u.MeterUsage(customer, id, in)
		return door.Answer{Revision: rev.String(), Body: api.OK()}, err
	}}, nil
}
