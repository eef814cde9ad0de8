package store

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// beside are the statements of the version before, by their names there.
func beside(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/before/statements.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, statement, _ := strings.Cut(strings.TrimSpace(line), ": ")
		all[name] = statement
	}
	return all
}

// A program of the version before goes on beside this one: all of its statements run on
// the schema, and what it leaves where it does not know of something is in nobody's
// way.
func TestVersionBeforeGoesOn(t *testing.T) {
	eachBackend(t, func(t *testing.T, url string) {
		before(t, url)
		migrated, err := Open(t.Context(), Options{URL: url, Mode: Migrate})
		if err != nil {
			t.Fatal(err)
		}
		if err := migrated.Close(); err != nil {
			t.Fatal(err)
		}
		db, old := database(t, url), beside(t)
		for name, statement := range old {
			func() {
				prepared, err := db.PrepareContext(t.Context(), statement)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				defer prepared.Close()
			}()
		}
		s := &service.Service{Store: open(t, url)}
		id, phase := phased(t, s, "ext", "sub_1")
		execute(t, db, old["deleteAgreement"], id.String(), phase.String()) // it withdraws the phase
		other, _ := phased(t, s, "other", "sub_1")
		execute(t, db, `update customers set deleted_on = created_on where customer_id = $1`, other.String()) // and deletes one
		third, again := phased(t, s, "ext_3", "sub_1")
		writeAsBefore(t, db, old, third)
		if a, err := s.Customer(t.Context(), third); err != nil || a.ExternalID != "ext_3" || len(a.Agreements) != 2 {
			t.Errorf("%+v, %v", a, err)
		}
		if err := s.Do(t.Context(), "test", func(u *service.Work) error { _, err := u.DeleteCustomer(other, true); return err }); err != nil {
			t.Fatal(err)
		}
		left := texts(t, url, `select external_id || metadata from agreements where customer_id = '`+other.String()+`'`)
		left = append(left, texts(t, url, `select external_id from customer_external_ids`)...)
		left = append(left, texts(t, url, `select external_id from agreement_external_ids where customer_id = '`+other.String()+`'`)...)
		if text := strings.Join(left, " "); strings.Contains(text, "sub_1") || strings.Contains(text, "Ada") || strings.Contains(text, "other") {
			t.Errorf("a purge leaves %s", text)
		}
		if named := texts(t, url, `select agreement_id from agreement_external_ids where external_id = 'sub_1'`); len(named) != 1 || named[0] != again.String() {
			t.Errorf("sub_1 is that of %v, want %v", named, again)
		}
	})
}

// phased is a new customer with an external id, on a plan, and with a phase that has
// one.
func phased(t *testing.T, s *service.Service, external, phase string) (id billing.CustomerID, next billing.AgreementID) {
	t.Helper()
	err := s.Do(t.Context(), "test", func(u *service.Work) error {
		c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, ExternalID: external, Plan: "pro"})
		if err != nil {
			return err
		}
		id = c.Customer.ID
		_, _, err = u.UpdateAgreement(c.Agreements[0].ID, billing.AgreementUpdate{
			ExternalID: new(external + "_sub"), Metadata: &map[string]string{"who": "Ada"},
		})
		if err != nil {
			return err
		}
		out, _, err := u.Subscribe(id, billing.NewAgreement{
			Plan: "free", When: billing.WhenPeriodEnd, ExternalID: &phase, Metadata: map[string]string{"who": "Ada"},
		})
		next = out.Agreement.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id, next
}

// writeAsBefore has the program of the version before write rows of its own.
func writeAsBefore(t *testing.T, db *sql.DB, old map[string]string, id billing.CustomerID) {
	t.Helper()
	execute(t, db, old["insertHold"], id.String(), "hold_x", "seats", 1000000, 1, 2, "open", "client:x")
	execute(t, db, old["updateHold"], id.String(), "hold_x", 2, "confirmed")
	execute(t, db, old["upsertGroup"], "sbg_0123456789ab0123456789ab01234567", "others", "Others", "organization", 0)
	execute(t, db, old["insertOverride"], id.String(), "override_x", "calls", 0, nil, 1, 0, "", "client:x", 1, 2)
	execute(t, db, old["insertCustomer"], "customer_ff", "user", "", "u", "", "", "active", nil, "{}", 1, nil, 0, "")
}

func execute(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
