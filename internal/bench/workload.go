package bench

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/bench/load"
	"github.com/allot-dev/allot/internal/billing"
)

// target is who requests are rendered for.
type target struct {
	host  string // the Host header; the handler beside gets the same
	token string
	// run tells the records of this run from those of others.
	run string
}

// chooser picks the customer that request n is for.
type chooser func(n uint64) int

// inTurn goes through customers one after the other.
func inTurn(customers int) chooser {
	return func(n uint64) int { return int(n % uint64(customers)) }
}

// atRandom picks any, each as likely as the others: the same for the same n.
func atRandom(customers int) chooser {
	return func(n uint64) int { return int(mix(n) % uint64(customers)) }
}

// mix is the finalizer of SplitMix64.
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// headers are those that any client of the API sends.
func (t *target) headers(token string) string {
	return "Host: " + t.host + "\r\nUser-Agent: allot-bench\r\nAccept: application/json\r\nAuthorization: Bearer " + token + "\r\n"
}

// read asks for the entitlements of a customer: the main endpoint.
func (t *target) read(customer chooser) load.Workload {
	return t.readAs(customer, func(uint64) string { return t.token })
}

// readAs asks with a token for each request.
func (t *target) readAs(customer chooser, token func(n uint64) string) load.Workload {
	const before, behind = "GET /api/v1/billing/entitlements?customer_id=customer_", "&page_size=20 HTTP/1.1\r\n"
	head := t.headers("")
	head = behind + head[:len(head)-len("\r\n")]
	return load.Workload{
		Render: func(buf []byte, n uint64) []byte {
			id := customerID(customer(n))
			buf = append(buf, before...)
			buf = hex.AppendEncode(buf, id[:])
			buf = append(buf, head...)
			buf = append(buf, token(n)...)
			return append(buf, "\r\n\r\n"...)
		},
		Verify: func(n uint64, body []byte) error { return checkEntitlements(customer(n), body) },
	}
}

func checkEntitlements(customer int, body []byte) error {
	var list api.BillingEntitlementList
	if err := strict(body, &list); err != nil {
		return err
	}
	if list.Code != "OK" || list.HasMore || len(list.Entitlements) != seedItems {
		return fmt.Errorf("code %s and %d entitlements, more: %t; want OK and all %d", list.Code, len(list.Entitlements), list.HasMore, seedItems)
	}
	agreement := agreementID(customer)
	for i, e := range list.Entitlements {
		if want := agreement.Entitlement(i).String(); e.ID != want {
			return fmt.Errorf("entitlement %d has the id %s, want %s", i, e.ID, want)
		}
		if e.FeatureCode == "" || e.PriceName == "" {
			return fmt.Errorf("entitlement %d has no feature or no price: %+v", i, e)
		}
	}
	return nil
}

// strict decodes a document that has no field but those of its type.
func strict(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// post sends bodies that are all as long as that of request 0.
func (t *target) post(path string, body func(buf []byte, n uint64) []byte) load.Workload {
	head := "POST " + path + " HTTP/1.1\r\n" + t.headers(t.token) +
		"Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body(nil, 0))) + "\r\n\r\n"
	return load.Workload{Render: func(buf []byte, n uint64) []byte { return body(append(buf, head...), n) }}
}

// decide asks whether a customer may use a unit of the feature, and with consume
// uses it.
func (t *target) decide(path string, customer chooser) load.Workload {
	w := t.post(path, func(buf []byte, n uint64) []byte {
		id := customerID(customer(n))
		buf = append(buf, `{"customer_id":"customer_`...)
		buf = hex.AppendEncode(buf, id[:])
		return append(buf, `","feature_code":"`+seedFeature+`","units":"1"}`...)
	})
	w.Verify = func(_ uint64, body []byte) error {
		var d api.Decision
		if err := strict(body, &d); err != nil {
			return err
		}
		if !d.Allowed || d.Reason != api.ReasonWithinLimit || d.FeatureCode != seedFeature {
			return fmt.Errorf("%s is allowed: %t, because %s; want %s within its limit", d.FeatureCode, d.Allowed, d.Reason, seedFeature)
		}
		return nil
	}
	return w
}

// meter reports one record at the endpoint that Kinde has for it.
func (t *target) meter(customer chooser) load.Workload {
	w := t.post("/api/v1/billing/meter_usage", func(buf []byte, n uint64) []byte {
		id := agreementID(customer(n))
		buf = append(buf, `{"customer_agreement_id":"agreement_`...)
		buf = hex.AppendEncode(buf, id[:])
		return append(buf, `","billing_feature_code":"`+seedFeature+`","meter_value":"1"}`...)
	})
	w.Verify = func(_ uint64, body []byte) error {
		if !bytes.Contains(body, []byte(`"OK"`)) {
			return fmt.Errorf("%.100s, want the code OK", body)
		}
		return nil
	}
	return w
}

// bulkRecords is how many records a bulk request reports.
const bulkRecords = api.MaxUsageRecords

// bulk reports a thousand records at once, each under an id of its own. The
// customers of request n are customer(n), customer(n+1), …, spread of them, in
// turns.
func (t *target) bulk(customer chooser, spread int) load.Workload {
	w := t.post("/v1/usage", func(buf []byte, n uint64) []byte {
		buf = append(buf, `{"records":[`...)
		ids := make([]billing.CustomerID, spread)
		for i := range ids {
			ids[i] = customerID(customer(n*uint64(spread) + uint64(i)))
		}
		for i := range bulkRecords {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = append(buf, `{"id":"`...)
			buf = append(buf, t.run...)
			buf = appendPadded(buf, n*bulkRecords+uint64(i))
			buf = append(buf, `","customer_id":"customer_`...)
			buf = hex.AppendEncode(buf, ids[i%spread][:])
			buf = append(buf, `","feature_code":"`+seedFeature+`","value":"1"}`...)
		}
		return append(buf, "]}"...)
	})
	w.Verify = func(_ uint64, body []byte) error {
		var list api.UsageResultList
		if err := strict(body, &list); err != nil {
			return err
		}
		if len(list.Results) != bulkRecords {
			return fmt.Errorf("%d results, want %d", len(list.Results), bulkRecords)
		}
		for i, r := range list.Results {
			if r.Status != api.UsageRecorded {
				return fmt.Errorf("record %d is %s, want %s", i, r.Status, api.UsageRecorded)
			}
		}
		return nil
	}
	return w
}

// appendPadded appends a number with twelve digits.
func appendPadded(buf []byte, n uint64) []byte {
	const digits = 12
	buf = append(buf, "000000000000"...)
	for i := len(buf) - 1; n > 0 && i >= len(buf)-digits; i-- {
		buf[i] = byte('0' + n%10)
		n /= 10
	}
	return buf
}

// same is what the handler beside is sent: the same requests, of which every
// answer must be body.
func same(w load.Workload, body []byte) load.Workload {
	body = bytes.Clone(body)
	return load.Workload{Render: w.Render, Length: len(body), Verify: func(_ uint64, got []byte) error {
		if !bytes.Equal(got, body) {
			return errors.New("another body than the one it was given")
		}
		return nil
	}}
}
