package sqlstore_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// packedWorld is a store with some customers.
type packedWorld struct {
	*sqlstore.Store
	backend sqlstore.Backend
	ids     []billing.CustomerID
	t       *testing.T
}

func newPackedWorld(t *testing.T, customers int) *packedWorld {
	st, backend := newBackend(t)
	w := &packedWorld{Store: st, backend: backend, t: t}
	err := st.Update(t.Context(), func(tx service.Tx) error {
		w.ids = nil
		for n := range customers {
			c := billing.Customer{
				ID: billing.CustomerID{1, byte(n >> 8), byte(n)}, OrgCode: fmt.Sprint("org_", n),
				Type: billing.Organization, Status: billing.Active, CreatedOn: time.UnixMilli(1),
			}
			w.ids = append(w.ids, c.ID)
			err := tx.CreateCustomer(c)
			if err == nil {
				_, err = tx.AppendChange(billing.Change{Scope: c.ID.Scope(), On: time.UnixMilli(1), Kind: "customer.created"})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *packedWorld) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.backend.Writer.ExecContext(w.t.Context(), query, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *packedWorld) rows() (n int) {
	w.t.Helper()
	if err := w.backend.Reader.QueryRowContext(w.t.Context(), "select count(*) from packed_facts").Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *packedWorld) row(id billing.CustomerID) (b []byte) {
	w.t.Helper()
	err := w.backend.Reader.QueryRowContext(w.t.Context(), "select packed from packed_facts where customer_id = ?", id.String()).Scan(&b)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// verify is what verify finds.
func (w *packedWorld) verify() string {
	w.t.Helper()
	var found []string
	svc := service.Service{Store: w.Store}
	_, _, err := svc.Verify(w.t.Context(), func(d service.Drift) {
		if strings.Contains(d.Message, "packed") {
			found = append(found, d.Whose()+" "+d.Message)
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(found, "; ")
}

// A row that is not what the customer's rows say is named; one that was damaged is not
// read either.
func TestVerifyFindsPackedDrift(t *testing.T) {
	w := newPackedWorld(t, 3)
	if found := w.verify(); found != "" || w.rows() != 3 {
		t.Fatalf("%d rows; %s", w.rows(), found)
	}
	id, at := w.ids[1], time.UnixMilli(5)
	good := w.row(id)
	text, ok := packed.Open(id, good)
	if !ok {
		t.Fatal("the row cannot be opened")
	}
	damaged, form := bytes.Clone(good), bytes.Clone(good)
	damaged[len(damaged)-1]++
	form[0]++
	facts := text.Snapshot(id, nil).Facts
	edited, stale := facts, facts
	edited.Customer.Status = billing.Suspended
	stale.Customer.Rev = 0
	sealed := func(f billing.Facts) []byte {
		t.Helper()
		text, err := packed.Pack(&f, text.ReadFor())
		if err != nil {
			t.Fatal(err)
		}
		return text.Seal(id)
	}
	for _, test := range []struct {
		name string
		row  []byte
		want string
	}{
		{"damaged", damaged, "the packed facts are damaged"},
		{"another's", w.row(w.ids[0]), "the packed facts are damaged"},
		{"none", []byte{}, "the packed facts are damaged"},
		{"another form", form, ""},
		{"edited", sealed(edited), "the packed facts are not what the customer's rows say"},
		{"stale", sealed(stale), "the packed facts are of revision 0, the customer is at 1"},
	} {
		w.exec("update packed_facts set packed = ? where customer_id = ?", test.row, id.String())
		want := test.want
		if want != "" {
			want = id.String() + " " + want
		}
		if found := w.verify(); found != want {
			t.Errorf("%s: found %q, want %q", test.name, found, want)
		}
		if test.name == "edited" || test.name == "stale" {
			continue
		}
		if got, err := w.Packed(t.Context(), id, at); err != nil || got.Snapshot(id, nil).Customer.Status != billing.Active {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

// Rows that are not there are made, in steps, from where it was interrupted, and those
// that cannot be used are made anew; then it is known that all are there.
func TestPackAll(t *testing.T) {
	w := newPackedWorld(t, 250)
	if err := w.PackAll(t.Context()); err != nil || w.rows() != 250 {
		t.Fatalf("%d rows, %v", w.rows(), err)
	}
	last := w.ids[249]
	want := w.row(last)
	w.exec("delete from packed_facts")
	if err := w.PackAll(t.Context()); err != nil || w.rows() != 0 {
		t.Errorf("%d rows though all were made before, %v", w.rows(), err)
	}
	w.exec("delete from leases where name = 'packed'") // as after a migration, and in a copy
	w.exec("insert into packed_facts values (?, x'00')", w.ids[3].String())
	w.exec("update customers set deleted_on = 5 where customer_id = ?", w.ids[4].String())

	for _, want := range []int{99, 199} { // a step by itself: then it is interrupted
		if err := w.PackSome(t.Context()); err != nil || w.rows() != want {
			t.Errorf("a step: %d rows, %v; want %d", w.rows(), err, want)
		}
	}
	if err := w.PackAll(t.Context()); err != nil || w.rows() != 249 || !bytes.Equal(w.row(last), want) {
		t.Errorf("%d rows, %v", w.rows(), err)
	}
	if _, ok := packed.Open(w.ids[3], w.row(w.ids[3])); !ok {
		t.Error("a row that cannot be opened is left")
	}
	if found := w.verify(); found != "" {
		t.Error(found)
	}
}
