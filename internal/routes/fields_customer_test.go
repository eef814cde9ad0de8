package routes

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/store/storetest"
	"github.com/allot-dev/allot/internal/wire"
)

// filledFacts are those of a customer on the plan of [filledCatalog], with every
// field set but the end of the customer.
func filledFacts() billing.Facts {
	var facts billing.Facts
	storetest.Fill(7, &facts)
	c, a, o := &facts.Customer, &facts.Agreements[0], &facts.Overrides[0]
	c.Type, c.Status, c.DeletedOn = billing.User, billing.Suspended, time.Time{}
	for code, p := range filledCatalog().Plans {
		if p.Extends == "" {
			continue
		}
		a.Plan = code
	}
	a.Version, a.Kind = 1, billing.KindPlan
	a.CustomerID, o.CustomerID, o.Feature, a.Carried[0].Feature = c.ID, c.ID, "priced", "priced"
	g := &facts.Grants[0]
	g.CustomerID, g.Feature, g.SetAsideOn = c.ID, "priced", time.Time{} // one that is set aside is none of the facts
	copy(g.ID[:], c.ID[:])
	return facts
}

// untold are the fields of a customer, its agreements and overrides that no answer
// under /v1 has.
var untold = []string{
	"Rev", "Revision", // a header says it
	"ChangedOn", "LastAgreementMS", "DigestKey", // what the rules keep for themselves
	"OwnEnd", "TrialScope", "Carried", // what ends and limits follow from
	"TrialThen", "TermFrom", "AtPeriodEnd", // and terms
	"AnchorGiven", // and anchors
	"On", "Terms", // the instant, and the version that plan_code and version name
	"GroupID",                   // Kinde's routes show it
	"By",                        // the change log has it
	"HasMax",                    // max is there
	"Line", "Asked", "VoidedAs", // what tells a repetition
	"SetAsideOn", // what is left of the grant follows from its draws
	"Value",      // of a feature of type config alone, by its kind: see values_caps.txt
}

// Every field of what is stored of a customer is in an answer.
func TestEveryFieldOfACustomerIsAnswered(t *testing.T) {
	facts := filledFacts()
	snap := billing.Snapshot{Catalog: filledCatalog(), Facts: facts}
	at := snap.At(facts.Agreements[0].StartsOn)
	text, err := json.Marshal(wire.CustomerAt(&at))
	if err != nil {
		t.Fatal(err)
	}
	grant, err := json.Marshal(wire.Grant(&billing.GrantStanding{Grant: facts.Grants[0]}))
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, grant...)
	for _, thing := range []any{at.Customer, at.Agreements[0].Agreement, at.Agreements[0].Period, at.Overrides[0].Override, facts.Grants[0]} {
		v := reflect.ValueOf(thing)
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; !slices.Contains(untold, name) {
				if name == "Zones" { // the one that it is in
					answered(t, string(text), reflect.ValueOf(facts.Customer.TimeZone()), "Customer.Zones")
					continue
				}
				answered(t, string(text), v.Field(i), v.Type().Name()+"."+name)
			}
		}
	}
}

// A copy of an installation has every field of its customers.
func TestEveryFieldOfACustomerIsCopied(t *testing.T) {
	from, to := databases["sqlite"](t), databases["sqlite"](t)
	want := filledFacts()
	st := openStore(t, from)
	putCatalog(t, st, filledCatalog())
	err := st.Update(t.Context(), func(tx service.Tx) error {
		if err := tx.CreateCustomer(want.Customer); err != nil {
			return err
		}
		if err := tx.CreateAgreement(want.Agreements[0]); err != nil {
			return err
		}
		if err := tx.CreateOverride(want.Overrides[0]); err != nil {
			return err
		}
		if err := tx.CreateGrant(want.Grants[0]); err != nil {
			return err
		}
		_, err := tx.AppendChange(billing.Change{Scope: want.Customer.ID.Scope(), On: noon, Kind: "customer.created"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Copy(t.Context(), store.CopyOptions{From: from, To: to}); err != nil {
		t.Fatal(err)
	}
	want.Customer.Rev, want.Customer.ChangedOn = 1, noon // which the change sets
	for name, place := range map[string]service.Store{"the original": st, "the copy": openStore(t, to)} {
		err = place.View(t.Context(), func(r service.Reader) error {
			got, err := r.Facts(want.Customer.ID, want.Customer.CreatedOn)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
