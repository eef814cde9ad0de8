package kinde

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
)

// readUserExpand reports whether the customer is asked for.
//
// Kinde: expand also has organizations and identities, of which nothing is known
func readUserExpand(q *door.Query) bool {
	return q.Has("expand", api.ExpandBilling, "organizations", "identities")
}

func (h *handlers) user(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	id := q.Required("id", "the id of a user")
	withBilling := readUserExpand(q)
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	if !door.Storable(id) {
		return door.Answer{}, noUser
	}
	customer, err := h.Billing.CustomerOfUser(c.Context(), id)
	if err != nil {
		return door.Answer{}, unknownAs(err, noUser)
	}
	snap, _, err := h.snapshot(c, customer)
	if err != nil {
		return door.Answer{}, unknownAs(err, noUser)
	}
	return door.Answer{Revision: snap.Revision().String(), Body: shownUser(&snap.Customer, withBilling)}, nil
}

// shownUser is a user, by the customer that stands for it.
//
// Kinde: of a user only what billing tells of it is known
func shownUser(of *billing.Customer, withBilling bool) api.UserDetails {
	out := api.UserDetails{ID: of.UserID}
	if withBilling {
		out.Billing = &api.UserBilling{CustomerID: of.ID.String()}
	}
	return out
}

func (h *handlers) users(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	size := q.Size("page_size", q.Text("page_size"), api.MaxPageSize)
	after := readNextToken(q)
	only := q.Words("user_id")
	if strings.Count(only, ",") >= api.MaxPageSize {
		q.Refuse("user_id", "at most 500 ids with commas between")
	}
	withBilling := readUserExpand(q)
	// A list of everybody would be no answer to a search for somebody.
	for _, filter := range []string{"email", "username", "phone", "has_organization", "active_since"} {
		if q.Text(filter) != "" {
			q.Refuse(filter, "absent: users can be searched by user_id alone")
		}
	}
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	list := func() ([]billing.Customer, bool, error) { return h.Billing.Users(c.Context(), after, size) }
	if only != "" {
		list = func() ([]billing.Customer, bool, error) { return h.usersOf(c, strings.Split(only, ","), after, size) }
	}
	found, more, err := list()
	if err != nil {
		return door.Answer{}, err
	}
	out := api.UserList{Code: api.CodeOK, Message: api.MessageSuccess, Users: make([]api.UserDetails, len(found))}
	for i := range found {
		out.Users[i] = shownUser(&found[i], withBilling)
	}
	// Kinde: users are paged by next_token, which is left out when there are no more
	if more {
		out.NextToken = base64.RawURLEncoding.EncodeToString([]byte(found[len(found)-1].UserID))
	}
	return door.Answer{Body: out}, nil
}

// readNextToken reads the id of the last user of the page before; "" if there is
// none.
func readNextToken(q *door.Query) string {
	after, err := base64.RawURLEncoding.DecodeString(q.Text("next_token"))
	if err != nil || !door.Storable(string(after)) {
		q.Refuse("next_token", "as an earlier page showed it")
		return ""
	}
	return string(after)
}

// usersOf is the part of the list of users that has some ids.
//
// Kinde: user_id is a list with commas
func (h *handlers) usersOf(c *door.Call, ids []string, after string, size int) (found []billing.Customer, more bool, err error) {
	for i := range ids {
		ids[i] = strings.TrimSpace(ids[i])
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id <= after {
			continue
		}
		customer, err := h.Billing.CustomerOfUser(c.Context(), id)
		if unknownAs(err, nil) != nil {
			return nil, false, err
		} else if err != nil {
			continue
		}
		if len(found) == size {
			return found, true, nil
		}
		found = append(found, billing.Customer{ID: customer, UserID: id})
	}
	return found, false, nil
}
