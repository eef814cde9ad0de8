package wire

import (
	"encoding/json"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// Grant shows a grant as it stands.
func Grant(g *billing.GrantStanding) api.Grant {
	out := api.Grant{
		ID: g.ID.String(), CustomerID: g.CustomerID.String(), FeatureCode: string(g.Feature), Amount: Amount(g.Amount), Kind: string(g.Kind),
		Status: grantStatus(g), Priority: int64(g.Priority), EffectiveOn: api.Time{Time: g.EffectiveOn}, ExpiresOn: api.NewTime(g.ExpiresOn),
		Note: g.Note, Pack: string(g.Pack), ExternalID: g.ExternalID, CreatedOn: api.Time{Time: g.CreatedOn},
		EndedOn: api.NewTime(g.EndedOn), ClawedBackOn: api.NewTime(g.ClawedBackOn),
		Remaining: Amount(g.State.Remaining), Drawn: Amount(g.State.Drawn), Held: Amount(g.State.Held), Debt: Amount(g.State.Debt),
		Refundable: Amount(g.State.Refundable),
	}
	for _, code := range g.Only {
		out.Only = append(out.Only, string(code))
	}
	if g.CostBasis != nil {
		out.CostBasis = json.Number(g.CostBasis.String())
	}
	return out
}

func grantStatus(g *billing.GrantStanding) string {
	switch {
	case !g.EndedOn.IsZero():
		return api.GrantVoided
	case g.Live(g.Now):
		return api.GrantLive
	case g.Now.Before(g.EffectiveOn):
		return api.GrantScheduled
	}
	return api.GrantExpired
}

// Grants shows a page of grants.
func Grants(grants []billing.GrantStanding, more bool) api.GrantList {
	return api.GrantList{Grants: grantsShown(grants), HasMore: more}
}

// GrantPurchase shows what came of buying a pack.
func GrantPurchase(grants []billing.GrantStanding, warnings []billing.Warning) api.GrantPurchase {
	return api.GrantPurchase{Grants: grantsShown(grants), Warnings: Warnings(warnings)}
}

func grantsShown(grants []billing.GrantStanding) []api.Grant {
	out := make([]api.Grant, len(grants))
	for i := range grants {
		out[i] = Grant(&grants[i])
	}
	return out
}

// VoidedGrant shows what became of a grant that was voided.
func VoidedGrant(g *billing.GrantStanding) api.VoidedGrant {
	out := api.VoidedGrant{Grant: Grant(g), Refundable: api.Refund{Units: Amount(g.State.Refundable)}, Debt: Amount(g.State.Debt)}
	if amount, ok := g.Worth(g.State.Refundable); ok {
		out.Refundable.Amount = &amount
	}
	return out
}
