package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	signin "github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
)

var administratorTests = []test{
	{"an administrator is kept in every field", testAdministrator},
	{"a link is kept in every field and spent once", testAdminLink},
	{"of two that spend a link at once one does", testAdminLinkRace},
	{"a session is kept in every field", testAdminSession},
	{"an identity is kept in every field", testAdminIdentity},
	{"links and sessions go when they have ended", testSweepAdmin},
}

func testAdministrator(t *testing.T, st Store) {
	full := signin.Administrator{Name: "b", Role: signin.Admin, Password: "$argon2id$ß", CreatedOn: on(1), DisabledOn: on(2)}
	bare := signin.Administrator{Name: "a@b", CreatedOn: on(3)}
	for _, a := range []signin.Administrator{full, bare} {
		update(t, st.ForAdministrators(), func(tx signin.Tx) error { return tx.CreateAdministrator(a) })
	}
	same(t, "administrators", read(t, st.ForAdministrators(), signin.Reader.Administrators), []signin.Administrator{bare, full})
	err := st.ForAdministrators().Update(t.Context(), func(tx signin.Tx) error {
		return tx.CreateAdministrator(signin.Administrator{Name: "b", CreatedOn: on(9)})
	})
	if !errors.Is(err, billing.ErrExists) {
		t.Errorf("a taken name: %v, want ErrExists", err)
	}
	changed := signin.Administrator{Name: "b", Role: signin.Viewer, Password: "", CreatedOn: on(9)}
	update(t, st.ForAdministrators(), func(tx signin.Tx) error {
		was, err := tx.LockAdministrator("b")
		same(t, "locked", was, full)
		return errors.Join(err, tx.UpdateAdministrator(changed))
	})
	changed.CreatedOn = full.CreatedOn
	get := func(name string) func(signin.Reader) (signin.Administrator, error) {
		return func(r signin.Reader) (signin.Administrator, error) { return r.Administrator(name) }
	}
	same(t, "changed", read(t, st.ForAdministrators(), get("b")), changed)
	for what, err := range map[string]error{
		"read":  readError(st.ForAdministrators(), get("B")),
		"lock":  st.ForAdministrators().Update(t.Context(), func(tx signin.Tx) error { _, err := tx.LockAdministrator("c"); return err }),
		"write": st.ForAdministrators().Update(t.Context(), func(tx signin.Tx) error { return tx.UpdateAdministrator(signin.Administrator{Name: "c"}) }),
	} {
		if !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("%s of nobody: %v, want ErrNotFound", what, err)
		}
	}
}

func getAdminLink(hash string) func(signin.Reader) (signin.Link, error) {
	return func(r signin.Reader) (signin.Link, error) { return r.AdminLink(hash) }
}

func testAdminLink(t *testing.T, st Store) {
	link := signin.Link{Hash: "00", Name: "ada", Purpose: signin.ForPassword, CreatedOn: on(1), ExpiresOn: on(2)}
	spent := signin.Link{Hash: "01", Name: "bob", Purpose: signin.ForSignIn, CreatedOn: on(1), ExpiresOn: on(2), SpentOn: on(3)}
	update(t, st.ForAdministrators(), func(tx signin.Tx) error { return errors.Join(tx.CreateAdminLink(link), tx.CreateAdminLink(spent)) })
	same(t, "link", read(t, st.ForAdministrators(), getAdminLink("00")), link)
	same(t, "spent link", read(t, st.ForAdministrators(), getAdminLink("01")), spent)
	update(t, st.ForAdministrators(), func(tx signin.Tx) error { return tx.SpendAdminLink("00", on(4)) })
	link.SpentOn = on(4)
	for _, hash := range []string{"00", "01", "02"} {
		err := st.ForAdministrators().Update(t.Context(), func(tx signin.Tx) error { return tx.SpendAdminLink(hash, on(5)) })
		if !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("link %s is spent: %v, want ErrNotFound", hash, err)
		}
	}
	same(t, "link", read(t, st.ForAdministrators(), getAdminLink("00")), link)
	update(t, st.ForAdministrators(), func(tx signin.Tx) error { return tx.DeleteAdminLinks("ada") })
	if err := readError(st.ForAdministrators(), getAdminLink("00")); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("a link of ada is there: %v", err)
	}
	same(t, "link of another", read(t, st.ForAdministrators(), getAdminLink("01")), spent)
}

func testAdminLinkRace(t *testing.T, st Store) {
	const racers = 4
	update(t, st.ForAdministrators(), func(tx signin.Tx) error {
		return tx.CreateAdminLink(signin.Link{Hash: "00", Name: "ada", CreatedOn: on(1), ExpiresOn: on(2)})
	})
	errs := make([]error, racers)
	var racing sync.WaitGroup
	for i := range racers {
		racing.Go(func() {
			errs[i] = st.ForAdministrators().Update(t.Context(), func(tx signin.Tx) error {
				if _, err := tx.AdminLink("00"); err != nil { // as they do who spend it: it is read before
					return err
				}
				return tx.SpendAdminLink("00", on(3+i))
			})
		})
	}
	racing.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
			same(t, "spent", read(t, st.ForAdministrators(), getAdminLink("00")).SpentOn, on(3+i))
		case !errors.Is(err, billing.ErrNotFound):
			t.Errorf("racer %d: %v", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d have spent the link", won)
	}
}

func testAdminSession(t *testing.T, st Store) {
	full := signin.Session{Hash: "01", Name: "ada", Role: signin.Operator, Method: signin.ByLink, Agent: "Ägent/1",
		CreatedOn: on(2), SeenOn: on(3), EndsOn: on(4)}
	first := signin.Session{Hash: "02", Name: "ada", CreatedOn: on(1), SeenOn: on(1), EndsOn: on(1)}
	other := signin.Session{Hash: "00", Name: "bob", CreatedOn: on(1), SeenOn: on(1), EndsOn: on(1)}
	update(t, st.ForAdministrators(), func(tx signin.Tx) error {
		return errors.Join(tx.CreateAdminSession(full), tx.CreateAdminSession(first), tx.CreateAdminSession(other))
	})
	of := func(name string) []signin.Session {
		return read(t, st.ForAdministrators(), func(r signin.Reader) ([]signin.Session, error) { return r.AdminSessions(name) })
	}
	get := func(r signin.Reader) (signin.Session, error) { return r.AdminSession("01") }
	same(t, "session", read(t, st.ForAdministrators(), get), full)
	update(t, st.ForAdministrators(), func(tx signin.Tx) error {
		return errors.Join(tx.SeeAdminSession("01", on(5)), tx.SeeAdminSession("09", on(5)))
	})
	full.SeenOn = on(5)
	same(t, "sessions", of("ada"), []signin.Session{first, full})
	update(t, st.ForAdministrators(), func(tx signin.Tx) error {
		return errors.Join(tx.DeleteAdminSession("02"), tx.DeleteAdminSession("09"))
	})
	same(t, "what is left", of("ada"), []signin.Session{full})
	update(t, st.ForAdministrators(), func(tx signin.Tx) error { return tx.DeleteAdminSessions("ada") })
	same(t, "none", of("ada"), nil)
	same(t, "sessions of another", of("bob"), []signin.Session{other})
	if err := readError(st.ForAdministrators(), get); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("a session that is gone: %v", err)
	}
}

func testAdminIdentity(t *testing.T, st Store) {
	one := signin.Identity{Issuer: "https://ü", Subject: "ß", Name: "a@b", CreatedOn: on(1)}
	other := signin.Identity{Issuer: "https://ü", Subject: "SS", Name: "a@b", CreatedOn: on(2)}
	update(t, st.ForAdministrators(), func(tx signin.Tx) error {
		return errors.Join(tx.CreateAdminIdentity(one), tx.CreateAdminIdentity(other))
	})
	err := st.ForAdministrators().Update(t.Context(), func(tx signin.Tx) error { return tx.CreateAdminIdentity(one) })
	if !errors.Is(err, billing.ErrExists) {
		t.Errorf("a known subject: %v, want ErrExists", err)
	}
	get := func(r signin.Reader) (signin.Identity, error) { return r.AdminIdentity("https://ü", "ß") }
	same(t, "identity", read(t, st.ForAdministrators(), get), one)
	of := func(r signin.Reader) ([]signin.Identity, error) { return r.AdminIdentities("a@b") }
	same(t, "identities", read(t, st.ForAdministrators(), of), []signin.Identity{other, one})
	update(t, st.ForAdministrators(), func(tx signin.Tx) error { return tx.DeleteAdminIdentities("a@b") })
	if err := readError(st.ForAdministrators(), get); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("an identity that is gone: %v", err)
	}
}

func testSweepAdmin(t *testing.T, st Store) {
	update(t, st.ForAdministrators(), func(tx signin.Tx) error {
		var errs []error
		for hash, end := range map[string]time.Time{"0": on(2), "1": on(3)} {
			errs = append(errs, tx.CreateAdminLink(signin.Link{Hash: hash, Name: "a", CreatedOn: on(1), ExpiresOn: end}),
				tx.CreateAdminSession(signin.Session{Hash: hash, Name: "a", CreatedOn: on(1), SeenOn: on(1), EndsOn: end}))
		}
		return errors.Join(append(errs, tx.SweepAdmin(on(2)))...)
	})
	for hash, gone := range map[string]bool{"0": true, "1": false} {
		link := readError(st.ForAdministrators(), getAdminLink(hash))
		session := readError(st.ForAdministrators(), func(r signin.Reader) (signin.Session, error) { return r.AdminSession(hash) })
		if errors.Is(link, billing.ErrNotFound) != gone || errors.Is(session, billing.ErrNotFound) != gone {
			t.Errorf("%s: link %v, session %v", hash, link, session)
		}
	}
}
