package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
)

// LinkLife is for how long a one-time link can be used.
const LinkLife = 24 * time.Hour

// Failed attempts that are too many within attemptWindow: of a name from an address, and of
// all names from an address.
const (
	attemptsOfName    = 10
	attemptsOfAddress = 50
	attemptWindow     = 15 * time.Minute
)

// Accounts are the administrators of an installation and what lets them in. It is safe for
// concurrent use.
type Accounts struct {
	store    record.Store
	now      func() time.Time
	log      *slog.Logger
	allow    Allow
	key      []byte
	hasher   *hasher
	failures *auth.Failures
}

// Options are what [Accounts] are made of.
type Options struct {
	Store record.Store
	Now   func() time.Time
	// Allow are the addresses that an OpenID provider may let in; the zero Allow is none.
	Allow Allow
	// Key marks browsers that somebody has signed in with, so that guesses of others behind
	// the same proxy do not keep them out: the same on every node. Nil: none is marked.
	Key []byte
	// Log is told who signs in, and of every change of administrators.
	Log *slog.Logger
}

// New makes the accounts of a store.
func New(o Options) *Accounts {
	return &Accounts{
		store: o.Store, now: o.Now, log: o.Log, allow: o.Allow, key: o.Key, hasher: newHasher(),
		failures: auth.NewFailures(auth.FailureLimits{Pair: attemptsOfName, Address: attemptsOfAddress, Window: attemptWindow}, o.Now),
	}
}

// instant is now as the store keeps it.
func (a *Accounts) instant() time.Time { return a.now().UTC().Truncate(time.Microsecond) }

// newSecret is 130 random bits as 26 letters and digits, and what is kept of them.
func newSecret() (secret, hash string) {
	secret = rand.Text()
	return secret, hashOf(secret)
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// nameForm is that of the names that are given here. One with "@" is a provider's.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

func checkName(name string) error {
	if strings.Contains(name, "@") {
		return billing.Invalid.Errorf("ADMINISTRATOR_NAME_INVALID", "name: one with @ is of somebody who signs in by the OpenID provider, whom --console-oidc-allow lets in")
	}
	if !nameForm.MatchString(name) {
		return billing.Invalid.Errorf("ADMINISTRATOR_NAME_INVALID", "name: want 1 to 64 lower-case letters, digits, dots, dashes and underscores, such as ada")
	}
	return nil
}

// ofProvider reports whether an administrator signs in by the provider.
func ofProvider(name string) bool { return strings.Contains(name, "@") }

var errNobody = billing.NotFound.Errorf("ADMINISTRATOR_NOT_FOUND", "there is no such administrator")

// found gives the error of a record that is not there the code of an administrator.
func found(err error) error {
	if errors.Is(err, billing.ErrNotFound) {
		return errNobody
	}
	return err
}

// note has the change log say what an administrator is now.
func note(tx record.Tx, by billing.Actor, kind billing.ChangeKind, who record.Administrator, now time.Time) error {
	_, err := tx.AppendChange(billing.Change{Scope: record.ScopeAdministrators, On: now, By: by, Kind: kind, After: record.Facts(&who)})
	return err
}

// actor is an administrator as the change log names them.
func actor(name string) billing.Actor { return billing.Actor("admin:" + name) }

// tell has the server's log say what was done to an administrator, and by whom.
func (a *Accounts) tell(ctx context.Context, by billing.Actor, what, name string, more ...slog.Attr) {
	a.log.LogAttrs(ctx, slog.LevelInfo, what, append([]slog.Attr{slog.String("administrator", name), slog.String("by", string(by))}, more...)...)
}

// NewLink is a one-time link that was just made. Token cannot be had again.
type NewLink struct {
	Token     string
	Name      string
	Role      record.Role
	ExpiresOn time.Time
}

// Create makes an administrator, and a link by which they choose their password. The error is
// a [billing.Conflict] if the name is taken.
func (a *Accounts) Create(ctx context.Context, by billing.Actor, name string, role record.Role) (NewLink, error) {
	if err := errors.Join(checkName(name), checkRole(role)); err != nil {
		return NewLink{}, firstOf(err)
	}
	now := a.instant()
	var made NewLink
	err := a.store.Update(ctx, func(tx record.Tx) error {
		who := record.Administrator{Name: name, Role: role, CreatedOn: now}
		err := tx.CreateAdministrator(who)
		if errors.Is(err, billing.ErrExists) {
			return billing.Conflict.Errorf("ADMINISTRATOR_EXISTS", "administrator %s is there already: reset makes a new link", name)
		}
		if err != nil {
			return err
		}
		if err := note(tx, by, record.AdministratorCreated, who, now); err != nil {
			return err
		}
		made, err = newLink(tx, name, role, record.ForPassword, now)
		return err
	})
	if err != nil {
		return NewLink{}, err
	}
	a.tell(ctx, by, "administrator made", name, slog.String("role", string(role)))
	return made, nil
}

// firstOf is the first of joined errors: each of them is told alone.
func firstOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}

// newLink makes a link in a transaction.
func newLink(tx record.Tx, name string, role record.Role, purpose record.Purpose, now time.Time) (NewLink, error) {
	token, hash := newSecret()
	link := record.Link{Hash: hash, Name: name, Purpose: purpose, CreatedOn: now, ExpiresOn: now.Add(LinkLife)}
	err := errors.Join(tx.SweepAdmin(now), tx.CreateAdminLink(link))
	return NewLink{Token: token, Name: name, Role: role, ExpiresOn: link.ExpiresOn}, err
}

// Reset ends all that lets an administrator in (the password, links, sessions, and who they
// are at the provider), lets them in again if they were disabled, and returns a link by which
// they choose a new password. For one of the provider there is no link: the next sign-in with
// that address is theirs.
func (a *Accounts) Reset(ctx context.Context, by billing.Actor, name string) (made NewLink, err error) {
	now := a.instant()
	err = a.change(ctx, by, record.AdministratorReset, name, now, func(tx record.Tx, who *record.Administrator) error {
		who.Password, who.DisabledOn = "", time.Time{}
		if err := shutOut(tx, name); err != nil {
			return err
		}
		if ofProvider(name) {
			made = NewLink{Name: name, Role: who.Role}
			return tx.DeleteAdminIdentities(name)
		}
		made, err = newLink(tx, name, who.Role, record.ForPassword, now)
		return err
	})
	if err != nil {
		return NewLink{}, err
	}
	a.tell(ctx, by, "administrator reset", name)
	return made, nil
}

// shutOut ends the sessions of an administrator and the links that would begin one.
func shutOut(tx record.Tx, name string) error {
	return errors.Join(tx.DeleteAdminSessions(name), tx.DeleteAdminLinks(name))
}

// change changes an administrator under its lock, with the record of it. A change that leaves
// all as it was is none.
func (a *Accounts) change(
	ctx context.Context, by billing.Actor, kind billing.ChangeKind, name string, now time.Time, fn func(record.Tx, *record.Administrator) error,
) error {
	if !nameForm.MatchString(name) && !addressForm.MatchString(name) {
		return errNobody
	}
	return a.store.Update(ctx, func(tx record.Tx) error {
		was, err := tx.LockAdministrator(name)
		if err != nil {
			return found(err)
		}
		is := was
		if err := fn(tx, &is); err != nil || is == was {
			return err
		}
		return errors.Join(tx.UpdateAdministrator(is), note(tx, by, kind, is, now))
	})
}

// Disable shuts an administrator out, until they are reset. One who is out already stays so.
func (a *Accounts) Disable(ctx context.Context, by billing.Actor, name string) error {
	now := a.instant()
	err := a.change(ctx, by, record.AdministratorDisabled, name, now, func(tx record.Tx, who *record.Administrator) error {
		if who.DisabledOn.IsZero() {
			who.DisabledOn = now
		}
		return shutOut(tx, name)
	})
	if err == nil {
		a.tell(ctx, by, "administrator disabled", name)
	}
	return err
}

// SetRole gives an administrator another role, from their next request on. The roles of those
// who sign in by the provider are those of --console-oidc-allow: the error is a
// [billing.Refused] one.
func (a *Accounts) SetRole(ctx context.Context, by billing.Actor, name string, role record.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	if ofProvider(name) {
		return billing.Refused.Errorf("ROLE_OF_PROVIDER", "the role of an administrator who signs in by the provider is what --console-oidc-allow says")
	}
	err := a.change(ctx, by, record.AdministratorRoleChanged, name, a.instant(), func(_ record.Tx, who *record.Administrator) error {
		who.Role = role
		return nil
	})
	if err == nil {
		a.tell(ctx, by, "administrator has another role", name, slog.String("role", string(role)))
	}
	return err
}

// EndSessions signs an administrator out everywhere.
func (a *Accounts) EndSessions(ctx context.Context, by billing.Actor, name string) error {
	err := a.change(ctx, by, "", name, a.instant(), func(tx record.Tx, _ *record.Administrator) error { return tx.DeleteAdminSessions(name) })
	if err == nil {
		a.tell(ctx, by, "administrator signed out everywhere", name)
	}
	return err
}

// Account is an administrator as others see them.
type Account struct {
	record.Administrator
	// Barred says that the provider may not let them in here, whom it has let in before:
	// Role is what they had then.
	Barred bool
	// Sessions are those that have not ended.
	Sessions []record.Session
}

// ByProvider reports whether they sign in by the provider.
func (a Account) ByProvider() bool { return ofProvider(a.Name) }

// HasPassword reports whether they have chosen a password.
func (a Account) HasPassword() bool { return a.Password != "" }

// SeenOn is when they were last here, to some minutes; zero if no session tells.
func (a Account) SeenOn() (last time.Time) {
	for _, s := range a.Sessions {
		if s.SeenOn.After(last) {
			last = s.SeenOn
		}
	}
	return last
}

// List is all administrators, ascending by name. The role of one who signs in by the provider
// is the one that they have here and now, unless they are barred.
func (a *Accounts) List(ctx context.Context) (list []Account, err error) {
	now := a.now()
	err = a.store.View(ctx, func(r record.Reader) error {
		list = nil
		all, err := r.Administrators()
		if err != nil {
			return err
		}
		for _, who := range all {
			account, err := a.accountOf(r, who, now)
			if err != nil {
				return err
			}
			list = append(list, account)
		}
		return nil
	})
	return list, err
}

// account is an administrator. The error is a [billing.NotFound] if there is none.
func (a *Accounts) account(ctx context.Context, name string) (account Account, err error) {
	if !nameForm.MatchString(name) && !addressForm.MatchString(name) {
		return Account{}, errNobody
	}
	err = a.store.View(ctx, func(r record.Reader) error {
		who, err := r.Administrator(name)
		if err != nil {
			return found(err)
		}
		account, err = a.accountOf(r, who, a.now())
		return err
	})
	return account, err
}

func (a *Accounts) accountOf(r record.Reader, who record.Administrator, now time.Time) (Account, error) {
	role, may := a.roleOf(who)
	if may {
		who.Role = role
	}
	sessions, err := liveSessions(r, who.Name, now)
	return Account{who, !may, sessions}, err
}

func liveSessions(r record.Reader, name string, now time.Time) ([]record.Session, error) {
	all, err := r.AdminSessions(name)
	var live []record.Session
	for _, s := range all {
		if !ended(s, now) {
			live = append(live, s)
		}
	}
	return live, err
}
