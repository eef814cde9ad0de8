package signin

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// The first administrator: a link, a password by it, and from then on the password.
func TestFirstAdministrator(t *testing.T) {
	w := newWorld(t)
	link, err := w.Create(t.Context(), cli, "ada", record.Admin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.SignIn(t.Context(), here, "ada", ""); !errors.Is(err, ErrRefused) {
		t.Errorf("before a password is chosen: %v", err)
	}
	chosen, err := w.ChooseByLink(t.Context(), here, link.Token, password)
	if err != nil {
		t.Fatal(err)
	}
	w.wantSeen(chosen.Cookie, "ada admin")
	w.wantSeen(w.in(" ADA ").Cookie, "ada admin")
	for name, wrong := range map[string]string{"ada": "wrong " + password, "bob": password, "": password, "ada\x00": password, "ada@b.example": password} {
		if _, err := w.SignIn(t.Context(), here, name, wrong); !errors.Is(err, ErrRefused) {
			t.Errorf("%q with %q: %v", name, wrong, err)
		}
	}
	if said := w.log.String(); strings.Contains(said, password) || strings.Contains(said, link.Token) || strings.Contains(said, chosen.Cookie) {
		t.Errorf("the log has a secret: %s", said)
	}
}

// A link is good once, for a day, and for what it was made.
func TestLinks(t *testing.T) {
	w := newWorld(t)
	link, err := w.Create(t.Context(), cli, "ada", record.Admin)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // whoever looks at it spends nothing
		if _, err := w.Link(t.Context(), link.Token); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.ChooseByLink(t.Context(), here, link.Token, "too short"); codeOf(err) != "PASSWORD_INVALID" {
		t.Errorf("a short password: %v", err)
	}
	_, err = w.EnterByLink(t.Context(), here, link.Token)
	wantLinkError(t, err, errLinkUnknown)
	if _, err := w.ChooseByLink(t.Context(), here, link.Token, password); err != nil {
		t.Fatalf("what was refused has spent it: %v", err)
	}
	_, err = w.ChooseByLink(t.Context(), here, link.Token, "another "+password)
	wantLinkError(t, err, errLinkSpent)
	w.in("ada")
	_, err = w.Link(t.Context(), "AAAAAAAAAAAAAAAAAAAAAAAAAA")
	wantLinkError(t, err, errLinkUnknown)

	late, err := w.Create(t.Context(), cli, "bob", record.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(LinkLife - time.Microsecond)
	if _, err := w.Link(t.Context(), late.Token); err != nil {
		t.Error(err)
	}
	w.clock.advance(time.Microsecond)
	_, err = w.ChooseByLink(t.Context(), here, late.Token, password)
	wantLinkError(t, err, errLinkExpired)

	// One that is reset makes the one before worth nothing.
	one, err := w.Reset(t.Context(), cli, "bob")
	if err != nil {
		t.Fatal(err)
	}
	two, err := w.Reset(t.Context(), cli, "bob")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.ChooseByLink(t.Context(), here, one.Token, password)
	wantLinkError(t, err, errLinkUnknown)
	if _, err = w.ChooseByLink(t.Context(), here, two.Token, password); err != nil {
		t.Error(err)
	}
}

// Of several that spend a link at once one is let in, on either database.
func TestLinkRace(t *testing.T) {
	for name, database := range map[string]func(t testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "allot.db") },
		"postgres": pgtest.URL,
	} {
		t.Run(name, func(t *testing.T) {
			w := worldOn(t, database(t))
			enter, err := w.SignInLink(t.Context(), cli, "ada", record.Admin)
			if err != nil {
				t.Fatal(err)
			}
			choose, err := w.Create(t.Context(), cli, "bob", record.Viewer)
			if err != nil {
				t.Fatal(err)
			}
			for what, spend := range map[string]func(a *Accounts) (Entry, error){
				"sign in": func(a *Accounts) (Entry, error) { return a.EnterByLink(t.Context(), here, enter.Token) },
				"choose":  func(a *Accounts) (Entry, error) { return a.ChooseByLink(t.Context(), here, choose.Token, password) },
			} {
				const racers = 4
				entries, errs := make([]Entry, racers), make([]error, racers)
				nodes := []*Accounts{w.Accounts, w.node()}
				var racing sync.WaitGroup
				for i := range racers {
					racing.Go(func() { entries[i], errs[i] = spend(nodes[i%2]) })
				}
				racing.Wait()
				won := 0
				for i, err := range errs {
					if err == nil {
						won++
						if who, _ := w.sees(w.Accounts, entries[i].Cookie); who == "" {
							t.Errorf("%s: who has won is not let in", what)
						}
						continue
					}
					wantLinkError(t, err, errLinkSpent)
				}
				if won != 1 {
					t.Errorf("%s: %d have spent the link", what, won)
				}
			}
		})
	}
}

// A session ends when it is not used, at the latest after a week, and by signing out.
func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	idle, used := w.in("ada"), w.in("ada")
	for range 14 * 2 { // a week, with a visit every six hours
		w.clock.advance(6*time.Hour - time.Minute)
		w.wantSeen(used.Cookie, "ada admin")
	}
	w.wantSeen(idle.Cookie, "")
	w.clock.advance(28*time.Minute - time.Microsecond)
	w.wantSeen(used.Cookie, "ada admin")
	w.clock.advance(time.Microsecond)
	w.wantSeen(used.Cookie, "")

	short := w.in("ada")
	w.clock.advance(sessionIdle - time.Microsecond)
	w.wantSeen(short.Cookie, "ada admin")
	w.clock.advance(sessionIdle)
	w.wantSeen(short.Cookie, "")

	here, elsewhere := w.in("ada"), w.in("ada")
	if err := w.SignOut(t.Context(), here.Cookie); err != nil {
		t.Fatal(err)
	}
	w.wantSeen(here.Cookie, "")
	w.wantSeen(elsewhere.Cookie, "ada admin")
	if err := w.EndSession(t.Context(), "bob", SessionID(elsewhere.Session)); err != nil {
		t.Fatal(err)
	}
	w.wantSeen(elsewhere.Cookie, "ada admin") // bob cannot end it
	if err := w.EndSession(t.Context(), "ada", SessionID(elsewhere.Session)); err != nil {
		t.Fatal(err)
	}
	w.wantSeen(elsewhere.Cookie, "")
	for _, cookie := range []string{"", "x", elsewhere.Hash, SessionID(elsewhere.Session)} {
		w.wantSeen(cookie, "")
	}
}

// What is done to an administrator counts with the next request, on every node.
func TestShuttingOut(t *testing.T) {
	for name, act := range map[string]func(w *world) error{
		"reset":        func(w *world) error { _, err := w.Reset(w.t.Context(), cli, "ada"); return err },
		"disable":      func(w *world) error { return w.Disable(w.t.Context(), cli, "ada") },
		"end sessions": func(w *world) error { return w.EndSessions(w.t.Context(), cli, "ada") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.made("ada", record.Admin)
			w.made("bob", record.Admin)
			node := w.node()
			link, err := w.SignInLink(t.Context(), cli, "ada", record.Admin)
			if err != nil {
				t.Fatal(err)
			}
			ada, bob := w.in("ada"), w.in("bob")
			if err := act(w); err != nil {
				t.Fatal(err)
			}
			for _, a := range []*Accounts{w.Accounts, node} {
				if who, _ := w.sees(a, ada.Cookie); who != "" {
					t.Errorf("a session is still %s", who)
				}
			}
			w.wantSeen(bob.Cookie, "bob admin")
			_, byPassword := w.SignIn(t.Context(), here, "ada", password)
			_, byLink := w.EnterByLink(t.Context(), here, link.Token)
			if out := name != "end sessions"; errors.Is(byPassword, ErrRefused) != out || (byLink != nil) != out {
				t.Errorf("by password %v, by link %v", byPassword, byLink)
			}
		})
	}
}

// The row of the administrator decides, not that their sessions were deleted: one may be made
// while they are disabled.
func TestDisabledWithSession(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	entry := w.in("ada")
	err := w.store.ForAdministrators().Update(t.Context(), func(tx record.Tx) error {
		who, err := tx.LockAdministrator("ada")
		who.DisabledOn = w.instant()
		return errors.Join(err, tx.UpdateAdministrator(who))
	})
	if err != nil {
		t.Fatal(err)
	}
	w.wantSeen(entry.Cookie, "")
	if _, err := w.SignIn(t.Context(), here, "ada", password); !errors.Is(err, ErrRefused) {
		t.Errorf("signs in: %v", err)
	}
}

// Who chooses a password by a link is signed in there alone.
func TestChoosingEndsSessions(t *testing.T) {
	w := newWorld(t)
	choose, err := w.Create(t.Context(), cli, "ada", record.Admin)
	if err != nil {
		t.Fatal(err)
	}
	enter, err := w.SignInLink(t.Context(), cli, "ada", record.Admin)
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.EnterByLink(t.Context(), here, enter.Token)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.ChooseByLink(t.Context(), here, choose.Token, password)
	if err != nil {
		t.Fatal(err)
	}
	w.wantSeen(first.Cookie, "")
	w.wantSeen(second.Cookie, "ada admin")
}

// A reset lets in again who was disabled.
func TestResetEnables(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Operator)
	if err := w.Disable(t.Context(), cli, "ada"); err != nil {
		t.Fatal(err)
	}
	link, err := w.Reset(t.Context(), cli, "ada")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ChooseByLink(t.Context(), here, link.Token, password); err != nil {
		t.Fatal(err)
	}
	w.wantSeen(w.in("ada").Cookie, "ada operator")
}

// A reset that comes while a password is looked at is not overtaken by it.
func TestResetDuringSignIn(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	who, err := w.tried(t.Context(), here, "ada", password)
	if err != nil || who.Password == "" {
		t.Fatalf("%+v, %v", who, err)
	}
	if _, err := w.Reset(t.Context(), cli, "ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.letIn(t.Context(), here, who); !errors.Is(err, ErrRefused) {
		t.Errorf("let in after a reset: %v", err)
	}
}

// A session has the role that the administrator has now, under a new cookie.
func TestRoleChanges(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	entry := w.in("ada")
	if err := w.SetRole(t.Context(), cli, "ada", record.Viewer); err != nil {
		t.Fatal(err)
	}
	who, next := w.sees(w.node(), entry.Cookie)
	if who != "ada viewer" || next == entry.Cookie {
		t.Fatalf("%q, and the cookie is another: %v", who, next != entry.Cookie)
	}
	w.wantSeen(entry.Cookie, "")
	w.wantSeen(next, "ada viewer")
	ada, err := w.account(t.Context(), "ada")
	if err != nil || !slices.ContainsFunc(ada.Sessions, func(s record.Session) bool {
		return s.CreatedOn.Equal(entry.CreatedOn) && s.EndsOn.Equal(entry.EndsOn) && s.Role == record.Viewer
	}) {
		t.Errorf("it is no longer the same session: %+v, %v", ada.Sessions, err)
	}
	for _, bad := range []struct {
		name, role, code string
	}{{"ada", "root", "ROLE_INVALID"}, {"bob", "admin", "ADMINISTRATOR_NOT_FOUND"}, {"", "admin", "ADMINISTRATOR_NOT_FOUND"}, {"a@b.example", "admin", "ROLE_OF_PROVIDER"}} {
		if err := w.SetRole(t.Context(), cli, bad.name, record.Role(bad.role)); codeOf(err) != bad.code {
			t.Errorf("%s as %s: %v, want %s", bad.name, bad.role, err, bad.code)
		}
	}
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"", "Ada", "a b", "-a", "ada@acme.example", "ä", strings.Repeat("a", 65), "a/b", "a\x00"} {
		if _, err := w.Create(t.Context(), cli, name, record.Admin); codeOf(err) != "ADMINISTRATOR_NAME_INVALID" {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := w.Create(t.Context(), cli, "ada", "root"); codeOf(err) != "ROLE_INVALID" {
		t.Error(err)
	}
	for _, name := range []string{"ada", "a", "0.a-b_c", strings.Repeat("a", 64)} {
		if _, err := w.Create(t.Context(), cli, name, record.Admin); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := w.Create(t.Context(), cli, name, record.Viewer); codeOf(err) != "ADMINISTRATOR_EXISTS" {
			t.Errorf("%q again: %v", name, err)
		}
	}
}

// Guessing ends soon, for one name and for many, and shuts nobody out who is elsewhere.
func TestAttemptsAreLimited(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	there := Caller{Address: "192.0.2.2"}
	wait := func(by Caller, name, password string) time.Duration {
		t.Helper()
		_, err := w.SignIn(t.Context(), by, name, password)
		tooMany, _ := errors.AsType[*TooManyError](err)
		if tooMany == nil {
			return 0
		}
		return tooMany.Wait
	}
	for range attemptsOfName {
		if d := wait(here, "ada", "wrong"); d > 0 {
			t.Fatalf("too many too soon, wait %s", d)
		}
	}
	if d := wait(here, "ada", password); d != attemptWindow {
		t.Errorf("after %d attempts the wait is %s", attemptsOfName, d)
	}
	if d := wait(here, " ADA", password); d != attemptWindow {
		t.Errorf("for the name in other letters the wait is %s", d)
	}
	if _, err := w.SignIn(t.Context(), there, "ada", password); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	w.clock.advance(attemptWindow - time.Second)
	if d := wait(here, "ada", password); d != time.Second {
		t.Errorf("a second before the end the wait is %s", d)
	}
	w.clock.advance(time.Second)
	w.in("ada")

	// Many names from one address.
	for i := range attemptsOfAddress {
		if d := wait(there, "nobody"+string(rune('a'+i%26))+string(rune('a'+i/26)), "wrong"); d > 0 {
			t.Fatalf("too many after %d, wait %s", i, d)
		}
	}
	if d := wait(there, "ada", password); d != attemptWindow {
		t.Errorf("after %d attempts of the address the wait is %s", attemptsOfAddress, d)
	}
	w.in("ada") // from here it is good

	// What is tried at once is no more than what is tried in turn.
	var racing sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for range 3 * attemptsOfName {
		racing.Go(func() {
			_, err := w.SignIn(t.Context(), Caller{Address: "192.0.2.3"}, "ada", "wrong")
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, ErrRefused) {
				refused++
			}
		})
	}
	racing.Wait()
	if refused < attemptsOfName || refused >= attemptsOfName+hashesAtOnce {
		t.Errorf("%d attempts at once were looked at, want %d", refused, attemptsOfName)
	}
}

// Who only looks notes nothing: a session that is looked at all the time ends as one that is
// not used, and a role that changed is for the next request to bring.
func TestLook(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	cookie := w.in("ada").Cookie
	looks := func(want bool) {
		t.Helper()
		if s, err := w.Look(t.Context(), cookie); err != nil || (s != nil) != want {
			t.Fatalf("%v, %v; seen wanted: %v", s, err, want)
		}
	}
	looks(true)
	if err := w.SetRole(t.Context(), "cli", "ada", record.Viewer); err != nil {
		t.Fatal(err)
	}
	looks(false)
	var who string
	if who, cookie = w.sees(w.Accounts, cookie); who != "ada viewer" {
		t.Fatalf("after a look it is %q", who)
	}
	for range 12 {
		looks(true)
		w.clock.advance(time.Hour)
	}
	looks(false)
}

// Who changes the password says the present one; all that there was ends.
func TestChangePassword(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	other, own := w.in("ada"), w.in("ada")
	visit, err := w.Visit(t.Context(), own.Cookie)
	if err != nil {
		t.Fatal(err)
	}
	const next = "another battery staple"
	if _, err := w.ChangePassword(t.Context(), here, visit, "wrong", next); !errors.Is(err, ErrRefused) {
		t.Errorf("with a wrong present one: %v", err)
	}
	for _, bad := range []string{"", "short", strings.Repeat("a", 40), "adaadaadaada", "ADAADAADAADA", strings.Repeat("x", maxPassword+1), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if _, err := w.ChangePassword(t.Context(), here, visit, password, bad); codeOf(err) != "PASSWORD_INVALID" {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	w.wantSeen(other.Cookie, "ada admin")
	entry, err := w.ChangePassword(t.Context(), here, visit, password, next)
	if err != nil {
		t.Fatal(err)
	}
	w.wantSeen(other.Cookie, "")
	w.wantSeen(own.Cookie, "")
	w.wantSeen(entry.Cookie, "ada admin")
	if _, err := w.SignIn(t.Context(), here, "ada", password); !errors.Is(err, ErrRefused) {
		t.Errorf("the old one: %v", err)
	}
	if _, err := w.SignIn(t.Context(), here, "ada", next); err != nil {
		t.Error(err)
	}
}

// Each role has all scopes of the one before it, and no more than it is to have.
func TestRoles(t *testing.T) {
	all := make([]string, len(api.Scopes))
	for i, s := range api.Scopes {
		all[i] = s.Name
	}
	viewer, operator := Scopes(record.Viewer), Scopes(record.Operator)
	for _, s := range viewer {
		if !strings.HasPrefix(s, "read:") && s != api.ScopeCheckEntitlements {
			t.Errorf("a viewer may %s", s)
		}
		if !slices.Contains(operator, s) {
			t.Errorf("an operator may not %s", s)
		}
	}
	for _, s := range all {
		if strings.HasPrefix(s, "read:") && !slices.Contains(viewer, s) {
			t.Errorf("a viewer may not %s", s)
		}
	}
	var rest []string
	for _, s := range all {
		if !slices.Contains(operator, s) {
			rest = append(rest, s)
		}
	}
	if diff := cmp.Diff([]string{api.ScopeUpdateCatalog, api.ScopeDeleteCustomers, api.ScopeManageWebhooks}, rest); diff != "" {
		t.Errorf("what an operator may not (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(all, Scopes(record.Admin)); diff != "" {
		t.Errorf("an admin (-want +got):\n%s", diff)
	}
	if got := Scopes("root"); got != nil {
		t.Errorf("a role that there is not may %v", got)
	}
	p := auth.NewAdministrator("ada", Scopes(record.Operator))
	if p.Require(api.ScopeCreateGrants) != nil || p.Require(api.ScopeUpdateCatalog) == nil {
		t.Error("a principal does not have the scopes of its role")
	}
}

func TestPasswordHashes(t *testing.T) {
	h := newHasher()
	one, err := h.hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	if one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("%s and %s", one, two)
	}
	for phc, want := range map[string]bool{
		one: true, two: true, "": false,
		// Made by the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc": false,
	} {
		if got, err := matches(phc, password); got != want || err != nil {
			t.Errorf("%s: %v, %v", phc, got, err)
		}
	}
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if got, err := matches(reference, "password"); !got || err != nil {
		t.Errorf("the hash of the reference implementation: %v, %v", got, err)
	}
	for _, bad := range []string{
		"x", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$x", "$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", // 4 GiB
		"$argon2id$v=19$m=65536,t=1000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=65536,t=2,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFh",
	} {
		if got, err := matches(bad, "password"); got || err == nil {
			t.Errorf("%s: %v, %v", bad, got, err)
		}
	}
	if got, _ := matches(nobodys, ""); got {
		t.Error("the hash of nobody lets somebody in")
	}
}

// However many hash, no more do so at once than there is memory for, and who waits too long
// is sent away.
func TestHashesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher()
		hold := make(chan struct{})
		var working sync.WaitGroup
		for range hashesAtOnce {
			working.Go(func() { _ = h.run(t.Context(), func() error { <-hold; return nil }) })
		}
		synctest.Wait()
		begun := time.Now()
		err := h.run(t.Context(), func() error { t.Error("one more at once"); return nil })
		if codeOf(err) != "SIGN_IN_BUSY" || time.Since(begun) != hashWait {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		close(hold)
		working.Wait()
		if err := h.run(t.Context(), func() error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

// An attempt with the name of nobody takes no less work than one with a wrong password.
func TestNobodyTakesAsLong(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	if err := w.Disable(t.Context(), cli, "ada"); err != nil {
		t.Fatal(err)
	}
	least := func(name string) time.Duration {
		best := time.Hour
		for range 5 {
			begun := time.Now()
			if _, err := w.SignIn(t.Context(), Caller{Address: name}, name, "wrong "+password); !errors.Is(err, ErrRefused) {
				t.Fatal(err)
			}
			best = min(best, time.Since(begun))
		}
		return best
	}
	ada, nobody, noName := least("ada"), least("nobody"), least("No Name")
	if nobody < ada/2 || noName < ada/2 {
		t.Errorf("ada %s, nobody %s, no name at all %s", ada, nobody, noName)
	}
}

// What is done to administrators is in the change log, under who did it; what lets them in
// is not.
func TestChangesAreLogged(t *testing.T) {
	w := newWorld(t, "@acme.example=viewer")
	w.made("ada", record.Viewer)
	steps := []func() error{
		func() error { return w.SetRole(t.Context(), "admin:bob", "ada", record.Admin) },
		func() error { return w.SetRole(t.Context(), "admin:bob", "ada", record.Admin) }, // is no change
		func() error { return w.EndSessions(t.Context(), "admin:bob", "ada") },
		func() error { return w.Disable(t.Context(), cli, "ada") },
		func() error { return w.Disable(t.Context(), cli, "ada") }, // nor is this
		func() error { _, err := w.Reset(t.Context(), cli, "ada"); return err },
	}
	person := Person{Issuer: "https://id.example", Subject: "1", Address: "kim@acme.example"}
	for range 2 {
		steps = append(steps, func() error { _, err := w.EnterByProvider(t.Context(), here, person); return err })
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	var got []string
	var last map[string]string
	err := w.store.Read(t.Context(), func(r *sqlstore.Reader) error {
		changes, err := r.Changes(record.ScopeAdministrators, 0, 100)
		got = nil
		for _, c := range changes {
			got = append(got, string(c.Kind)+" "+c.After["administrator"]+" "+c.After["role"]+" by "+string(c.By))
			last = c.After
			for _, v := range c.After {
				if strings.Contains(v, "argon2") {
					t.Errorf("the log has the hash of a password: %s", v)
				}
			}
		}
		return err
	})
	want := []string{
		"administrator.created ada viewer by cli", "administrator.password_set ada viewer by admin:ada",
		"administrator.role_changed ada admin by admin:bob", "administrator.disabled ada admin by cli",
		"administrator.reset ada admin by cli", "administrator.created kim@acme.example viewer by admin:kim@acme.example",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if last["created_on"] != "2026-11-22T12:00:00Z" {
		t.Errorf("the last is %v", last)
	}
}
