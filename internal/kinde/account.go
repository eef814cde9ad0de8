package kinde

import (
	"bytes"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// readAccountPage reads which part of a list is wanted. There is no way back.
func readAccountPage(q *door.Query) service.Page[billing.EntitlementID] {
	size, limit, after := q.Text("page_size"), q.Text("limit"), q.Text("starting_after")
	page := service.Page[billing.EntitlementID]{
		Size:  q.Size("page_size", size, api.MaxPageSize),
		After: door.ReadCursor(q, "starting_after", after, "an entitlement's id, as an earlier page showed it", billing.ParseID[billing.EntitlementID]),
	}
	// Kinde: the Java SDK calls the size of a page limit
	if limit != "" {
		page.Size = q.Size("limit", limit, api.MaxPageSize)
	}
	if size != "" && limit != "" {
		q.Add(api.CodeTooManyParameters, "only one of page_size and limit may be given")
	}
	return page
}

func (h *handlers) accountEntitlements(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	page := readAccountPage(q)
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	held, err := h.accountHoldings(c)
	if err != nil {
		return door.Answer{}, err
	}
	from, to, more := page.Of(len(held.entitlements), func(i int, key billing.EntitlementID) int {
		return bytes.Compare(held.entitlements[i].ID[:], key[:])
	})
	out := api.AccountEntitlementList{
		Data:     api.AccountEntitlements{OrgCode: orgCode(c), Entitlements: make([]api.AccountEntitlement, 0, to-from)},
		Metadata: api.AccountPage{HasMore: more},
	}
	for i := from; i < to; i++ {
		out.Data.Entitlements = append(out.Data.Entitlements, wire.AccountEntitlement(&held.entitlements[i]))
	}
	// Kinde: the plans are on the first page only, because js-utils puts pages together
	if page.After == nil {
		out.Data.Plans = held.plans
	}
	// Kinde: no cursor without a next page, because the Java SDK follows any
	if more {
		out.Metadata.NextPageStartingAfter = &out.Data.Entitlements[to-from-1].ID
	}
	return door.Answer{Revision: held.revision, Body: out}, nil
}

// accountEntitlementByKey finds the one that a key names in the path or in the query.
//
// Kinde: the SDKs send the key in the path, in the query, or not at all
func (h *handlers) accountEntitlementByKey(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	key := c.PathValue("key")
	if key == "" {
		key = q.Required("key", wire.AFeatureCode)
	}
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	held, err := h.accountHoldings(c)
	if err != nil {
		return door.Answer{}, err
	}
	for i := range held.entitlements { // of several, the first has the lowest id
		if e := &held.entitlements[i]; string(e.Feature.Code) == key {
			return door.Answer{Revision: held.revision, Body: api.AccountEntitlementOne{
				Data: api.AccountEntitlementData{OrgCode: orgCode(c), Entitlement: wire.AccountEntitlement(e)},
			}}, nil
		}
	}
	// Kinde: not held is 404, because js-utils fails on a 200 with null
	return door.Answer{}, wire.NotFound(api.CodeEntitlementNotFound, "the user has no entitlement with this key, which is the code of a feature")
}

// orgCode is the token's; nil if it has none.
func orgCode(c *door.Call) *string {
	if c.By.OrgCode == "" {
		return nil
	}
	return &c.By.OrgCode
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
func (h *handlers) accountHoldings(c *door.Call) (holdings, error) {
	for _, codes := range h.accountCodes(c) {
		id, err := h.customerByCodes(c, codes)
		if err == nil {
			var held holdings
			if held, err = h.holdingsOf(c, id); err == nil {
				return held, nil
			}
		}
		if !wire.IsUnknown(err) {
			return holdings{}, err
		}
	}
	return holdings{plans: []api.AccountPlan{}}, nil
}

// codes are those that a customer may have.
type codes struct{ org, user string }

// accountCodes are those of the customers that a user may be, the first of which
// that there is speaks for the user.
func (h *handlers) accountCodes(c *door.Call) []codes {
	tries := []codes{{c.By.OrgCode, c.By.Subject}}
	if c.By.OrgCode != "" {
		tries = append(tries, codes{"", c.By.Subject})
		if h.AccountOrg {
			tries = append(tries, codes{c.By.OrgCode, ""})
		}
	}
	return tries
}

// customerByCodes looks up who has codes that anybody may have sent.
func (h *handlers) customerByCodes(c *door.Call, of codes) (billing.CustomerID, error) {
	if !door.Storable(of.org) || !door.Storable(of.user) {
		return billing.CustomerID{}, noCustomer
	}
	return h.Billing.CustomerByCodes(c.Context(), of.org, of.user)
}

// noCustomer is that nobody has the codes.
var noCustomer = wire.NotFound(api.CodeCustomerNotFound, "there is no customer with these codes")

func (h *handlers) holdingsOf(c *door.Call, id billing.CustomerID) (holdings, error) {
	snap, now, err := h.snapshot(c, id)
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
