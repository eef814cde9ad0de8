package billing

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// The table of docs/lifecycle.md is what the rules make of the calls it names.
func TestLifecyclePage(t *testing.T) {
	s := lawShelf(t, lawCatalog(t, true))
	s.now = date("2027-01-31T10:00:00Z")
	var table strings.Builder
	row := func(call string, do func(*Book) (Outcome, error)) {
		t.Helper()
		b := s.open()
		if _, err := do(b); err != nil {
			t.Fatal(call, err)
		}
		s.keep(b)
		fmt.Fprintf(&table, "%s  %s\n", s.now.Format("2006-01-02"), call)
		snap := s.open().Snapshot
		for _, a := range snap.agreementsAt(s.now) {
			fmt.Fprintf(&table, "%14s%-5s %s\n", "", a.Plan, lifeText(&a))
		}
	}
	subscribe := func(in NewAgreement) func(*Book) (Outcome, error) {
		return func(b *Book) (Outcome, error) { return b.Subscribe(in) }
	}
	row(`POST …/agreements {"plan_code":"tri"}`, subscribe(NewAgreement{Plan: "tri"}))
	s.on("2027-02-05")
	row(`POST …/agreements {"plan_code":"pro"}`, subscribe(NewAgreement{Plan: "pro"}))
	s.on("2027-03-20")
	row(`POST …/agreements {"plan_code":"pro","annual":true,"when":"period_end"}`,
		subscribe(NewAgreement{Plan: "pro", Annual: new(true), When: WhenPeriodEnd}))
	s.on("2027-05-01")
	live := s.open().live("").ID
	row(`DELETE /v1/agreements/ID?when=period_end`, func(b *Book) (Outcome, error) { return b.Cancel(s.stored(live), WhenPeriodEnd, false) })
	s.on("2027-05-10")
	row(`POST /v1/agreements/ID/resume`, func(b *Book) (Outcome, error) { return b.Resume(s.stored(live)) })
	s.on("2027-06-01")
	row(`DELETE /v1/agreements/ID`, func(b *Book) (Outcome, error) { return b.Cancel(s.stored(live), WhenNow, false) })

	page, err := os.ReadFile("../../docs/lifecycle.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```\n"+table.String()+"```\n") {
		t.Errorf("docs/lifecycle.md has another table than this:\n%s", table.String())
	}
}

func lifeText(a *AgreementAt) string {
	day := func(t time.Time) string { return t.Format("2006-01-02") }
	text := "from " + day(a.StartsOn)
	if !a.ExpiresOn.IsZero() {
		text += " to " + day(a.ExpiresOn)
	}
	if a.TrialEndsOn.After(a.On) {
		text += ", trial to " + day(a.TrialEndsOn)
	}
	if a.Annual {
		text += ", annual"
	}
	text += fmt.Sprintf(", term %s to %s", day(a.Period.Start), day(a.Period.End))
	if a.Origin != "" {
		text += ", origin " + string(a.Origin)
	}
	return text
}
