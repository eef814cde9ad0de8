package naive

import (
	"encoding/json"
	"math/big"
	"regexp"
	"sort"
	"strings"
)

// Record is one use as it was recorded.
type Record struct {
	feature, id string
	content     string // to tell a repetition from another record
	counts      T      // the instant at which it counts
	delta       *big.Int
	absolute    bool
}

// Hold is units set aside for a while.
type Hold struct {
	label, feature string
	customer       *Customer
	at, expires    T
	window         span // that it was made in
	units          *big.Int
	closed         T // 0 while it is open
	confirmed      *big.Int
	asked          string // units and over of the confirm
	answer         string // its answer
}

// openAt is what the hold holds at t. Of a hold that was confirmed later, what
// was confirmed is used from its instant on, and only the rest held.
func (h *Hold) openAt(t T) *big.Int {
	if h.expires <= t || h.closed != 0 && h.closed <= t {
		return new(big.Int)
	}
	n := new(big.Int).Set(h.units)
	if h.confirmed != nil {
		if n.Sub(n, h.confirmed); n.Sign() < 0 {
			n = new(big.Int)
		}
	}
	return n
}

var (
	numberForm = regexp.MustCompile(`^-?\d{1,18}(\.\d{1,6})?$`)
	top        = new(big.Int).Mul(units(1_000_000), million) // 10^12
	mostWindow = new(big.Int).Mul(top, big.NewInt(9))
)

// amount reads a decimal text or a number as millionths.
func amount(v any) (*big.Int, bool) {
	s, ok := v.(string)
	if n, is := v.(json.Number); is {
		s, ok = n.String(), true
	}
	if !ok || !numberForm.MatchString(s) {
		return nil, false
	}
	r, _ := new(big.Rat).SetString(s)
	r.Mul(r, new(big.Rat).SetInt(million))
	n := new(big.Int).Set(r.Num())
	if new(big.Int).Abs(n).Cmp(top) >= 0 {
		return nil, false
	}
	return n, true
}

// asked reads customer, feature and units of a check, consume or hold.
func (m *Model) asked(c call) (cu *Customer, feature string, n *big.Int, refusal string) {
	n = units(1)
	if c.body.has("units") {
		got, ok := amount(c.body["units"])
		if !ok || got.Sign() <= 0 {
			return nil, "", nil, fail(400, "UNITS_INVALID")
		}
		n = got
	}
	cu = m.customer(c.body.text("customer_id"))
	if cu == nil {
		return nil, "", nil, fail(404, "CUSTOMER_NOT_FOUND")
	}
	feature = c.body.text("feature_code")
	if !c.body.has("feature_codes") && m.cat.feature(feature) == nil {
		return nil, "", nil, fail(404, "FEATURE_NOT_FOUND")
	}
	return cu, feature, n, ""
}

func (m *Model) check(c call) string {
	cu, feature, n, refusal := m.asked(c)
	if refusal != "" {
		return refusal
	}
	list, several := c.body["feature_codes"].([]any)
	if !several {
		v := m.look(cu, feature, m.now)
		return "200 " + v.text(v.decide(n))
	}
	var parts []string
	for _, code := range list {
		if m.cat.feature(code.(string)) == nil {
			return fail(404, "FEATURE_NOT_FOUND")
		}
		v := m.look(cu, code.(string), m.now)
		parts = append(parts, code.(string)+" "+v.text(v.decide(n)))
	}
	return "200 " + strings.Join(parts, " | ")
}

func (m *Model) consume(c call) string {
	cu, feature, n, refusal := m.asked(c)
	if refusal != "" {
		return refusal
	}
	v := m.look(cu, feature, m.now)
	allowed, reason := v.decide(n)
	if !allowed || !v.metered {
		return "200 " + v.text(allowed, reason)
	}
	if new(big.Int).Add(m.total(cu, feature, v.window), n).Cmp(mostWindow) > 0 {
		return fail(400, "UNITS_INVALID")
	}
	cu.records = append(cu.records, &Record{feature: feature, counts: m.now, delta: n})
	return "200 " + m.look(cu, feature, m.now).text(true, reason)
}

// total is all that was recorded in a window, uncut.
func (m *Model) total(cu *Customer, feature string, w span) *big.Int {
	n := new(big.Int)
	for _, r := range cu.records {
		if r.feature == feature && w.has(r.counts) {
			n.Add(n, r.delta)
		}
	}
	return n
}

// recordAll is POST /v1/usage. Per customer and feature what is negative is
// applied after the others, up to the next reading: a reading is passed by nothing.
func (m *Model) recordAll(c call) string {
	list, _ := c.body["records"].([]any)
	results := make([]string, len(list))
	order := make([]int, len(list))
	for i := range list {
		order[i] = i
	}
	negative := func(i int) bool {
		r := fields(list[i].(map[string]any))
		n, ok := amount(r["value"])
		return ok && n.Sign() < 0 && r.text("type") != "absolute"
	}
	place := make([]int, len(list))
	readings := map[string]int{}
	for i := range list {
		r := fields(list[i].(map[string]any))
		of := r.text("customer_id") + " " + r.text("feature_code")
		if r.text("type") == "absolute" {
			readings[of]++
		}
		place[i] = 2 * readings[of]
		if negative(i) {
			place[i]++
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return place[order[i]] < place[order[j]] })
	for _, i := range order {
		results[i] = m.recordOne(list[i].(map[string]any))
	}
	return "200 " + strings.Join(results, "; ")
}

func (m *Model) recordOne(f fields) string {
	cu := m.customer(f.text("customer_id"))
	if cu == nil || cu.deleted <= m.now {
		return "failed CUSTOMER_NOT_FOUND"
	}
	feature := m.cat.feature(f.text("feature_code"))
	if feature == nil {
		return "failed FEATURE_NOT_FOUND"
	}
	text, _ := json.Marshal(f)
	if id := f.text("id"); id != "" {
		for _, r := range cu.records {
			if r.id == id {
				if r.content == string(text) {
					return "duplicate"
				}
				return "duplicate error"
			}
		}
	}
	if feature.Type != "metered" {
		return "failed FEATURE_NOT_METERED"
	}
	stamp := m.now
	if f.has("timestamp") {
		t, ok := f.time("timestamp")
		if !ok || t > m.now+tolerance {
			return "failed TIMESTAMP_INVALID"
		}
		stamp = min(t, m.now)
	}
	w, ok := m.rhythm(cu, feature.Code, stamp, stamp)
	if !ok {
		if stamp == m.now && !m.everHeld(cu, feature.Code) {
			return "failed FEATURE_NOT_FOUND"
		}
		return "failed TIMESTAMP_INVALID"
	}
	superseded, code := m.record(cu, &Record{feature: feature.Code, id: f.text("id"), content: string(text), counts: stamp,
		absolute: f.text("type") == "absolute"}, f["value"], w)
	switch {
	case code != "":
		return "failed " + strings.TrimPrefix(code, "METER_")
	case superseded:
		return "recorded superseded"
	}
	return "recorded"
}

// everHeld tells whether the feature was ever held, by an agreement or an override.
func (m *Model) everHeld(cu *Customer, feature string) bool {
	for _, a := range cu.agreements {
		if !a.withdrawn && a.starts <= m.now && m.end(a) > a.starts && a.plan.item(feature) != nil {
			return true
		}
	}
	for _, o := range cu.overrides {
		if o.feature == feature && !o.deny {
			return true
		}
	}
	return false
}

// record applies a value to a window and keeps it.
func (m *Model) record(cu *Customer, r *Record, value any, w span) (superseded bool, code string) {
	n, ok := amount(value)
	if !ok {
		return false, "METER_VALUE_INVALID"
	}
	sum := m.total(cu, r.feature, w)
	r.delta = n
	if r.absolute {
		if n.Sign() < 0 {
			return false, "METER_VALUE_INVALID"
		}
		r.delta = new(big.Int).Sub(n, sum)
		for _, o := range cu.records {
			if o.feature == r.feature && o.absolute && w.has(o.counts) && o.counts > r.counts {
				r.delta, superseded = new(big.Int), true
			}
		}
	}
	after := new(big.Int).Add(sum, r.delta)
	if r.delta.Sign() < 0 && after.Sign() < 0 || after.Cmp(mostWindow) > 0 && r.delta.Sign() > 0 {
		return false, "METER_VALUE_INVALID"
	}
	cu.records = append(cu.records, r)
	return superseded, ""
}

// meterUsage is Kinde's meter_usage.
func (m *Model) meterUsage(c call) string {
	a := m.agreement(c.body.text("customer_agreement_id"))
	if a == nil || a.customer.deleted <= m.now {
		return fail(400, "AGREEMENT_NOT_FOUND")
	}
	cu := a.customer
	feature := m.cat.feature(c.body.text("billing_feature_code"))
	if feature == nil {
		return fail(400, "FEATURE_NOT_FOUND")
	}
	if feature.Type != "metered" {
		return fail(400, "FEATURE_NOT_METERED")
	}
	holds := false
	for _, b := range cu.agreements {
		holds = holds || m.liveAt(b, m.now) && b.plan.item(feature.Code) != nil
	}
	w, held := m.rhythm(cu, feature.Code, m.now, m.now)
	if !holds && !(held && m.liveAt(a, m.now)) {
		if !m.liveAt(a, m.now) {
			return fail(400, "AGREEMENT_NOT_ACTIVE")
		}
		return fail(400, "FEATURE_NOT_FOUND")
	}
	stamp := m.now
	absolute := c.body.text("meter_type_code") == "absolute"
	if c.body.has("meter_usage_timestamp") {
		t, ok := c.body.time("meter_usage_timestamp")
		if !ok || t > m.now+tolerance || absolute && t < w.from {
			return fail(400, "METER_USAGE_TIMESTAMP_INVALID")
		}
		stamp = min(t, m.now)
		if stamp < w.from {
			stamp = m.now // it counts in the window that runs
		}
	}
	if _, code := m.record(cu, &Record{feature: feature.Code, counts: stamp, absolute: absolute}, c.body["meter_value"], w); code != "" {
		return fail(400, code)
	}
	return "ok"
}
