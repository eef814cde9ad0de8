package signin

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/allot-dev/allot/internal/admin/signin/record"
)

// Allow says whom an OpenID provider may let in, and with which role.
type Allow struct {
	addresses map[string]record.Role
	domains   map[string]record.Role // without the "@"
}

// addressForm is that of the addresses that can be somebody's name here.
var addressForm = regexp.MustCompile(`^[a-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[a-z0-9]([a-z0-9.-]{0,188}[a-z0-9])?$`)

// ParseAllow reads what is allowed: an address and a role, ada@acme.example=admin, or all
// addresses of a domain, @acme.example=viewer. An address goes before its domain. The error
// has every fault.
func ParseAllow(list []string) (Allow, []error) {
	allow := Allow{map[string]record.Role{}, map[string]record.Role{}}
	var faults []error
	for _, entry := range list {
		end := strings.LastIndex(entry, "=") // an address may have one too
		ok := end > 0
		who, role := strings.ToLower(strings.TrimSpace(entry[:max(end, 0)])), entry[end+1:]
		domain, isDomain := strings.CutPrefix(who, "@")
		address := who
		if isDomain {
			address = "x" + who
		}
		switch into := allow.addresses; {
		case !ok || !addressForm.MatchString(address) || !known(record.Role(role)):
			faults = append(faults, fmt.Errorf("%q: want an address or a domain with a role (viewer, operator, admin), such as ada@acme.example=admin or @acme.example=viewer", entry))
		default:
			if isDomain {
				who, into = domain, allow.domains
			}
			if has, twice := into[who]; twice && has != record.Role(role) {
				faults = append(faults, fmt.Errorf("%q: it has the role %s already", entry, has))
			}
			into[who] = record.Role(role)
		}
	}
	return allow, faults
}

// role is that of an address; ok is false if it is not allowed.
func (a Allow) role(address string) (role record.Role, ok bool) {
	if role, ok = a.addresses[address]; ok {
		return role, true
	}
	_, domain, _ := strings.Cut(address, "@")
	role, ok = a.domains[domain]
	return role, ok
}
