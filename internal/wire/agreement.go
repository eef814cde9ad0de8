package wire

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// Agreement shows an agreement as Allot's own API does.
func Agreement(a *billing.AgreementAt) api.Agreement {
	return api.Agreement{
		ID: a.ID.String(), CustomerID: a.CustomerID.String(), PlanCode: string(a.Plan), Version: int64(a.Version),
		Kind: string(a.Kind), Quantity: a.Quantity, Annual: a.Annual, Status: string(a.Status()),
		StartsOn: api.Time{Time: a.StartsOn}, ExpiresOn: api.NewTime(a.ExpiresOn), TrialEndsOn: api.NewTime(a.TrialEndsOn),
		CurrentPeriodStart: api.NewTime(a.Period.Start), CurrentPeriodEnd: api.NewTime(a.Period.End),
		AnchorOn: api.NewTime(a.AnchorOn), CreatedOn: api.Time{Time: a.CreatedOn}, Origin: string(a.Origin), ExternalID: a.ExternalID, Metadata: a.Metadata,
	}
}

// Outcome shows what came of a request about an agreement.
func Outcome(o *billing.Outcome) api.Agreement {
	out := Agreement(&o.Agreement)
	for _, id := range o.Withdrawn {
		out.Withdrawn = append(out.Withdrawn, id.String())
	}
	out.Warnings = Warnings(o.Warnings)
	return out
}

// Warnings shows warnings; nil if there are none.
func Warnings(of []billing.Warning) []api.Warning {
	var out []api.Warning
	for _, w := range of {
		out = append(out, api.Warning(w))
	}
	return out
}

func billingAgreement(a *billing.AgreementAt) api.BillingAgreement {
	group := a.GroupID.String()
	out := api.BillingAgreement{
		ID:       a.ID.String(),
		PlanCode: string(a.Plan),
		// Kinde: only expires_on, billing_group_id and the current period may be null
		ExpiresOn:          api.NewTime(a.ExpiresOn),
		BillingGroupID:     &group,
		CurrentPeriodStart: api.NewTime(a.Period.Start),
		CurrentPeriodEnd:   api.NewTime(a.Period.End),
		Entitlements:       make([]api.BillingAgreementEntitlement, 0, len(a.Terms.Items)),
	}
	for i, item := range a.Terms.Items {
		// Kinde: a flag that is false is absent, because its clients take what is there for had
		if a.Off(i) {
			continue
		}
		out.Entitlements = append(out.Entitlements, api.BillingAgreementEntitlement{
			FeatureCode:   string(item.Feature),
			EntitlementID: a.ID.Entitlement(i).String(),
		})
	}
	return out
}

// BillingAgreements shows a page of agreements as Kinde's management API does.
func BillingAgreements(agreements []billing.AgreementAt, more bool) api.BillingAgreementList {
	out := api.BillingAgreementList{
		Code: api.CodeOK, Message: api.MessageSuccess, HasMore: more,
		Agreements: make([]api.BillingAgreement, len(agreements)),
	}
	for i := range agreements {
		out.Agreements[i] = billingAgreement(&agreements[i])
	}
	return out
}
