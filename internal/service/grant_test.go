package service_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

func (w *world) grant(id billing.CustomerID, in billing.NewGrant) service.GrantsMade {
	w.t.Helper()
	return must(w, func(u *service.Work) (service.GrantsMade, error) {
		made, _, err := u.CreateGrant(id, in)
		return made, err
	})
}

func (w *world) void(id billing.GrantID, clawBack bool) billing.GrantStanding {
	w.t.Helper()
	return must(w, func(u *service.Work) (billing.GrantStanding, error) {
		g, _, err := u.VoidGrant(id, clawBack, "poison refund")
		return g, err
	})
}

func (w *world) aside(id billing.GrantID, aside bool) {
	w.t.Helper()
	must(w, func(u *service.Work) (billing.Revision, error) { return u.SetGrantAside(id, aside) })
}

// Of racing requests with the id of one payment one is credited, and all are told of it.
func TestRacingGrants(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("free")
	const racers = 20
	ids, made := make([]billing.GrantID, racers), make([]bool, racers)
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			out, err := try(w, func(u *service.Work) (service.GrantsMade, error) {
				out, _, err := u.CreateGrant(id, billing.NewGrant{Feature: "seats", Amount: billing.OneUnit, ExternalID: "pay_1"})
				return out, err
			})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i], made[i] = out.Grants[0].ID, out.Made
		})
	}
	wg.Wait()
	if n := len(slices.Compact(slices.SortedFunc(slices.Values(ids), billing.CompareGrantIDs))); n != 1 {
		t.Errorf("%d grants were made", n)
	}
	if n := len(slices.DeleteFunc(made, func(made bool) bool { return !made })); n != 1 {
		t.Errorf("%d requests are said to have made one", n)
	}
	w.verify()
}

// What a customer's grants were is known however long ago, from the log with its images
// and without; the rows are what the log says; nothing of a person is in it, and what was
// noted beside it is erased.
func TestGrantsAreFacts(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("free")
	type moment struct {
		on     time.Time
		grants []billing.Grant
	}
	var moments []moment
	plain := func(grants []billing.Grant) []billing.Grant {
		out := slices.Clone(grants)
		for i := range out { // which the log leaves out
			out[i].Note, out[i].ExternalID, out[i].Asked, out[i].VoidedAs = "", "", "", ""
		}
		return out
	}
	note := func() {
		t.Helper()
		err := w.Store.View(t.Context(), func(r service.Reader) error {
			facts, err := r.Facts(id, w.now)
			moments = append(moments, moment{w.now, plain(facts.Grants)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Minute)
	}
	note()
	var ids []billing.GrantID
	for i := range 20 {
		made := w.grant(id, billing.NewGrant{Feature: "seats", Amount: billing.Units(i + 1), Note: "for Poison", ExternalID: fmt.Sprint("poison ", i)})
		ids = append(ids, made.Grants[0].ID)
		note()
		if i%2 == 1 {
			w.aside(ids[i-1], true)
			note()
		}
		if i%3 == 2 {
			w.void(ids[i-2], i%2 == 0)
			note()
		}
		if i%5 == 4 {
			w.aside(ids[i], true)
			note()
			w.aside(ids[i], false)
			note()
		}
	}
	check := func() {
		t.Helper()
		for how, st := range map[string]service.Store{"with images": w.Store, "undone": walked(w.Store)} {
			err := st.View(t.Context(), func(r service.Reader) error {
				now, err := r.Customer(id)
				if err != nil {
					return err
				}
				for _, m := range moments {
					facts, err := billing.FactsThen(&r, &now, m.on)
					if err != nil {
						return err
					}
					if diff := cmp.Diff(m.grants, plain(facts.Grants), cmpopts.EquateEmpty()); diff != "" {
						t.Fatalf("%s, at %v (-then +now):\n%s", how, m.on, diff)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	check()
	w.verify()
	if err := w.delete(id, true); err != nil {
		t.Fatal(err)
	}
	check()
	w.verify()
	// A refund may come after all that.
	if g := w.void(ids[1], true); g.EndedOn.IsZero() || g.ClawedBackOn.IsZero() || g.Note != "" {
		t.Errorf("voided after the purge: %+v", g)
	}
	w.verify()
	err := w.Store.View(t.Context(), func(r service.Reader) error {
		grants, more, err := r.GrantHistory(id, service.Page[billing.GrantID]{Size: 100})
		for _, g := range grants {
			if strings.Contains(fmt.Sprintf("%+v", g), "oison") {
				t.Errorf("kept after the purge: %+v", g)
			}
		}
		if len(grants) != len(ids) || more {
			t.Errorf("%d of %d grants are kept", len(grants), len(ids))
		}
		changes, errChanges := r.Changes(id.Scope(), 0, 1000)
		if strings.Contains(fmt.Sprint(changes), "oison") {
			t.Error("the log has what is of persons")
		}
		if err == nil {
			err = errChanges
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestGrantsAreRead(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("free")
	first := w.grant(id, billing.NewGrant{Feature: "seats", Amount: 5 * billing.OneUnit}).Grants[0]
	second := w.grant(id, billing.NewGrant{Feature: "seats", Amount: 1, EffectiveOn: w.now.AddDate(0, -2, 0), ExpiresOn: w.now.AddDate(0, -1, 0)}).Grants[0]
	got, rev, err := w.Grant(t.Context(), first.ID)
	if err != nil || got.State != (billing.CreditState{Remaining: 5 * billing.OneUnit, Refundable: 5 * billing.OneUnit}) || rev.Customer != 4 {
		t.Errorf("the first: %+v, %v, %v", got, rev, err)
	}
	page, more, _, err := w.Grants(t.Context(), id, "seats", service.Page[billing.GrantID]{Size: 1, After: &first.ID})
	if err != nil || more || len(page) != 1 || page[0].ID != second.ID || page[0].State != (billing.CreditState{}) {
		t.Errorf("the page: %+v, %v, %v", page, more, err)
	}
	_, _, _, err = w.Grants(t.Context(), id, "seat", service.Page[billing.GrantID]{Size: 1})
	wantCode(t, err, "FEATURE_NOT_FOUND")
	unknown := first.ID
	unknown[20]++
	_, _, err = w.Grant(t.Context(), unknown)
	wantCode(t, err, "GRANT_NOT_FOUND")
	_, err = try(w, func(u *service.Work) (billing.GrantStanding, error) {
		g, _, err := u.VoidGrant(unknown, false, "")
		return g, err
	})
	wantCode(t, err, "GRANT_NOT_FOUND")
	if err := w.delete(id, false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Grant(t.Context(), first.ID); err != nil {
		t.Errorf("of a deleted customer: %v", err)
	}
	_, err = try(w, func(u *service.Work) (service.GrantsMade, error) {
		out, _, err := u.CreateGrant(id, billing.NewGrant{Feature: "seats", Amount: 1})
		return out, err
	})
	wantCode(t, err, "CUSTOMER_NOT_FOUND")
}
