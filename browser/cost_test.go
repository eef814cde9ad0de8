package browser

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/bench"
	"github.com/allot-dev/allot/internal/server"
)

// The size of what the cost is measured on.
const (
	costCustomers = 1_000_000
	costFeatures  = 1000
	costRecords   = 1_000_000
	costConsoles  = 50
)

// What the console costs beside a lot of data: how long its pages take, how many bytes they
// are, and what 50 consoles do to the reads of programs. It takes minutes and is asked for
// with ALLOT_BROWSER_COST, a share of the full size such as 1 or 0.01.
func TestCost(t *testing.T) {
	asked := os.Getenv("ALLOT_BROWSER_COST")
	if asked == "" {
		t.Skip("ALLOT_BROWSER_COST is not set")
	}
	share, err := strconv.ParseFloat(asked, 64)
	if err != nil {
		t.Fatal(err)
	}
	of := func(n int) int { return max(10, int(float64(n)*share)) }
	place := server.Place{Data: t.TempDir()}
	startAllot(t, place, time.Now()).stop(t) // makes the database
	began := time.Now()
	if _, err := bench.Seed(t.Context(), bench.SeedOptions{Place: place, Customers: of(costCustomers), Others: true}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d customers in %v", of(costCustomers), time.Since(began).Round(time.Second))
	a := startAllot(t, place, time.Now())
	large := a.large(t, of(costFeatures), of(costRecords))

	var some []string // customers
	for c, err := range a.client.Customers.All(t.Context(), client.CustomerParams{Q: "Bench 4"}) {
		if err != nil {
			t.Fatal(err)
		}
		if some = append(some, c.ID); len(some) == 20 {
			break
		}
	}
	// A page each twice: once for what is read for the first time.
	t.Logf("%-52s %9s %9s %9s %9s", "page", "first", "median", "slowest", "bytes")
	for _, page := range []struct{ name, path string }{
		{"overview", "/console/"},
		{"customers", "/console/customers"},
		{"customers, searched by name", "/console/customers?q=Bench+4711"},
		{"customers, searched for nothing", "/console/customers?q=nobody+is+called+so"},
		{"customer of 20 features", "/console/customers/" + some[0]},
		{fmt.Sprintf("customer of %d features, %d records", of(costFeatures), of(costRecords)), "/console/customers/" + large},
		{"the same, 30 days ago", "/console/customers/" + large + "?at=" + time.Now().AddDate(0, 0, -30).UTC().Format(time.RFC3339)},
		{fmt.Sprintf("plans, one of %d features", of(costFeatures)), "/console/plans"},
		{"events", "/console/events"},
		{"health", "/console/health"},
	} {
		var took []time.Duration
		var first time.Duration
		size := 0
		for i := range 12 {
			began := time.Now()
			got := a.send(t, "admin", page.path, nil, "")
			if d := time.Since(began); i == 0 {
				first = d
			} else {
				took = append(took, d)
			}
			if got.status != http.StatusOK {
				t.Errorf("%s: status %d", page.path, got.status)
				break
			}
			size = len(got.text)
		}
		if len(took) > 0 {
			slices.Sort(took)
			t.Logf("%-52s %9v %9v %9v %9d", page.name, first.Round(time.Millisecond/10), took[len(took)/2].Round(time.Millisecond/10), took[len(took)-1].Round(time.Millisecond/10), size)
		}
	}
	for range 2 { // one after the other, twice: what the machine does meanwhile is in both
		quiet := a.reads(t, some, 0)
		busy := a.reads(t, some, costConsoles)
		t.Logf("p50 and p99 of reads: %v and %v alone, %v and %v beside %d consoles", quiet[0], quiet[1], busy[0], busy[1], costConsoles)
	}
}

// large makes a plan of many features, and a customer on it with many records.
func (a *allot) large(t *testing.T, features, records int) string {
	t.Helper()
	var file strings.Builder
	file.WriteString("currency: usd\nfeatures:\n")
	for i := range features {
		fmt.Fprintf(&file, "  - {code: f%d, name: Feature %d, type: metered, unit: unit, reset: month}\n", i, i)
	}
	file.WriteString("plan_groups:\n  - {code: large, name: Large, customer_type: organization}\nplans:\n  - code: large\n    name: Large\n    group: large\n    status: published\n    ask_for_card: false\n    items:\n")
	for i := range features {
		fmt.Fprintf(&file, "      - {feature: f%d, max: 1000000}\n", i)
	}
	if _, err := a.client.Catalog.Apply(t.Context(), []byte(file.String()), false); err != nil {
		t.Fatal(err)
	}
	since := time.Now().AddDate(0, 0, -100)
	made, err := a.client.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "large", Name: "Large Ltd", PlanCode: api.Null[string](), AnchorOn: &api.Time{Time: since}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.client.Customers.CreateAgreement(t.Context(), made.ID, api.CreateCustomerAgreementRequest{PlanCode: "large", Import: true, StartsOn: &api.Time{Time: since}}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	span := time.Since(since) - time.Hour
	for n := 0; n < records; n += api.MaxUsageRecords {
		batch := make([]api.UsageReport, min(api.MaxUsageRecords, records-n))
		for i := range batch {
			at := api.Time{Time: since.Add(time.Duration(float64(span) * float64(n+i) / float64(records)))}
			batch[i] = api.UsageReport{CustomerID: made.ID, FeatureCode: fmt.Sprintf("f%d", (n+i)%10), Value: "1", Timestamp: &at}
		}
		results, err := a.client.Usage.Record(t.Context(), batch, client.WithTimeout(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if results[0].Error != nil {
			t.Fatal(results[0].Error.Message)
		}
	}
	t.Logf("%d records in %v", records, time.Since(began).Round(time.Second))
	return made.ID
}

// reads are the p50 and p99 of reads of entitlements, 400 a second for ten seconds, while
// so many consoles look at the overview or a customer every two seconds.
func (a *allot) reads(t *testing.T, customers []string, consoles int) [2]time.Duration {
	t.Helper()
	const rate, lasts = 400, 10 * time.Second
	end := time.Now().Add(lasts)
	var looking sync.WaitGroup
	for i := range consoles {
		looking.Go(func() {
			time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
			for n := i; time.Now().Before(end); n++ {
				path := "/console/"
				if n%2 == 0 {
					path = "/console/customers/" + customers[n%len(customers)]
				}
				if got := a.send(t, "admin", path, nil, ""); got.status != http.StatusOK {
					t.Errorf("%s: status %d", path, got.status)
					return
				}
				time.Sleep(2 * time.Second)
			}
		})
	}
	var mu sync.Mutex
	var took []time.Duration
	var reading sync.WaitGroup
	start := time.Now()
	for worker := range 8 {
		reading.Go(func() {
			for n := worker; ; n += 8 {
				due := start.Add(time.Duration(n) * time.Second / rate)
				if due.After(end) {
					return
				}
				time.Sleep(time.Until(due))
				resp, err := a.client.Entitlements.ListRaw(t.Context(), client.EntitlementParams{CustomerID: customers[n%len(customers)]})
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("status %d, %v", resp.StatusCode, err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(due)) // with what it waited for its turn
				mu.Unlock()
			}
		})
	}
	reading.Wait()
	looking.Wait()
	if len(took) == 0 {
		t.Fatal("nothing was read")
	}
	slices.Sort(took)
	return [2]time.Duration{took[len(took)/2].Round(time.Millisecond / 100), took[len(took)*99/100].Round(time.Millisecond / 100)}
}
