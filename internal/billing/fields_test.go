package billing_test

import (
	"reflect"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/store/storetest"
)

// unversioned are the fields of terms that make no version by themselves.
var unversioned = map[string]string{
	"Items[0].PriceNameDefaulted": "only says where PriceName comes from",
}

// A change of any field of a published plan's terms makes a version: what is
// not seen as a change would be dropped in silence.
func TestEveryFieldOfTermsIsVersioned(t *testing.T) {
	filled := func() *billing.Terms {
		var terms billing.Terms
		storetest.Fill(1, &terms)
		terms.Items[0].OverLimit.Policy = billing.Grace // with which its days mean something
		terms.Items[0].PriceNameDefaulted = false       // or the name would follow the feature's
		return &terms
	}
	fields := storetest.Fields(filled(), 2)
	if len(fields) < 15 {
		t.Errorf("terms have only %d fields", len(fields))
	}
	for _, field := range fields {
		if _, left := unversioned[field.Path]; left {
			continue
		}
		next := filled()
		field.Set(next)
		if reflect.DeepEqual(filled(), next) {
			t.Errorf("%s is the same with another seed", field.Path)
		}
		if len(billing.TermsDetails(filled(), next)) == 0 {
			t.Errorf("a change of %s makes no version: see termsDetails", field.Path)
		}
	}
}

// What a version of a plan has, a catalog file can say, by the same name.
func TestEveryFieldOfTermsIsInTheSpec(t *testing.T) {
	for _, pair := range [][2]reflect.Type{
		{reflect.TypeFor[billing.Item](), reflect.TypeFor[billing.ItemSpec]()},
		{reflect.TypeFor[billing.Terms](), reflect.TypeFor[billing.PlanSpec]()},
		{reflect.TypeFor[billing.Trial](), reflect.TypeFor[billing.TrialSpec]()},
	} {
		for field := range pair[0].Fields() {
			if _, ok := pair[1].FieldByName(field.Name); !ok && field.IsExported() && field.Name != "PriceNameDefaulted" {
				t.Errorf("%v has no %s, which %v has", pair[1], field.Name, pair[0])
			}
		}
	}
}
