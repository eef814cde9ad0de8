package routes

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// real runs the lines of package naive against the routes, and writes the answers as
// that package does: see its comment for both.
type real struct {
	t     testing.TB
	w     *world
	now   atomic.Pointer[time.Time] // the world's, for what goes on in the background
	token string
	ids   map[string]string // by label
	types map[string]string // of features
}

// uncached is a store that no cache is told of: hundreds are opened, and each cache
// would go on to watch its own.
type uncached struct{ service.Store }

var naiveStart = time.Date(2027, 1, 31, 10, 30, 0, 0, time.UTC)

func newReal(t testing.TB, st service.Store) *real {
	w := worldOn(t, uncached{st}, 0)
	w.now = naiveStart
	w.billing.Known = outdated(w.billing)
	r := &real{
		t: t, w: w, ids: map[string]string{}, types: map[string]string{},
		token: w.tokenOf(t, map[string]any{
			"azp": clientID, "gty": []string{"client_credentials"}, "scope": strings.Join(allScopes(), " "),
			"exp": naiveStart.AddDate(500, 0, 0).Unix(),
		}),
	}
	r.now.Store(&naiveStart)
	w.billing.Clock = func() time.Time { return *r.now.Load() }
	return r
}

// outdated keeps facts for as long as it may: until newer ones are asked for.
func outdated(s *service.Service) service.Known {
	kept := make(map[billing.CustomerID]*billing.Snapshot)
	return func(ctx context.Context, id billing.CustomerID, least billing.Revision) (*billing.Snapshot, error) {
		if snap := kept[id]; snap != nil && snap.Revision().Customer >= least.Customer && snap.Revision().Catalog >= least.Catalog {
			return snap, nil
		}
		snap, _, err := s.Snapshot(ctx, id)
		if err == nil {
			kept[id] = snap
		}
		return snap, err
	}
}

var (
	naiveLine  = regexp.MustCompile(`^(?:(\w+) = )?(GET|PUT|POST|PATCH|DELETE) (\S+)(?: (\{.*\}))?$`)
	naiveRef   = regexp.MustCompile(`\$\w+(?:\.\w+)*`)
	naiveTime  = regexp.MustCompile(`"@([^"]*)"`)
	queryTimes = regexp.MustCompile(`=@([^&]*)`)
)

// do runs one line.
func (r *real) do(line string) string {
	if by, ok := strings.CutPrefix(line, "clock "); ok {
		r.w.now = r.w.now.Add(seconds(by))
		r.now.Store(new(r.w.now))
		r.w.log.Reset()
		return "clock " + naiveText(r.w.now)
	}
	p := naiveLine.FindStringSubmatch(line)
	if p == nil {
		r.t.Fatalf("not a line: %s", line)
	}
	label, method, target, body := p[1], p[2], r.refer(p[3]), r.refer(p[4])
	body = naiveTime.ReplaceAllStringFunc(body, func(s string) string { return `"` + r.instant(s[2:len(s)-1]) + `"` })
	target = queryTimes.ReplaceAllStringFunc(target, func(s string) string { return "=" + url.QueryEscape(r.instant(s[2:])) })
	status, out := r.ask(method, target, body)
	if id, ok := out["id"].(string); ok && label != "" && status < 300 {
		r.ids[label] = id
	}
	path, _, _ := strings.Cut(target, "?")
	if strings.HasSuffix(path, "/migrate") {
		status, out = r.migrated(status, out, target, body)
	}
	if status >= 300 {
		return fmt.Sprint(status) + " " + refusals(out)
	}
	if path == "/v1/catalog" {
		r.learn(body)
	}
	return r.said(method, path, status, out)
}

func (r *real) ask(method, target, body string) (int, map[string]any) {
	rec := r.w.ask(r.t, method, target, body, "Authorization", "Bearer "+r.token)
	out := map[string]any{}
	d := json.NewDecoder(rec.Body)
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		r.t.Fatalf("%s %s %s: %d, %v", method, target, body, rec.Code, err)
	}
	if rec.Code >= 500 {
		r.t.Logf("%s %s %s: %s", method, target, body, r.w.log.String())
	}
	r.w.log.Reset()
	return rec.Code, out
}

// migrated goes on with a migration until no batch is left.
func (r *real) migrated(status int, out map[string]any, target, body string) (int, map[string]any) {
	for status < 300 && out["has_more"] == true {
		next := map[string]any{"after": out["after"]}
		_ = json.Unmarshal([]byte(body), &next)
		next["after"] = out["after"]
		text, _ := json.Marshal(next)
		status, out = r.ask("POST", target, string(text))
	}
	return status, out
}

// learn notes the types of the features of a catalog.
func (r *real) learn(body string) {
	var file struct {
		Features []struct{ Code, Type string }
	}
	if err := json.Unmarshal([]byte(body), &file); err != nil {
		r.t.Fatal(err)
	}
	for _, f := range file.Features {
		r.types[f.Code] = f.Type
	}
}

// refer puts ids in the place of references.
func (r *real) refer(text string) string {
	return naiveRef.ReplaceAllStringFunc(text, func(ref string) string {
		name, rest, dotted := strings.Cut(ref[1:], ".")
		id, ok := r.ids[name]
		if dotted {
			return r.among(id, rest)
		}
		switch {
		case ok:
			return id
		case strings.Contains(text, "/holds/"):
			return "hold_" + strings.Repeat("0", 64)
		case strings.Contains(text, "/agreements/$"), strings.Contains(text, "customer_agreement_id"):
			return "agreement_" + strings.Repeat("0", 32)
		}
		return "customer_" + strings.Repeat("0", 32)
	})
}

// among finds an agreement of a customer: live, live.CODE, next.
func (r *real) among(customer, which string) string {
	var found []map[string]any
	if customer != "" {
		_, out := r.ask("GET", "/v1/customers/"+customer, "")
		found = agreementsOf(out)
	}
	addOn, isAddOn := strings.CutPrefix(which, "live.")
	for _, a := range found {
		switch {
		case which == "live" && a["kind"] == "plan" && a["status"] == "live",
			isAddOn && a["kind"] == "add_on" && a["plan_code"] == addOn && a["status"] == "live",
			which == "next" && a["kind"] == "plan" && a["status"] == "scheduled":
			return a["id"].(string)
		}
	}
	return "agreement_" + strings.Repeat("0", 32)
}

// agreementsOf are those of a customer, ascending by start, then plan.
func agreementsOf(customer map[string]any) []map[string]any {
	var out []map[string]any
	list, _ := customer["agreements"].([]any)
	for _, a := range list {
		out = append(out, a.(map[string]any))
	}
	slices.SortStableFunc(out, func(a, b map[string]any) int {
		if c := naiveParse(a["starts_on"].(string)).Compare(naiveParse(b["starts_on"].(string))); c != 0 {
			return c
		}
		return strings.Compare(a["plan_code"].(string), b["plan_code"].(string))
	})
	return out
}

// instant is a time of a script in RFC 3339.
func (r *real) instant(text string) string {
	if text[0] == '+' || text[0] == '-' {
		return naiveText(r.w.now.Add(seconds(text)))
	}
	return text
}

// seconds reads signed decimal seconds to the microsecond.
func seconds(text string) time.Duration {
	sign := time.Duration(1)
	if text[0] == '-' {
		sign = -1
	}
	whole, fraction, _ := strings.Cut(text[1:], ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		panic(err)
	}
	micros, err := strconv.ParseInt((fraction + "000000")[:6], 10, 64)
	if err != nil {
		panic(err)
	}
	return sign * (time.Duration(s)*time.Second + time.Duration(micros)*time.Microsecond)
}

func naiveParse(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

func naiveText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func refusals(out map[string]any) string {
	var all []string
	list, _ := out["errors"].([]any)
	for _, e := range list {
		all = append(all, e.(map[string]any)["code"].(string))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}
