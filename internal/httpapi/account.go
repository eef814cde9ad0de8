package httpapi

import (
	"bytes"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// maxAccountLimit is the largest limit of an account list.
const maxAccountLimit = 1000

// readAccountPage reads which part of a list is wanted. There is no way back.
func readAccountPage(q *query) billing.Page[billing.EntitlementID] {
	size, limit, after := q.text("page_size"), q.text("limit"), q.text("starting_after")
	page := billing.Page[billing.EntitlementID]{
		Size:  q.size("page_size", size, api.MaxPageSize),
		After: readCursor(q, "starting_after", after, "an entitlement's id, as an earlier page showed it", billing.ParseEntitlementID),
	}
	// Kinde: the Java SDK calls the size of a page limit, and allows 1000
	if limit != "" {
		page.Size = q.size("limit", limit, maxAccountLimit)
	}
	if size != "" && limit != "" {
		q.add(api.CodeTooManyParameters, "only one of page_size and limit may be given")
	}
	return page
}

func (a *adapter) accountEntitlements(c *call) (answer, error) {
	q := readQuery(c.Request, new(faults))
	page := readAccountPage(q)
	if err := q.err(); err != nil {
		return answer{}, err
	}
	held, err := a.accountHoldings(c)
	if err != nil {
		return answer{}, err
	}
	from, to, more := page.Of(len(held.entitlements), func(i int, key billing.EntitlementID) int {
		return bytes.Compare(held.entitlements[i].ID[:], key[:])
	})
	out := api.AccountEntitlementList{
		Data:     api.AccountEntitlements{OrgCode: orgCode(c), Entitlements: make([]api.AccountEntitlement, 0, to-from)},
		Metadata: api.AccountPage{HasMore: more},
	}
	for i := from; i < to; i++ {
		out.Data.Entitlements = append(out.Data.Entitlements, accountEntitlement(&held.entitlements[i]))
	}
	// Kinde: the plans are on the first page only, because js-utils puts pages together
	if page.After == nil {
		out.Data.Plans = held.plans
	}
	// Kinde: no cursor without a next page, because the Java SDK follows any
	if more {
		out.Metadata.NextPageStartingAfter = &out.Data.Entitlements[to-from-1].ID
	}
	return answer{revision: held.revision, body: out}, nil
}

// accountEntitlementByKey finds the one that a key names in the path or in the query.
//
// Kinde: the SDKs send the key in the path, in the query, or not at all
func (a *adapter) accountEntitlementByKey(c *call) (answer, error) {
	q := readQuery(c.Request, new(faults))
	key := c.PathValue("key")
	if key == "" {
		key = q.required("key", aFeatureCode)
	}
	if err := q.err(); err != nil {
		return answer{}, err
	}
	held, err := a.accountHoldings(c)
	if err != nil {
		return answer{}, err
	}
	for i := range held.entitlements { // of several, the first has the lowest id
		if e := &held.entitlements[i]; string(e.Feature.Code) == key {
			return answer{revision: held.revision, body: api.AccountEntitlementOne{
				Data: api.AccountEntitlementData{OrgCode: orgCode(c), Entitlement: accountEntitlement(e)},
			}}, nil
		}
	}
	// Kinde: not held is 404, because js-utils fails on a 200 with null
	return answer{}, notFound(api.CodeEntitlementNotFound, "the user has no entitlement with this key, which is the code of a feature")
}

// accountEntitlement shows an entitlement under the account API's names.
//
// Kinde: all eight fields are always there, null where there is no value
func accountEntitlement(e *billing.Entitlement) api.AccountEntitlement {
	b := billingEntitlement(e)
	return api.AccountEntitlement{
		ID: b.ID, FixedCharge: b.FixedCharge, PriceName: b.PriceName, UnitAmount: b.UnitAmount, FeatureKey: b.FeatureCode,
		FeatureName: b.FeatureName, EntitlementLimitMax: b.EntitlementLimitMax, EntitlementLimitMin: b.EntitlementLimitMin,
	}
}

// orgCode is the token's; nil if it has none.
func orgCode(c *call) *string {
	if c.by.OrgCode == "" {
		return nil
	}
	return &c.by.OrgCode
}

// holdings are what a user has, or nothing.
type holdings struct {
	entitlements []billing.Entitlement
	plans        []api.AccountPlan
	revision     string
}

// accountHoldings are those of the first of the user's customers that there is:
// within the organization of the token, by itself, or the organization, if that
// is to be shown. A user who is no customer has nothing.
//
// Kinde: what an organization holds is kept from the account API
func (a *adapter) accountHoldings(c *call) (holdings, error) {
	type codes struct{ org, user string }
	tries := []codes{{c.by.OrgCode, c.by.Subject}}
	if c.by.OrgCode != "" {
		tries = append(tries, codes{"", c.by.Subject})
		if a.AccountOrg {
			tries = append(tries, codes{c.by.OrgCode, ""})
		}
	}
	for _, t := range tries {
		if !storable(t.org) || !storable(t.user) {
			continue
		}
		id, err := a.Billing.CustomerByCodes(c.Context(), t.org, t.user)
		if err == nil {
			var held holdings
			if held, err = a.holdingsOf(c, id); err == nil {
				return held, nil
			}
		}
		if !isNotFound(err) {
			return holdings{}, err
		}
	}
	return holdings{plans: []api.AccountPlan{}}, nil
}

func (a *adapter) holdingsOf(c *call, id billing.CustomerID) (holdings, error) {
	snap, now, err := a.snapshot(c, id)
	if err != nil {
		return holdings{}, err
	}
	held := holdings{entitlements: billing.Entitlements(snap, now), plans: []api.AccountPlan{}, revision: snap.Revision().String()}
	for _, agreement := range snap.Live(now) {
		held.plans = append(held.plans, api.AccountPlan{
			Key: string(agreement.Plan), Name: snap.Catalog.Plans[agreement.Plan].Name, SubscribedOn: api.Time{Time: agreement.StartsOn},
		})
	}
	return held, nil
}
