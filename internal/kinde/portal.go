package kinde

import (
	"net/url"
	"slices"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/wire"
)

// maxReturnURL is the longest return_url, in bytes: a link has to have it.
const maxReturnURL = 1000

const aReturnURL = "an absolute URL of at most 1000 bytes, of an origin that the server is told with --cors-origin"

// readReturnURL notes a return_url that leads where it may not: a link that the
// server makes must lead nowhere else.
func (h *handlers) readReturnURL(f *door.Faults, given string) {
	if given == "" {
		return
	}
	u, err := url.Parse(given)
	if err != nil || len(given) > maxReturnURL || !door.Storable(given) || u.Host == "" || u.User != nil ||
		u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(given, "\\ \t\r\n") {
		f.Refuse("return_url", aReturnURL)
		return
	}
	usual := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	origin := u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), usual) // as browsers write it
	if !slices.Contains(h.Origins, origin) && !slices.Contains(h.Origins, "*") {
		f.Refuse("return_url", aReturnURL)
	}
}

// ofOrganizations begins the parts of Kinde's page that are an organization's.
const ofOrganizations = "organization_"

func (h *handlers) generatePortalURL(c *door.Call) (change, error) {
	var f door.Faults
	b, err := door.ReadBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	of := codes{b.Text("organization_code", "the code of an organization"), b.Required("user_id", "the id of a user")}
	returnURL := b.Text("return_url", aReturnURL)
	h.readReturnURL(&f, returnURL)
	// Kinde: sub_nav opens a part of its page; here it only says whose page is meant
	part := b.Text("sub_nav", door.SomeText)
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := h.portalCustomer(c, of, strings.HasPrefix(part, ofOrganizations))
	if err != nil {
		return change{}, err
	}
	return change{Whose: id, Apart: func() (door.Answer, error) {
		link, err := h.PortalLink(id, returnURL)
		return door.Answer{Body: api.PortalLink{URL: link}, Secret: true}, err
	}}, nil
}

// portalCustomer is whose page a client means: of the user in the organization it
// names, else of the organization, or the other way round; without an organization
// of the user.
func (h *handlers) portalCustomer(c *door.Call, of codes, organization bool) (billing.CustomerID, error) {
	if of.org == "" {
		if !door.Storable(of.user) {
			return billing.CustomerID{}, noCustomer
		}
		id, err := h.Billing.CustomerOfUser(c.Context(), of.user)
		return id, unknownAs(err, noCustomer)
	}
	tries := []codes{of, {org: of.org}}
	if organization {
		slices.Reverse(tries)
	}
	return h.firstCustomer(c, tries)
}

// firstCustomer is the first that there is of some customers.
func (h *handlers) firstCustomer(c *door.Call, tries []codes) (billing.CustomerID, error) {
	for _, t := range tries {
		id, err := h.customerByCodes(c, t)
		if err == nil || !wire.IsUnknown(err) {
			return id, err
		}
	}
	return billing.CustomerID{}, noCustomer
}

func (h *handlers) accountPortalLink(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	returnURL := q.Text("return_url")
	h.readReturnURL(q.Faults, returnURL)
	// Kinde: its clients write subnav or sub_nav
	if subnav, apart := q.Text("subnav"), q.Text("sub_nav"); subnav != "" && apart != "" {
		q.Add(api.CodeTooManyParameters, "only one of subnav and sub_nav may be given")
	}
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.firstCustomer(c, h.accountCodes(c))
	if err != nil {
		return door.Answer{}, unknownAs(err, notACustomer)
	}
	link, err := h.PortalLink(id, returnURL)
	return door.Answer{Body: api.PortalLink{URL: link}}, err
}

// notACustomer is that a user who asks has no page.
var notACustomer = wire.NotFound(api.CodeCustomerNotFound, "the user is no billing customer")
