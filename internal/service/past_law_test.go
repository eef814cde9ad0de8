package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// spoken is an answer as text, all of it but the revision.
func spoken(w *world, id billing.CustomerID, at time.Time) string { return spokenAs(w, id, at, false) }

func spokenAs(w *world, id billing.CustomerID, at time.Time, knownNow bool) string {
	w.t.Helper()
	s, err := w.EntitlementsAt(w.t.Context(), id, at, knownNow)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, d := range s.Features {
		line := fmt.Sprintf("%s %s used %s held %s", d.Feature.Code, d.Reason, d.Used, d.Held)
		if d.Limit.Max != nil {
			line += fmt.Sprintf(" of %d", *d.Limit.Max)
		}
		line += fmt.Sprintf(" in %v", d.Window)
		if d.NextChange != nil {
			line += fmt.Sprintf(" next %v", *d.NextChange)
		}
		for _, src := range d.Sources {
			limit := src.Max
			src.Max = nil
			line += fmt.Sprintf(" from %v", src)
			if limit != nil {
				line += fmt.Sprint(" ", *limit)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// An answer given at an instant is given again by at for ever after, whatever
// happens: what was planned then is the next change, and only what was known by then
// counts.
func TestAnAnswerIsGivenAgain(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	customers := 0
	rapid.Check(t, func(rt *rapid.T) {
		customers++
		w.now = w.now.Add(24 * time.Hour).Truncate(time.Hour)
		id := w.customer(rapid.SampledFrom([]billing.Code{"pro", "trial", "ending", "free"}).Draw(rt, "plan"))
		type answer struct {
			at   time.Time
			text string
			done string
		}
		var given []answer
		var holds []usage.HoldID
		for range rapid.IntRange(3, 14).Draw(rt, "steps") {
			// The answer stands until just before the next change.
			w.now = w.now.Add(time.Duration(rapid.Int64Range(1, 20*24*3600).Draw(rt, "seconds")) * time.Second)
			what, err := historyStep(w, rt, id, &holds)
			w.now = w.now.Add(time.Microsecond)
			given = append(given, answer{w.now, spoken(w, id, time.Time{}), fmt.Sprint(what, " ", err)})
			w.now = w.now.Add(time.Microsecond)
			for i, a := range given {
				if got := spoken(w, id, a.at); got != a.text {
					var did []string
					for _, g := range given {
						did = append(did, g.at.Format(time.RFC3339)+" "+g.done)
					}
					rt.Fatalf("after %s\nat step %d, %v, the answer was\n%s\nand is now\n%s", strings.Join(did, "\n"), i, a.at, a.text, got)
				}
			}
		}
		if _, _, err := w.Verify(t.Context(), func(d service.Drift) { rt.Errorf("verify: %+v", d) }); err != nil {
			rt.Fatal(err)
		}
	})
}

// historyStep does one thing to a customer, which may be refused. Without holds it is
// none of usage.
func historyStep(w *world, rt *rapid.T, id billing.CustomerID, holds *[]usage.HoldID) (string, error) {
	days := func(name string) time.Time {
		return w.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(rt, name)) * 24 * time.Hour)
	}
	agreements := func() []billing.AgreementAt {
		c, err := w.Customer(w.t.Context(), id)
		if err != nil {
			return nil
		}
		return c.Agreements
	}
	step := rapid.SampledFrom([]string{
		"subscribe", "subscribe", "schedule", "schedule", "import", "cancel", "cancel", "override", "override", "end override", "end override", "suspend", "activate",
		"zone", "use", "late", "hold", "confirm", "release", "patch", "resume", "delete",
	}).Draw(rt, "step")
	plan := func() billing.Code {
		return rapid.SampledFrom([]billing.Code{"free", "pro", "max", "trial", "ending", "extra", "extra", "forever"}).Draw(rt, "plan")
	}
	switch step {
	case "subscribe":
		_, err := w.trySubscribe(id, billing.NewAgreement{Plan: plan()})
		return step, err
	case "schedule":
		_, err := w.trySubscribe(id, billing.NewAgreement{Plan: plan(), StartsOn: days("start")})
		return step, err
	case "import":
		_, err := w.trySubscribe(id, billing.NewAgreement{Plan: "pro", StartsOn: w.now.AddDate(-1, 0, 0), ExpiresOn: w.now.AddDate(0, -6, 0)})
		return step, err
	case "cancel", "resume", "patch":
		all := agreements()
		if len(all) == 0 {
			return step, nil
		}
		a := rapid.SampledFrom(all).Draw(rt, "agreement").ID
		if step == "cancel" {
			_, err := w.tryCancel(a, rapid.SampledFrom([]billing.When{billing.WhenNow, billing.WhenPeriodEnd}).Draw(rt, "when"))
			return step, err
		}
		_, err := try(w, func(u *service.Work) (billing.Outcome, error) {
			if step == "resume" {
				out, _, err := u.Resume(a)
				return out, err
			}
			out, _, err := u.UpdateAgreement(a, billing.AgreementUpdate{ExpiresOn: new(days("end"))})
			return out, err
		})
		return step, err
	case "override", "end override":
		_, err := try(w, func(u *service.Work) (int, error) {
			if step == "end override" {
				_, err := u.EndOverride(id, "seats")
				return 0, err
			}
			in := billing.NewOverride{Add: rapid.Int64Range(1, 9).Draw(rt, "add")}
			if rapid.Bool().Draw(rt, "ends") {
				in.ExpiresOn = days("end")
			}
			_, _, _, err := u.SetOverride(id, "seats", in)
			return 0, err
		})
		return step, err
	case "suspend", "activate":
		status := billing.Active
		if step == "suspend" {
			status = billing.Suspended
		}
		return step, w.update(id, billing.CustomerUpdate{Status: &status})
	case "zone":
		return step, w.update(id, billing.CustomerUpdate{TimeZone: new(rapid.SampledFrom([]string{"Europe/Berlin", "Asia/Tokyo", "UTC"}).Draw(rt, "zone"))})
	case "delete":
		if rapid.IntRange(0, 3).Draw(rt, "really") > 0 {
			return "", nil
		}
		return step, w.delete(id, false)
	}
	if holds == nil {
		return "", nil
	}
	return step, usageStep(w, rt, id, step, holds)
}

func usageStep(w *world, rt *rapid.T, id billing.CustomerID, step string, holds *[]usage.HoldID) error {
	_, err := try(w, func(u *service.Work) (int, error) {
		switch step {
		case "use":
			_, err := u.Consume(id, "seats", billing.Units(rapid.Int64Range(1, 3_000_000).Draw(rt, "units")))
			return 0, err
		case "late":
			_, err := u.RecordUsage(id, []usage.Report{{
				Feature: "seats", Value: billing.Units(rapid.Int64Range(1, 3_000_000).Draw(rt, "units")), Kind: usage.Delta,
				Stamp: w.now.Add(-time.Duration(rapid.IntRange(0, 40*24).Draw(rt, "hours")) * time.Hour),
			}})
			return 0, err
		case "hold":
			h, d, err := u.Hold(id, "seats", 1_000_000, time.Duration(rapid.IntRange(1, 86400).Draw(rt, "lasts"))*time.Second)
			if err == nil && d.Allowed {
				*holds = append(*holds, h.ID)
			}
			return 0, err
		}
		if len(*holds) == 0 {
			return 0, nil
		}
		h := rapid.SampledFrom(*holds).Draw(rt, "hold")
		var err error
		if step == "confirm" {
			_, _, err = u.ConfirmHold(h, usage.Confirm{})
		} else {
			_, _, err = u.ReleaseHold(h)
		}
		return 0, err
	})
	return err
}
