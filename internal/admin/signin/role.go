package signin

import (
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
)

// Roles are all roles, each of which may do all that the one before it may, with what they
// are for.
var Roles = []struct {
	Role record.Role
	For  string // for people
}{
	{record.Viewer, "sees everything, changes nothing"},
	{record.Operator, "works with customers: makes and changes them, their agreements, usage and grants"},
	{record.Admin, "does everything: the catalog, webhooks, clients and administrators too"},
}

// operates are the scopes that an operator has beside those of a viewer.
var operates = map[string]bool{
	api.ScopeCreateCustomers:            true,
	api.ScopeUpdateCustomers:            true,
	api.ScopeCreateBillingAgreements:    true,
	api.ScopeDeleteBillingAgreements:    true,
	api.ScopeCreateMeterUsage:           true,
	api.ScopeCreateGrants:               true,
	api.ScopeCreateUserBillingCustomers: true,
	api.ScopeCreateOrganizations:        true,
}

// Scopes are those of the API that a role has.
func Scopes(role record.Role) []string {
	var scopes []string
	for _, s := range api.Scopes {
		sees := strings.HasPrefix(s.Name, "read:") || s.Name == api.ScopeCheckEntitlements
		if role == record.Admin || sees && known(role) || role == record.Operator && operates[s.Name] {
			scopes = append(scopes, s.Name)
		}
	}
	return scopes
}

func known(role record.Role) bool {
	for _, r := range Roles {
		if r.Role == role {
			return true
		}
	}
	return false
}

func checkRole(role record.Role) error {
	if known(role) {
		return nil
	}
	return billing.Invalid.Errorf("ROLE_INVALID", "role %.40q: want viewer, operator or admin", role)
}
