package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
)

// A session ends when it was not used for sessionIdle, and at the latest sessionLife after it
// was begun. When it was used is noted every seenEvery.
const (
	sessionIdle = 12 * time.Hour
	sessionLife = 7 * 24 * time.Hour
	seenEvery   = 5 * time.Minute
)

// ErrRefused is a wrong name or password, or somebody who may not come in; which of these is
// not said.
var ErrRefused = errors.New("wrong name or password")

// TooManyError is an attempt after too many that failed.
type TooManyError struct{ auth.Block }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many failed attempts: wait %s", e.Wait.Round(time.Second))
}

// LinkError is a link that lets nobody in.
type LinkError struct{ Reason string } // for people

func (e *LinkError) Error() string { return e.Reason }

var (
	errLinkUnknown = &LinkError{"This link is not one of this server's, or another one has taken its place."}
	errLinkExpired = &LinkError{"This link is too old: it could be used for 24 hours."}
	errLinkSpent   = &LinkError{"This link was used already: it could be used once."}
)

// Caller is the browser that somebody comes with.
type Caller struct {
	Address string // of the network
	Agent   string // as it calls itself
	Mark    string // of [Accounts.NewMark]; "" if it has none
}

// maxAgent bounds what is kept of how a browser calls itself.
const maxAgent = 200

func (c Caller) agent() string {
	text := strings.ToValidUTF8(strings.ReplaceAll(c.Agent, "\x00", ""), "")
	if len(text) > maxAgent {
		text = text[:maxAgent]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	return text
}

// Entry is a session that has just begun. Cookie cannot be had again.
type Entry struct {
	Cookie string
	record.Session
}

// begin makes a session in a transaction that has the lock of the administrator. It is always
// a new one: what a browser brought along is worth nothing afterwards.
func (a *Accounts) begin(tx record.Tx, who record.Administrator, method record.Method, by Caller, now time.Time) (Entry, error) {
	if !who.DisabledOn.IsZero() {
		return Entry{}, ErrRefused
	}
	cookie, hash := newSecret()
	s := record.Session{
		Hash: hash, Name: who.Name, Role: who.Role, Method: method, Agent: by.agent(),
		CreatedOn: now, SeenOn: now, EndsOn: now.Add(sessionLife),
	}
	err := errors.Join(tx.SweepAdmin(now), tx.CreateAdminSession(s))
	return Entry{cookie, s}, err
}

// SignIn lets somebody in by their password. A name that there is not takes as long as a wrong
// password; either is [ErrRefused]. After too many of them from an address the error is a
// [*TooManyError], also for the right password: from another address it is good.
func (a *Accounts) SignIn(ctx context.Context, by Caller, name, password string) (Entry, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	who, err := a.tried(ctx, by, name, password)
	if err != nil {
		if errors.Is(err, ErrRefused) {
			a.log.LogAttrs(ctx, slog.LevelInfo, "sign-in refused", slog.String("address", by.Address))
		}
		return Entry{}, err
	}
	return a.letIn(ctx, by, who)
}

// letIn begins a session of somebody whose password was right, and is still the same.
func (a *Accounts) letIn(ctx context.Context, by Caller, who record.Administrator) (Entry, error) {
	now := a.instant()
	var entry Entry
	err := a.store.Update(ctx, func(tx record.Tx) error {
		is, err := tx.LockAdministrator(who.Name)
		if err != nil {
			return err
		}
		if is.Password != who.Password { // another was chosen, or a reset came in between
			return ErrRefused
		}
		entry, err = a.begin(tx, is, record.ByPassword, by, now)
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	a.entered(ctx, by, entry)
	return entry, nil
}

// tried is who a password is of. Attempts that fail are counted.
func (a *Accounts) tried(ctx context.Context, by Caller, name, password string) (who record.Administrator, err error) {
	origin := a.origin(by, name)
	err = a.hasher.run(ctx, func() error {
		// Here, so that of many attempts at once no more are tried than one after the other.
		if block := a.failures.Blocked(origin, name); block.Wait > 0 {
			return &TooManyError{block}
		}
		who = record.Administrator{}
		if nameForm.MatchString(name) {
			err := a.store.View(ctx, func(r record.Reader) (err error) {
				who, err = r.Administrator(name)
				return err
			})
			if err != nil && !errors.Is(err, billing.ErrNotFound) {
				return err
			}
		}
		if len(password) > maxPassword {
			password = "" // nobody's, and not worth the time
		}
		right, err := matches(who.Password, password)
		if err != nil {
			return err
		}
		if !right || !who.DisabledOn.IsZero() {
			a.failures.Add(origin, name)
			return ErrRefused
		}
		return nil
	})
	return who, err
}

// entered has the log say who came in.
func (a *Accounts) entered(ctx context.Context, by Caller, e Entry) {
	a.log.LogAttrs(ctx, slog.LevelInfo, "signed in", slog.String("administrator", e.Name), slog.String("role", string(e.Role)),
		slog.String("method", string(e.Method)), slog.String("address", by.Address))
}

// Link is a link that can be used. The error is a [*LinkError] if it cannot. Looking at it
// spends nothing.
func (a *Accounts) Link(ctx context.Context, token string) (record.Link, error) {
	var link record.Link
	err := a.store.View(ctx, func(r record.Reader) (err error) {
		link, err = r.AdminLink(hashOf(token))
		return err
	})
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return record.Link{}, err
	}
	switch {
	case err != nil:
		return record.Link{}, errLinkUnknown
	case !link.SpentOn.IsZero():
		return record.Link{}, errLinkSpent
	case !a.now().Before(link.ExpiresOn):
		return record.Link{}, errLinkExpired
	}
	return link, nil
}

// spend spends a link and lets its administrator in, in one transaction.
func (a *Accounts) spend(ctx context.Context, by Caller, link record.Link, set func(record.Tx, *record.Administrator) error) (Entry, error) {
	now := a.instant()
	var entry Entry
	err := a.store.Update(ctx, func(tx record.Tx) error {
		who, err := tx.LockAdministrator(link.Name)
		if err != nil {
			return found(err)
		}
		if err := tx.SpendAdminLink(link.Hash, now); errors.Is(err, billing.ErrNotFound) {
			return errLinkSpent
		} else if err != nil {
			return err
		}
		if err := set(tx, &who); err != nil {
			return err
		}
		entry, err = a.begin(tx, who, record.ByLink, by, now)
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	a.entered(ctx, by, entry)
	return entry, nil
}

// EnterByLink spends a link that is for signing in.
func (a *Accounts) EnterByLink(ctx context.Context, by Caller, token string) (Entry, error) {
	link, err := a.Link(ctx, token)
	if err != nil {
		return Entry{}, err
	}
	if link.Purpose != record.ForSignIn {
		return Entry{}, errLinkUnknown
	}
	return a.spend(ctx, by, link, func(record.Tx, *record.Administrator) error { return nil })
}

// ChooseByLink spends a link that is for choosing a password: it is the administrator's from
// now on, and all other sessions end. A password that is no good spends nothing.
func (a *Accounts) ChooseByLink(ctx context.Context, by Caller, token, password string) (Entry, error) {
	link, err := a.Link(ctx, token)
	if err != nil {
		return Entry{}, err
	}
	if link.Purpose != record.ForPassword {
		return Entry{}, errLinkUnknown
	}
	if err := checkPassword(link.Name, password); err != nil {
		return Entry{}, err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return Entry{}, err
	}
	return a.spend(ctx, by, link, func(tx record.Tx, who *record.Administrator) error {
		who.Password = hash
		return errors.Join(tx.UpdateAdministrator(*who), tx.DeleteAdminSessions(who.Name),
			note(tx, actor(who.Name), record.AdministratorPasswordSet, *who, a.instant()))
	})
}

// SignInLink is a link that signs an administrator in, who is made if there is none. It is
// for the one who has the server itself, on their own machine.
func (a *Accounts) SignInLink(ctx context.Context, by billing.Actor, name string, role record.Role) (made NewLink, err error) {
	if err := errors.Join(checkName(name), checkRole(role)); err != nil {
		return NewLink{}, firstOf(err)
	}
	now := a.instant()
	err = a.store.Update(ctx, func(tx record.Tx) error {
		who, err := ensure(tx, by, record.Administrator{Name: name, Role: role, CreatedOn: now})
		if err != nil {
			return err
		}
		was := who
		if who.Role, who.DisabledOn = role, (time.Time{}); who != was {
			if err := errors.Join(tx.UpdateAdministrator(who), note(tx, by, record.AdministratorRoleChanged, who, now)); err != nil {
				return err
			}
		}
		made, err = newLink(tx, name, role, record.ForSignIn, now)
		return err
	})
	if err != nil {
		return NewLink{}, err
	}
	a.tell(ctx, by, "link to sign in made", name)
	return made, nil
}

// ensure has the lock of an administrator, who is made if there is none.
func ensure(tx record.Tx, by billing.Actor, who record.Administrator) (record.Administrator, error) {
	err := tx.CreateAdministrator(who)
	if err == nil {
		err = note(tx, by, record.AdministratorCreated, who, who.CreatedOn)
	}
	if err != nil && !errors.Is(err, billing.ErrExists) {
		return record.Administrator{}, err
	}
	return tx.LockAdministrator(who.Name)
}

// Visit is a request of somebody who is signed in.
type Visit struct {
	record.Session
	// Cookie takes the place of the one that came; "" if that stays.
	Cookie string
}

// ended reports whether a session has ended by itself.
func ended(s record.Session, now time.Time) bool {
	return !now.Before(s.EndsOn) || !now.Before(s.SeenOn.Add(sessionIdle))
}

// Visit is whose a cookie is; nil if nobody's any more. Where the administrator has another
// role than the cookie was given for, it is replaced.
func (a *Accounts) Visit(ctx context.Context, cookie string) (*Visit, error) {
	now := a.instant()
	s, role, err := a.live(ctx, cookie, now)
	switch {
	case err != nil || s == nil:
		return nil, err
	case role != s.Role:
		return a.rotate(ctx, *s, role)
	case now.Sub(s.SeenOn) >= seenEvery:
		err := a.store.Update(ctx, func(tx record.Tx) error { return tx.SeeAdminSession(s.Hash, now) })
		if err != nil { // it is no reason to see nobody: what can be read can be shown
			a.log.WarnContext(ctx, "the use of a session is not noted", "cause", err)
		}
	}
	return &Visit{Session: *s}, nil
}

// Look is as Visit, but notes and changes nothing: it is nil where the role is another now.
func (a *Accounts) Look(ctx context.Context, cookie string) (*record.Session, error) {
	s, role, err := a.live(ctx, cookie, a.instant())
	if err != nil || s == nil || role != s.Role {
		return nil, err
	}
	return s, nil
}

// live is the session of a cookie, if it goes on, and the role of whose it is.
func (a *Accounts) live(ctx context.Context, cookie string, now time.Time) (*record.Session, record.Role, error) {
	var s record.Session
	var who record.Administrator
	err := a.store.View(ctx, func(r record.Reader) (err error) {
		if s, err = r.AdminSession(hashOf(cookie)); err != nil {
			return err
		}
		who, err = r.Administrator(s.Name)
		return err
	})
	if errors.Is(err, billing.ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	role, may := a.roleOf(who)
	if !may || !who.DisabledOn.IsZero() || ended(s, now) {
		return nil, "", nil
	}
	return &s, role, nil
}

// roleOf is what an administrator may do here and now, unless they are disabled; may is false
// of one of the provider who is not among those that it may let in here.
func (a *Accounts) roleOf(who record.Administrator) (_ record.Role, may bool) {
	if ofProvider(who.Name) {
		return a.allow.role(who.Name)
	}
	return who.Role, true
}

// rotate replaces a session by one for another role.
func (a *Accounts) rotate(ctx context.Context, s record.Session, role record.Role) (*Visit, error) {
	cookie, hash := newSecret()
	next := s
	next.Hash, next.Role = hash, role
	err := a.store.Update(ctx, func(tx record.Tx) error {
		if _, err := tx.LockAdministrator(s.Name); err != nil {
			return err
		}
		if _, err := tx.AdminSession(s.Hash); err != nil { // it was replaced or ended meanwhile
			return err
		}
		return errors.Join(tx.DeleteAdminSession(s.Hash), tx.CreateAdminSession(next))
	})
	if errors.Is(err, billing.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Visit{next, cookie}, nil
}

// SignOut ends the session of a cookie, if it has one.
func (a *Accounts) SignOut(ctx context.Context, cookie string) error {
	return a.store.Update(ctx, func(tx record.Tx) error { return tx.DeleteAdminSession(hashOf(cookie)) })
}

// SessionID names a session to its owner. It is of no use to sign in with.
func SessionID(s record.Session) string { return s.Hash[:16] }

// EndSession ends a session of an administrator. One that is not there is ended.
func (a *Accounts) EndSession(ctx context.Context, name, id string) error {
	return a.store.Update(ctx, func(tx record.Tx) error {
		all, err := tx.AdminSessions(name)
		if err != nil {
			return err
		}
		for _, s := range all {
			if subtle.ConstantTimeCompare([]byte(SessionID(s)), []byte(id)) == 1 {
				return tx.DeleteAdminSession(s.Hash)
			}
		}
		return nil
	})
}

// ChangePassword gives an administrator another password, who says the present one. All their
// sessions end; the one that they have now goes on with a new cookie. A wrong one is
// [ErrRefused], and counts as an attempt to sign in.
func (a *Accounts) ChangePassword(ctx context.Context, by Caller, now *Visit, present, next string) (Entry, error) {
	if ofProvider(now.Name) {
		return Entry{}, billing.Refused.Errorf("PASSWORD_OF_PROVIDER", "who signs in by the provider has no password here")
	}
	if err := checkPassword(now.Name, next); err != nil {
		return Entry{}, err
	}
	who, err := a.tried(ctx, by, now.Name, present)
	if err != nil {
		return Entry{}, err
	}
	hash, err := a.hasher.hash(ctx, next)
	if err != nil {
		return Entry{}, err
	}
	at := a.instant()
	var entry Entry
	err = a.change(ctx, actor(now.Name), record.AdministratorPasswordSet, now.Name, at, func(tx record.Tx, is *record.Administrator) error {
		if is.Password != who.Password {
			return ErrRefused
		}
		is.Password = hash
		if err := shutOut(tx, is.Name); err != nil {
			return err
		}
		entry, err = a.begin(tx, *is, now.Method, by, at)
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	a.tell(ctx, actor(now.Name), "password changed", now.Name)
	return entry, nil
}
