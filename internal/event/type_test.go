package event

import (
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Every kind of change that gets a place in the feed is told under a type of the list.
func TestTypeOfEveryChange(t *testing.T) {
	called := map[billing.ChangeKind]Type{
		"customer.purged": CustomerDeleted, "agreement.withdrawn": AgreementCancelled, "key.created": KeyRotated, "facts.adopted": "",
	}
	kinds := append(billing.Words[billing.ChangeKind](), "client.created", "client.rotated", "client.revoked", "key.created")
	for _, kind := range kinds {
		want, ok := called[kind]
		if !ok {
			want = Type(kind)
		}
		got, told := TypeOf(&billing.Change{Kind: kind, After: map[string]string{"create": "plan pro"}})
		if got != want || told != (want != "") || told && !slices.Contains(Types(), got) {
			t.Errorf("%s is told as %q: %t; want %q", kind, got, told, want)
		}
		if told && !got.OfChange() {
			t.Errorf("%s is told as %s, which is said to be no type of changes", kind, got)
		}
	}
	if got, told := TypeOf(&billing.Change{Kind: billing.CatalogApplied, Before: map[string]string{"unfinished": "true"}}); told {
		t.Errorf("that an upgrade was finished is told as %q", got)
	}
	if got, told := TypeOf(&billing.Change{Kind: "Customer.created"}); told {
		t.Errorf("what is unknown is told as %q", got)
	}
}

func TestTypeOfAgreementChange(t *testing.T) {
	const may, june, july = "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	agreement := func(end, trialEnd, then string) map[string]string {
		return map[string]string{"created_on": may, "own_end": end, "trial_ends_on": trialEnd, "trial_then": then}
	}
	for name, test := range map[string]struct {
		before, after map[string]string
		want          Type
	}{
		"another quantity":                       {agreement("", "", ""), agreement("", "", ""), AgreementChanged},
		"given an end":                           {agreement("", "", ""), agreement(june, "", ""), AgreementCancelled},
		"ended at once":                          {agreement("", "", ""), agreement(may, "", ""), AgreementCancelled},
		"the end is taken back":                  {agreement(june, "", ""), agreement("", "", ""), AgreementResumed},
		"the end is moved":                       {agreement(june, "", ""), agreement(july, "", ""), AgreementChanged},
		"the end is moved to be earlier":         {agreement(july, "", ""), agreement(june, "", ""), AgreementChanged},
		"the end comes to now":                   {agreement(june, "", ""), agreement(may, "", ""), AgreementCancelled},
		"cancelled at the end of the trial":      {agreement("", june, "convert"), agreement(june, june, "convert"), AgreementCancelled},
		"cancelled within a trial that ends it":  {agreement(july, july, "end"), agreement(june, july, "end"), AgreementCancelled},
		"the same, as logged without its kind":   {agreement(july, july, ""), agreement(june, july, ""), AgreementCancelled},
		"resumed within such a trial":            {agreement(june, july, "end"), agreement(july, july, "end"), AgreementResumed},
		"a trial that ends it is moved":          {agreement(june, june, "end"), agreement(july, july, "end"), AgreementChanged},
		"a trial that goes on becomes its end":   {agreement(july, june, "convert"), agreement(june, june, "convert"), AgreementChanged},
		"logged by a program of before":          {map[string]string{}, map[string]string{"own_end": june}, AgreementChanged},
		"an end that cannot be read is no event": {agreement(june, "", ""), agreement("soon", "", ""), AgreementChanged},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := TypeOf(&billing.Change{Kind: "agreement.changed", On: now, Before: test.before, After: test.after})
			if got != test.want {
				t.Errorf("it is told as %s, want %s", got, test.want)
			}
		})
	}
}
