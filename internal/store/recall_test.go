package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/service"
)

const recallCatalog = `
currency: usd
features:
  - {code: calls, name: Calls, type: metered}
  - {code: seats, name: Seats, type: metered, held: true}
  - {code: mails, name: Mails, type: metered}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:
  - code: free
    name: Free
    group: teams
    status: published
    items:
      - {feature: calls, max: 1000000}
      - {feature: seats, max: 50}
      - {feature: mails, max: %d}
`

// remembering is a server on a SQLite file and a tool beside it, which remembers nothing.
func remembering(t *testing.T) (server, tool *service.Service, ids []billing.CustomerID) {
	t.Helper()
	url := "sqlite:" + filepath.Join(t.TempDir(), "allot.db")
	st, err := Open(t.Context(), Options{URL: url, Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	server, tool = &service.Service{Store: st}, &service.Service{Store: open(t, url)}
	putCatalog(t, server, 10)
	for i := range 4 {
		err := server.Do(t.Context(), "test", func(u *service.Work) error {
			c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, ExternalID: fmt.Sprint("c", i), Plan: "free"})
			ids = append(ids, c.Customer.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return server, tool, ids
}

func putCatalog(t *testing.T, s *service.Service, limit int) {
	t.Helper()
	doc := catalog.Parse(fmt.Appendf(nil, recallCatalog, limit))
	if len(doc.Faults) > 0 {
		t.Fatal(doc.Faults)
	}
	if err := s.Do(t.Context(), "test", func(u *service.Work) error {
		_, err := u.ApplyCatalog(doc.Spec)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// Whatever is written by whomever, a server that remembers says what one says that reads the file.
func TestWhatIsRememberedIsWhatIsThere(t *testing.T) {
	server, tool, ids := remembering(t)
	features := []billing.Code{"calls", "seats", "mails"}
	const seed, steps = 20261201, 1500
	random := rand.New(rand.NewPCG(seed, 0))
	remembered := 0
	for step := range steps {
		by, who := server, "the server"
		if random.IntN(4) == 0 {
			by, who = tool, "the tool"
		}
		id, feature := ids[random.IntN(len(ids))], features[random.IntN(len(features))]
		did := "nothing"
		do := func(what string, fn func(*service.Work) error) {
			did = fmt.Sprintf("%s: %s of %s of %v", who, what, feature, id)
			_ = by.Do(t.Context(), "test", fn) // may be refused
		}
		switch random.IntN(16) {
		case 0, 1, 2:
			do("consume", func(u *service.Work) error { _, err := u.Consume(id, feature, 1_000_000); return err })
		case 3:
			did = fmt.Sprintf("%s: counted use of %s of %v", who, feature, id)
			_ = by.Count(t.Context(), "test", service.Counting{Customer: id, Features: []billing.Code{feature}, Records: 1},
				func(u *service.Work) error { _, err := u.Consume(id, feature, 1_000_000); return err })
		case 4:
			do("hold", func(u *service.Work) error { _, _, err := u.Hold(id, feature, 1_000_000, time.Hour); return err })
		case 5:
			do("override", func(u *service.Work) error {
				_, _, _, err := u.SetOverride(id, feature, billing.NewOverride{Add: int64(1 + random.IntN(9))})
				return err
			})
		case 6:
			status := []billing.CustomerStatus{billing.Active, billing.Suspended}[random.IntN(2)]
			do("status", func(u *service.Work) error {
				_, err := u.UpdateCustomer(id, billing.CustomerUpdate{Status: &status})
				return err
			})
		case 7:
			if random.IntN(4) == 0 {
				did = who + ": catalog"
				putCatalog(t, by, 10+random.IntN(90))
			}
		case 8:
			do("given back", func(u *service.Work) error {
				if _, err := u.Consume(id, feature, 1_000_000); err != nil {
					return err
				}
				return errGivenUp
			})
		}
		for range 3 {
			ask := service.Ask{Customer: ids[random.IntN(len(ids))], Feature: features[random.IntN(len(features))],
				At: time.Now().Add(time.Duration(random.IntN(3)) * time.Hour)}
			got, err := server.Store.Standings(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			want, err := tool.Store.Standings(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d, step %d, after %s: %s of %v (-there +said):\n%s", seed, step, did, ask.Feature, ask.Customer, diff)
			}
			again, err := server.Store.Standings(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			if len(again[0].Lanes) > 0 && len(got[0].Lanes) > 0 && &again[0].Lanes[0] == &got[0].Lanes[0] {
				remembered++
			}
		}
	}
	if least := steps / 4; remembered < least {
		t.Errorf("%d of %d answers were remembered, want at least %d", remembered, 3*steps, least)
	}
}

var errGivenUp = errors.New("given up")

// What was committed before somebody asks is in the answer, whoever commits and asks at once.
func TestNothingRememberedIsOld(t *testing.T) {
	server, tool, ids := remembering(t)
	var acknowledged [4]atomic.Int64
	until := time.Now().Add(2 * time.Second)
	var working sync.WaitGroup
	use := func(s *service.Service, i int) {
		err := s.Count(t.Context(), "test", service.Counting{Customer: ids[i], Features: []billing.Code{"calls"}, Records: 1},
			func(u *service.Work) error { _, err := u.Consume(ids[i], "calls", 1_000_000); return err })
		if err != nil {
			t.Error(err)
			return
		}
		acknowledged[i].Add(1)
	}
	for i := range ids {
		working.Go(func() { // a customer whom the tool writes, too, now and then
			for n := 0; time.Now().Before(until) && !t.Failed(); n++ {
				if n%16 == 0 {
					use(tool, i)
				} else {
					use(server, i)
				}
				if n%4 == 0 {
					time.Sleep(time.Millisecond) // for those who ask to remember something
				}
			}
		})
	}
	var asked atomic.Int64
	for i := range 8 {
		working.Go(func() {
			i %= len(ids)
			for time.Now().Before(until) && !t.Failed() {
				least := acknowledged[i].Load()
				st, err := server.Store.Standings(t.Context(), service.Ask{Customer: ids[i], Feature: "calls", At: time.Now()})
				if err != nil {
					t.Error(err)
					return
				}
				said := billing.Units(0)
				if len(st[0].Lanes) > 0 {
					said = st[0].Lanes[0].Used
				}
				if said < billing.Units(least)*1_000_000 {
					t.Errorf("%d uses were acknowledged, and %d said", least, said/1_000_000)
				}
				asked.Add(1)
			}
		})
	}
	working.Wait()
	var all int64
	for i := range acknowledged {
		all += acknowledged[i].Load()
	}
	t.Logf("%d uses, %d asked", all, asked.Load())
}
