package record

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// ScopeAdministrators is the scope of administrators in the change log.
const ScopeAdministrators billing.Scope = "administrators"

// What the change log says of administrators. The feed tells of none of it.
const (
	AdministratorCreated     billing.ChangeKind = "administrator.created"
	AdministratorRoleChanged billing.ChangeKind = "administrator.role_changed"
	AdministratorPasswordSet billing.ChangeKind = "administrator.password_set"
	AdministratorReset       billing.ChangeKind = "administrator.reset"
	AdministratorDisabled    billing.ChangeKind = "administrator.disabled"
)

// Facts are what the change log says of an administrator: each field by its name, left out
// if it is zero, and of the password the SHA-256 of what is stored.
func Facts(a *Administrator) map[string]string {
	facts := map[string]string{"administrator": a.Name, "role": string(a.Role)}
	if a.Password != "" {
		sum := sha256.Sum256([]byte(a.Password))
		facts["password_digest"] = hex.EncodeToString(sum[:])
	}
	for name, on := range map[string]time.Time{"created_on": a.CreatedOn, "disabled_on": a.DisabledOn} {
		if !on.IsZero() {
			facts[name] = on.UTC().Format(time.RFC3339Nano)
		}
	}
	return facts
}
