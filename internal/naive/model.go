package naive

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"sort"
	"strings"
	"time"
)

// Agreement is one agreement, with the facts that are fixed when it is made and
// the few that later calls change.
type Agreement struct {
	seq       int
	label     string
	customer  *Customer
	plan      *Plan
	quantity  int
	annual    bool
	origin    string
	made      T
	starts    T
	ownEnd    T // its own end; Never: none
	frozen    T // the end, once it has passed; 0 before
	withdrawn bool

	trialEnds T // 0: no trial
	trialDays int
	thenEnd   bool
	anchorOn  T
	termFrom  T
	anchor    string // what the request said: "", keep, start or a time
	atPeriod  bool   // made with when: period_end
	keptEnd   bool   // its end is that of the one before it
	drops     bool   // asked to drop what is scheduled after it
	fallback  string // the group's fallback when the own end was set

	importedEnd T // of an import: the own end as it was given
}

// Customer and all that ever happened to it.
type Customer struct {
	label, kind string
	given       T // anchor_on as given by the caller; 0: not given
	made        T
	deleted     T // Never while it is not
	zones       []zoneFact
	suspended   []toggle
	agreements  []*Agreement
	overrides   []*Override
	records     []*Record
	holds       []*Hold
}

type toggle struct {
	from T
	on   bool
}

// Model is everything that happened.
type Model struct {
	now        T
	cat        *Catalog
	customers  []*Customer
	agreements []*Agreement // of all customers, in the order they were made
	holds      []*Hold
	lines      []entry
	pending    []*Agreement // that were scheduled before the line that runs
}

// entry is a line as it was run, for answers about the past.
type entry struct {
	at   T
	line string
}

// Start is where the clock stands first.
var Start = T(time.Date(2027, 1, 31, 10, 30, 0, 0, time.UTC).UnixMicro())

// New returns a model in which nothing happened yet.
func New() *Model { return &Model{now: Start, cat: &Catalog{}} }

// call is a line taken apart.
type call struct {
	label, method string
	path          []string
	query         map[string]string
	raw           []byte
	body          fields
}

// fields of a JSON body. Times "@+60" are already in RFC 3339.
type fields map[string]any

func (f fields) has(k string) bool    { _, ok := f[k]; return ok }
func (f fields) text(k string) string { s, _ := f[k].(string); return s }

// whole reads a whole number.
func (f fields) whole(k string) (int64, bool) {
	n, ok := f[k].(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

func (f fields) time(k string) (T, bool) { return parseTime(f.text(k)) }

func (m *Model) when(s string) string {
	if !strings.HasPrefix(s, "@") {
		return s
	}
	s = s[1:]
	if s[0] == '+' || s[0] == '-' {
		return (m.now + micros(s)).String()
	}
	return s
}

func (m *Model) times(v any) any {
	switch v := v.(type) {
	case string:
		return m.when(v)
	case []any:
		for i := range v {
			v[i] = m.times(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = m.times(v[k])
		}
	}
	return v
}

// micros reads signed decimal seconds.
func micros(s string) T {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("seconds: " + s)
	}
	r.Mul(r, big.NewRat(1_000_000, 1))
	return T(new(big.Int).Quo(r.Num(), r.Denom()).Int64())
}

var lineForm = regexp.MustCompile(`^(?:(\w+) = )?(GET|PUT|POST|PATCH|DELETE) (\S+)(?: (\{.*\}))?$`)

func (m *Model) parse(line string) call {
	p := lineForm.FindStringSubmatch(line)
	if p == nil {
		panic("not a line: " + line)
	}
	c := call{label: p[1], method: p[2], query: map[string]string{}, raw: []byte(p[4]), body: fields{}}
	path, query, _ := strings.Cut(p[3], "?")
	c.path = strings.Split(strings.Trim(path, "/"), "/")
	for _, kv := range strings.Split(query, "&") {
		if k, v, ok := strings.Cut(kv, "="); ok && v != "" {
			c.query[k] = m.when(v)
		}
	}
	if p[4] != "" {
		d := json.NewDecoder(strings.NewReader(p[4]))
		d.UseNumber()
		var body map[string]any
		if err := d.Decode(&body); err != nil {
			panic(err)
		}
		m.times(body)
		c.body = body
	}
	return c
}

// fail is a refusal.
func fail(status int, codes ...string) string {
	sort.Strings(codes)
	return fmt.Sprintf("%d %s", status, strings.Join(codes, ","))
}

// Do runs one line and returns the answer.
func (m *Model) Do(line string) string {
	if s, ok := strings.CutPrefix(line, "clock "); ok {
		m.now += micros(s)
		m.settle()
		return "clock " + m.now.String()
	}
	c := m.parse(line)
	m.pending = nil
	for _, a := range m.agreements {
		if !a.withdrawn && a.starts > m.now && m.end(a) > a.starts {
			m.pending = append(m.pending, a)
		}
	}
	answer := m.route(c)
	m.settle()
	if c.method != "GET" && c.path[1] != "check" {
		m.lines = append(m.lines, entry{m.now, line})
	}
	return answer
}

func (m *Model) route(c call) string {
	p := c.path
	at := func(i int) string {
		if i < len(p) {
			return p[i]
		}
		return ""
	}
	switch p[0] + "/" + at(1) {
	case "v1/catalog":
		next, err := m.cat.apply(c.raw)
		if err != nil {
			return fail(400, "CATALOG_INVALID")
		}
		m.cat = next
		return "ok"
	case "v1/customers":
		if len(p) == 2 {
			return m.createCustomer(c)
		}
		cu := m.customer(p[2])
		if cu == nil || cu.deleted <= m.now && c.method != "GET" {
			return fail(404, "CUSTOMER_NOT_FOUND")
		}
		switch {
		case at(3) == "agreements":
			return m.subscribe(cu, c)
		case at(3) == "entitlements":
			return m.entitlements(cu, c)
		case at(3) == "overrides":
			return m.override(cu, at(4), c)
		case c.method == "PATCH":
			return m.patchCustomer(cu, c)
		case c.method == "DELETE":
			return m.deleteCustomer(cu)
		}
		return "200 " + m.showCustomer(cu)
	case "v1/agreements":
		a := m.agreement(p[2])
		switch {
		case a == nil || a.customer.deleted <= m.now:
			return fail(404, "AGREEMENT_NOT_FOUND")
		case c.method == "PATCH":
			return m.patchAgreement(a, c)
		case c.method == "DELETE":
			return m.cancel(a, c)
		}
		return m.resume(a)
	case "v1/plans":
		return m.migrate(p[2], c)
	case "v1/check":
		return m.check(c)
	case "v1/consume":
		return m.consume(c)
	case "v1/holds":
		if len(p) == 2 {
			return m.hold(c)
		}
		return m.closeHold(p[2], p[3], c)
	case "v1/usage":
		return m.recordAll(c)
	}
	if at(3) == "meter_usage" {
		return m.meterUsage(c)
	}
	return m.kindeSubscribe(c)
}

// customer finds $a, also a deleted one.
func (m *Model) customer(ref string) *Customer {
	for _, cu := range m.customers {
		if "$"+cu.label == ref {
			return cu
		}
	}
	return nil
}

// agreement finds $X, $a.live, $a.live.CODE and $a.next.
func (m *Model) agreement(ref string) *Agreement {
	name, rest, dotted := strings.Cut(strings.TrimPrefix(ref, "$"), ".")
	if !dotted {
		for _, a := range m.agreements {
			if a.label != "" && a.label == name {
				return a
			}
		}
		return nil
	}
	cu := m.customer("$" + name)
	if cu == nil {
		return nil
	}
	if rest == "live" {
		return m.planAt(cu, m.now)
	}
	if code, ok := strings.CutPrefix(rest, "live."); ok {
		for _, a := range m.addOnsAt(cu, m.now) {
			if a.plan.Code == code {
				return a
			}
		}
		return nil
	}
	for _, a := range m.slot(cu, "") {
		if a.starts > m.now {
			return a
		}
	}
	return nil
}

// State is what to ask after each line: every customer, and all its features.
func (m *Model) State() []string {
	var codes []string
	for _, f := range m.cat.Features {
		if f.Type != "charge" {
			codes = append(codes, f.Code)
		}
	}
	list, _ := json.Marshal(codes)
	var lines []string
	for _, cu := range m.customers {
		lines = append(lines, "GET /v1/customers/$"+cu.label,
			fmt.Sprintf(`POST /v1/check {"customer_id":"$%s","feature_codes":%s}`, cu.label, list))
	}
	return lines
}
