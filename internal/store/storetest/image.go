package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

func testImages(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	image := func(customer, at int, rev int64) billing.Change {
		return billing.Change{
			Scope: customerID(customer).Scope(), Rev: rev, On: on(at), Kind: "facts.adopted",
			After: map[string]string{"customer/status": "ä\"", "rev": "1"},
		}
	}
	images := []billing.Change{image(1, 1, 16), image(1, 3, 32), image(1, 3, 48), image(1, 4, 64)}
	update(t, st, func(tx service.Tx) error {
		for _, c := range append([]billing.Change{image(2, 2, 16)}, images...) {
			id, err := billing.ParseID[billing.CustomerID](string(c.Scope))
			if err != nil {
				return err
			}
			if _, err := tx.LockCustomer(id); err != nil {
				return err
			}
			if err := tx.PutImage(c); err != nil {
				return err
			}
		}
		return nil
	})
	of := customerID(1)
	for at, want := range []int{-1, 0, 0, 2, 3, 3} {
		get := func(r service.Reader) (billing.Change, error) { return r.Image(of, on(at)) }
		if want < 0 {
			if err := readError(st, get); !errors.Is(err, billing.ErrNotFound) {
				t.Errorf("an image before the first: %v, want ErrNotFound", err)
			}
			continue
		}
		same(t, "the image", read(t, st, get), images[want])
	}
	list := func(after billing.Change, limit int) []billing.Change {
		return read(t, st, func(r service.Reader) ([]billing.Change, error) { return r.Images(of, after, limit) })
	}
	same(t, "all images", list(billing.Change{}, 9), images)
	same(t, "the first", list(billing.Change{}, 1), images[:1])
	same(t, "those behind one of the same instant", list(images[1], 9), images[2:])
	if err := st.Update(t.Context(), func(tx service.Tx) error { return tx.PutImage(image(1, 5, 80)) }); err == nil {
		t.Error("an image is stored without the customer's lock")
	}
}

func testImported(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	var made []billing.Agreement
	for i, origin := range []billing.Origin{"import", "", "import", "import", "fallback"} {
		a := newAgreement(customerID(1), i+1)
		a.Origin, a.CreatedOn, a.StartsOn, a.ExpiresOn = origin, on(9-i), on(0), on(9+i)
		made = append(made, a)
	}
	made[3].ExpiresOn = time.Time{}
	createAgreements(t, st, made...)
	other := newAgreement(customerID(2), 9)
	other.Origin, other.CreatedOn = "import", on(9)
	createAgreements(t, st, other)
	for _, test := range []struct {
		at   int
		want []billing.Agreement
	}{
		{0, []billing.Agreement{made[3], made[2], made[0]}},
		{6, []billing.Agreement{made[2], made[0]}},
		{8, []billing.Agreement{made[0]}},
		{9, nil},
	} {
		got := read(t, st, func(r service.Reader) ([]billing.Agreement, error) { return r.Imported(customerID(1), on(test.at)) })
		same(t, "what was imported later", got, test.want)
	}
}
