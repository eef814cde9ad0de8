package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/bench/load"
)

// parse reads a request as a server does: its head and as much body as it says
// must be all there is.
func parse(t *testing.T, w load.Workload, n uint64) (*http.Request, []byte) {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(w.Render([]byte(nil), n)))
	r, err := http.ReadRequest(in)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(in); len(rest) > 0 {
		t.Fatalf("behind the request is %q", rest)
	}
	if got := r.Header.Get("Authorization"); got != "Bearer secret" || r.Host != "here:80" {
		t.Errorf("Authorization %q, Host %q", got, r.Host)
	}
	return r, body
}

func TestRequests(t *testing.T) {
	target := &target{host: "here:80", token: "secret", run: "run"}
	const n = 1234
	who := inTurn(100)
	customer, agreement := customerID(who(n)).String(), agreementID(who(n)).String()

	r, _ := parse(t, target.read(who), n)
	if got := r.URL.Query(); r.Method != http.MethodGet || r.URL.Path != "/api/v1/billing/entitlements" ||
		got.Get("customer_id") != customer || got.Get("page_size") != "20" {
		t.Errorf("the read is %s %s", r.Method, r.URL)
	}
	_, body := parse(t, target.decide("/v1/consume", who), n)
	var consume api.ConsumeRequest
	if err := strict(body, &consume); err != nil || consume.CustomerID != customer || consume.FeatureCode != seedFeature {
		t.Errorf("consume sends %s, %v", body, err)
	}
	_, body = parse(t, target.meter(who), n)
	var meter api.CreateMeterUsageRequest
	if err := strict(body, &meter); err != nil || meter.CustomerAgreementID != agreement || meter.BillingFeatureCode != seedFeature {
		t.Errorf("meter_usage sends %s, %v", body, err)
	}
}

// No two records of a run have the same id, and each customer has its share.
func TestBulkRequests(t *testing.T) {
	target := &target{host: "here:80", token: "secret", run: "run"}
	ids, customers := map[string]bool{}, map[string]int{}
	w := target.bulk(inTurn(10), 10)
	for n := range uint64(3) {
		_, body := parse(t, w, n)
		var bulk api.RecordUsageRequest
		if err := strict(body, &bulk); err != nil {
			t.Fatal(err)
		}
		for _, r := range bulk.Records {
			ids[r.ID] = true
			customers[r.CustomerID]++
		}
	}
	if len(ids) != 3*bulkRecords || len(customers) != 10 {
		t.Errorf("%d ids of %d records, for %d customers of 10", len(ids), 3*bulkRecords, len(customers))
	}
	for id, records := range customers {
		if records != 3*bulkRecords/10 {
			t.Errorf("%s has %d records", id, records)
		}
	}
}

func TestChoosers(t *testing.T) {
	const customers, requests = 50, 50_000
	for name, choose := range map[string]chooser{"in turn": inTurn(customers), "at random": atRandom(customers)} {
		var times [customers]int
		for n := range uint64(requests) {
			times[choose(n)]++
		}
		for customer, got := range times {
			if got < requests/customers*8/10 || got > requests/customers*12/10 {
				t.Errorf("%s, customer %d is chosen %d times of %d, want about %d", name, customer, got, requests, requests/customers)
			}
		}
	}
}

// Answers that look right and are not.
func TestAnswersAreChecked(t *testing.T) {
	good := api.BillingEntitlementList{Code: "OK", Message: "Success"}
	for i := range seedItems {
		good.Entitlements = append(good.Entitlements, api.BillingEntitlement{
			ID: agreementID(7).Entitlement(i).String(), FeatureCode: "f", PriceName: "p",
		})
	}
	marshal := func(v any) []byte {
		t.Helper()
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	text := marshal(good)
	if err := checkEntitlements(7, text); err != nil {
		t.Errorf("the right answer: %v", err)
	}
	if err := checkEntitlements(8, text); err == nil {
		t.Error("another customer's answer is taken")
	}
	for name, wrong := range map[string]string{
		"code":   strings.Replace(string(text), `"OK"`, `"NO"`, 1),
		"more":   strings.Replace(string(text), `"has_more":false`, `"has_more":true`, 1),
		"field":  strings.Replace(string(text), `"code"`, `"kode"`, 1),
		"fewer":  string(marshal(api.BillingEntitlementList{Code: "OK", Entitlements: good.Entitlements[:19]})),
		"no one": `{"errors":[]}`,
	} {
		if err := checkEntitlements(7, []byte(wrong)); err == nil {
			t.Errorf("%s: a wrong answer is taken", name)
		}
	}
	target := &target{}
	consume, bulk, meter := target.decide("/v1/consume", inTurn(1)), target.bulk(inTurn(1), 1), target.meter(inTurn(1))
	decision := api.Decision{Allowed: true, Reason: api.ReasonWithinLimit, FeatureCode: seedFeature, Used: "1", Held: "0"}
	if err := consume.Verify(0, marshal(decision)); err != nil {
		t.Errorf("the right decision: %v", err)
	}
	decision.Allowed, decision.Reason = false, api.ReasonLimitReached
	if consume.Verify(0, marshal(decision)) == nil {
		t.Error("a refusal is taken")
	}
	results := api.UsageResultList{Results: make([]api.UsageResult, bulkRecords)}
	for i := range results.Results {
		results.Results[i].Status = api.UsageRecorded
	}
	if err := bulk.Verify(0, marshal(results)); err != nil {
		t.Errorf("the right results: %v", err)
	}
	results.Results[999].Status = api.UsageDuplicate
	if bulk.Verify(0, marshal(results)) == nil {
		t.Error("a duplicate is taken")
	}
	if meter.Verify(0, []byte(`{"code":"NO"}`)) == nil {
		t.Error("a meter that says no is taken")
	}
	handler := same(consume, []byte("body"))
	if handler.Verify(0, []byte("body")) != nil || handler.Verify(0, []byte("bodY")) == nil || handler.Length != 4 {
		t.Error("the handler's answers are not compared")
	}
}
