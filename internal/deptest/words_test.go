package deptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// word is one kind of word, and everywhere that its words stand again.
type word struct {
	// list is the one list, which package billing has beside the constants. Nil:
	// the words are package api's alone.
	list []string
	// api matches the names of the constants that package api has for the words;
	// "" if they are not spoken there.
	api string
	// described, schema and file are the enums of openapi.yaml, those of the
	// catalog's schema and the keys of the catalog file that are of this kind.
	described, schema, file []string
	// without are the words that a place does not have, on purpose.
	without map[string][]string
}

// words are the kinds of words by their Go type in package billing, or by what
// they are.
var words = map[string]word{
	"Reason":          {list: list[billing.Reason](), api: "^Reason", described: []string{"CheckAnswer.reason", "Decision.reason", "Hold.reason", "ClosedHold.reason"}},
	"ChangeReason":    {list: list[billing.ChangeReason](), api: "^Change", described: []string{"NextChange.why"}},
	"SourceKind":      {list: list[billing.SourceKind](), api: "^Source", described: []string{"Source.kind"}},
	"AgreementStatus": {list: list[billing.AgreementStatus](), api: "^Agreement", described: []string{"Agreement.status"}},
	"Action":          {list: list[billing.Action](), api: "^Action", described: []string{"CatalogChange.action"}},
	"Thing":           {list: list[billing.Thing](), api: "^Kind", described: []string{"CatalogChange.kind", "CatalogThing.kind"}},
	"When": {list: list[billing.When](), api: "^When",
		described: []string{"CreateCustomerAgreementRequest.when", "MigratePlanRequest.when", "cancelAgreement?when"}},
	"Origin": {list: list[billing.Origin](), api: "^Origin", described: []string{"Agreement.origin"}},
	"Kind": {list: texts(usage.Kinds()), // of a usage record
		api:       "^Usage(Delta|Absolute|Consumed|Folded|Burned|Debt)$",
		described: []string{"UsageRecord.type", "CreditEntry.type", "UsageReport.type", "CreateMeterUsageRequest.meter_type_code"},
		without: map[string][]string{ // nobody reports those
			"UsageReport.type":                        {"consumed", "folded", "burned", "debt"},
			"CreateMeterUsageRequest.meter_type_code": {"consumed", "folded", "burned", "debt"},
		}},
	"HoldState": {list: texts(usage.HoldStates()), api: "^Hold(Open|Confirmed|Released)$", described: []string{"ClosedHold.state"},
		without: map[string][]string{"ClosedHold.state": {"open"}}}, // it shows closed ones alone
	"state of a hold, by the time": {api: "^Hold(Open|Confirmed|Released|Expired)$", described: []string{"HoldDetail.state"}},
	"Over":                         {list: texts(usage.Overs()), api: "^Over(Reject|Available|Record)$", described: []string{"ConfirmHoldRequest.over"}},

	"kind of what is drawn from": {api: "^Credit(Allowance|Rollover|Promotional|Paid)$", described: []string{"CreditDraw.kind", "CreditSource.kind"}},
	"where a grant's life is":    {api: "^Grant(Scheduled|Live|Expired|Voided)$", described: []string{"Grant.status", "GrantAnswer.status"}},

	"CustomerType": {list: list[billing.CustomerType](), api: "^Customer(Organization|User)$",
		described: []string{"Customer.type", "CreateCustomerRequest.type", "PutCustomerRequest.type", "PlanGroup.customer_type"},
		schema:    []string{"group.customer_type"}, file: []string{"plan_groups[0].customer_type"}},
	"CustomerStatus": {list: list[billing.CustomerStatus](), api: "^Customer(Active|Suspended)$",
		described: []string{"Customer.status", "UpdateCustomerRequest.status"}},
	"FeatureType": {list: list[billing.FeatureType](), api: "^Feature",
		described: []string{"Feature.type", "CheckAnswer.type", "Decision.type", "Hold.type", "ClosedHold.type", "Entitlement.type", "PlanItem.feature_type"},
		schema:    []string{"feature.type"}, file: []string{"features[0].type"}},
	"PlanKind": {list: list[billing.PlanKind](), api: "^PlanKind",
		described: []string{"Plan.kind", "PlanSummary.kind", "PlanDetail.kind", "PricedPlan.kind", "Agreement.kind"},
		schema:    []string{"plan.kind"}, file: []string{"plans[0].kind"}},
	"PlanStatus": {list: list[billing.PlanStatus](), api: "^Plan(Draft|Published)$",
		described: []string{"Plan.status", "PlanSummary.status", "PlanDetail.status", "PlanVersion.status"},
		schema:    []string{"plan.status"}, file: []string{"plans[0].status"}},
	"interval": {list: texts(append(calendar.Units(), calendar.None)), api: "^Interval|^CycleNone$",
		described: []string{"Plan.cycle", "PlanVersion.cycle", "PricedPlan.cycle", "IntervalMultiple.unit"},
		schema:    []string{"plan.cycle", "every.unit"},
		file:      []string{"plans[0].cycle", "plans[1].cycle.unit"},
		without: map[string][]string{
			"IntervalMultiple.unit": {"none"}, "every.unit": {"none"}, "plans[1].cycle.unit": {"none"},
		}},
	// A charge is due some time, or once, and not by the hour.
	"interval of a charge": {list: []string{"day", "week", "month", "year", "once"}, described: []string{"Item.interval", "PlanItem.interval", "PlanCharge.interval"},
		schema: []string{"item.interval"}, file: []string{"plans[0].items[0].interval"}},
	"what is paid once": {api: "^ChargeOnce$"},
	"price of a plan":   {api: "^PriceAsk$"},
	"align": {list: []string{string(calendar.Calendar)}, api: "^Align",
		described: []string{"Plan.align", "PlanVersion.align", "Item.align", "PlanItem.align"},
		schema:    []string{"align"}, file: []string{"plans[0].align", "plans[0].items[0].align"}},
	"what limits are for": {api: "^PerQuantity$", described: []string{"Item.per", "PlanItem.per", "PlanCharge.per"},
		schema: []string{"item.per"}, file: []string{"plans[0].items[0].per"}},
	"Reset": {list: list[billing.Reset]()}, // of those that are no intervals
	"reset": {list: append(list[billing.Reset](), texts(calendar.Units())...), api: "^Reset|^Interval", described: []string{"Feature.reset", "Item.reset", "PlanItem.reset", "LimitCap.reset", "CapStanding.reset", "CapChange.reset", "LimitExcess.reset"},
		schema: []string{"reset"}, file: []string{"features[0].reset", "plans[0].items[0].reset", "plans[0].items[0].caps[0].reset"}},
	"ValueKind": {list: list[billing.ValueKind](), api: "^Config(Text|Number|Flag|List)$", described: []string{"Feature.of"},
		schema: []string{"feature.of"}, file: []string{"features[0].of"}},
	"value of a number": {api: "^ConfigUnlimited$"},
	"Pick": {list: list[billing.Pick](), api: "^Pick", described: []string{"Feature.pick"},
		schema: []string{"feature.pick"}, file: []string{"features[0].pick"}},
	"RatePer": {list: list[billing.RatePer](), api: "^RatePer", described: []string{"UsageRate.per"},
		schema: []string{"rate.per"}, file: []string{"plans[0].items[0].rate.per"}},
	"TiersMode": {list: list[billing.TiersMode](), api: "^Tiers", described: []string{"Item.tiers_mode", "PlanItem.tiers_mode"},
		schema: []string{"item.tiers_mode"}, file: []string{"plans[0].items[0].tiers_mode"}},
	"GrantAt": {list: list[billing.GrantAt](), api: "^GrantAt", described: []string{"ItemGrant.at"},
		schema: []string{"grant.at"}, file: []string{"plans[0].items[0].grants[0].at"}},
	"GrantLife": {list: list[billing.GrantLife](), api: "^GrantLasts", described: []string{"ItemGrant.lasts"},
		schema: []string{"grant.lasts"}, file: []string{"plans[0].items[0].grants[0].lasts"},
		without: map[string][]string{"ItemGrant.lasts": {"days"}, "grant.lasts": {"days"}, "plans[0].items[0].grants[0].lasts": {"days"}}}, // there it is an object
	"GrantKind": {list: list[billing.GrantKind](), api: "^Grant(Paid|Promotional)$", described: []string{"ItemGrant.kind", "Grant.kind", "GrantAnswer.kind", "CreateGrantRequest.kind"},
		schema: []string{"grant.kind"}, file: []string{"plans[0].items[0].grants[0].kind"}},
	"nothing of what a feature says": {list: []string{"none"}, described: []string{"Item.burns", "PlanItem.burns", "Item.low", "PlanItem.low"},
		schema: []string{"item.burns", "item.low"}},
	"TrialEnd": {list: list[billing.TrialEnd](), api: "^Trial", described: []string{"Trial.then"},
		schema: []string{"trial.then"}, file: []string{"plans[0].trial.then"}},
	"LimitKind": {list: list[billing.LimitKind](), api: "^Limit", described: []string{"Item.limit", "PlanItem.limit"},
		schema: []string{"item.limit"}, file: []string{"plans[0].items[0].limit"}},
	"OverLimitPolicy": {list: list[billing.OverLimitPolicy](), api: "^OverLimit", described: []string{"Item.over_limit", "PlanItem.over_limit"},
		schema: []string{"item.over_limit"}, file: []string{"plans[0].items[0].over_limit"},
		without: map[string][]string{"Item.over_limit": {"grace"}, "PlanItem.over_limit": {"grace"}, "item.over_limit": {"grace"}}}, // there it is an object

	// Of the change log, which is not shown.
	"ChangeKind": {list: list[billing.ChangeKind]()},
	"Scope":      {list: []string{string(billing.ScopeCatalog)}},

	"bucket of a series": {list: texts(service.Buckets()), api: "^Bucket", described: []string{"getUsageSeries?bucket", "getCreditSeries?bucket", "UsageSeries.bucket"}},
	// Of the feed.
	"Type":                     {list: texts(event.Types()), api: "^Event[A-Z]", described: []string{"FeedEvent.type", "listEvents?types"}},
	"who caused an event":      {api: "^Actor"},
	"the end of the feed":      {api: "^EventsEnd$"},
	"what is beside events":    {api: "^Stream"},
	"why a stream is reset":    {api: "^CursorTooOld$"},
	"what a stream is made of": {api: "^ContentTypeEvents$"},

	// Of webhooks.
	"format of a webhook":      {api: "^Webhook(Standard|Kinde)$", described: []string{"Webhook.format", "CreateWebhookRequest.format"}},
	"whether a webhook is on":  {api: "^Webhook(Enabled|Disabled)$", described: []string{"Webhook.status"}},
	"what became of a message": {api: "^Delivery(Pending|Delivered|Failed)$", described: []string{"Delivery.status"}},
	"all events":               {api: "^AllEvents$", described: []string{"WebhookEvents"}},

	"what is scheduled":   {api: "^Scheduled", described: []string{"CreateCustomerAgreementRequest.scheduled", "cancelAgreement?scheduled"}},
	"anchor asked for":    {api: "^Anchor"},
	"status of a report":  {api: "^Usage(Recorded|Duplicate|Failed)$", described: []string{"UsageResult.status"}},
	"error of a token":    {api: "^Token", described: []string{"TokenError.error"}},
	"scope of a client":   {list: clientScopes(), api: "^Scope"},
	"code":                {api: "^Code"}, // see TestErrorCodes
	"header":              {api: "^Header"},
	"what is readiness":   {api: "^Code(OK|FeedLost|ServingStale)$", described: []string{"Readiness.code"}},
	"what can be added":   {api: "^ExpandPlans$", described: []string{"getBillingEntitlements?expand"}},
	"what is of billing":  {api: "^ExpandBilling$", described: []string{"getOrganization?expand"}},
	"what success says":   {api: "^MessageSuccess$", described: []string{"Success.message", "BillingEntitlementList.message", "BillingAgreementList.message", "UserBillingCustomer.message", "CreatedOrganization.message", "UserList.message"}},
	"the code of success": {api: "^CodeOK$", described: []string{"Success.code", "BillingEntitlementList.code", "BillingAgreementList.code", "UserBillingCustomer.code", "CreatedOrganization.code", "UserList.code"}},
}

// others are the enums of openapi.yaml whose words are not ours.
var others = []string{"JWK.alg", "JWK.kty", "JWK.use", "Token.token_type", "getCatalog?format", "getCustomerEntitlements?known", "getCredits?known", "listCreditLedger?known", "getCreditSeries?by", "CreateCustomerAgreementRequest.trial", "getUser?expand", "getUsers?expand"}

func clientScopes() []string {
	var names []string
	for _, s := range api.Scopes {
		names = append(names, s.Name)
	}
	return names
}

// Each kind of word has one list beside its constants, and stands again in
// package api, in openapi.yaml, in the schema of the catalog file and in what
// the reader of that file offers. All of them are the same.
func TestWordsAreTheSameEverywhere(t *testing.T) {
	ours, wire := constants(t, "internal/billing"), constants(t, "api")[""]
	maps.Copy(ours, constants(t, "internal/usage"))
	maps.Copy(ours, constants(t, "internal/event"))
	places := map[string]map[string][]string{"openapi.yaml": enums(t), "catalog/schema.json": schemaEnums(t), "the reader of the catalog file": choices()}
	claimed := map[string]map[string]bool{"api": {}, "openapi.yaml": {}, "catalog/schema.json": {}, "the reader of the catalog file": {}}
	for _, enum := range others {
		claimed["openapi.yaml"][enum] = true
	}
	for kind, w := range words {
		spoken := map[string]string{}
		for name, text := range wire {
			if w.api != "" && regexp.MustCompile(w.api).MatchString(name) {
				spoken[name] = text
				claimed["api"][name] = true
			}
		}
		want := w.list
		switch {
		case w.list == nil:
			want = slices.Collect(maps.Values(spoken))
		case ours[kind] != nil:
			same(t, kind, "the list beside its constants", slices.Collect(maps.Values(ours[kind])), w.list)
		}
		if w.api != "" {
			same(t, kind, "package api", less(want, w.without["api"]), slices.Collect(maps.Values(spoken)))
		}
		for place, keys := range map[string][]string{"openapi.yaml": w.described, "catalog/schema.json": w.schema, "the reader of the catalog file": w.file} {
			for _, key := range keys {
				claimed[place][key] = true
				same(t, kind, place+", "+key, less(want, w.without[key]), places[place][key])
			}
		}
	}
	for typ := range ours {
		if _, ok := words[typ]; typ != "" && !ok {
			t.Errorf("billing.%s has constants and no entry among the words of this test", typ)
		}
	}
	for name := range wire {
		if ast.IsExported(name) && !claimed["api"][name] {
			t.Errorf("api.%s is of no kind of word in this test", name)
		}
	}
	for place, keys := range places {
		for key := range keys {
			if !claimed[place][key] {
				t.Errorf("%s: the words of %s are of no kind in this test", place, key)
			}
		}
	}
}

// same reports what a place lacks of a kind of word, and what it has too much.
func same(t *testing.T, kind, place string, want, got []string) {
	t.Helper()
	if missing := less(want, got); len(missing) > 0 {
		t.Errorf("%s: %s lacks %s", kind, place, strings.Join(missing, ", "))
	}
	if more := less(got, want); len(more) > 0 {
		t.Errorf("%s: %s has %s, which is none", kind, place, strings.Join(more, ", "))
	}
}

// less is a list, in order, without the words of another.
func less(all, without []string) []string {
	return slices.DeleteFunc(slices.Sorted(slices.Values(all)), func(s string) bool { return slices.Contains(without, s) })
}

func list[W ~string]() []string { return texts(billing.Words[W]()) }

func texts[W ~string](words []W) []string {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return all
}

// sources are the files of a package, without its tests.
func sources(t *testing.T, dir string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no source: %v", dir, err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// constants are the constants of a package that are texts, by their type ("" is
// none) and name.
func constants(t *testing.T, dir string) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	for _, file := range sources(t, dir) {
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.CONST {
				continue
			}
			for _, spec := range gen.Specs {
				value := spec.(*ast.ValueSpec)
				for i, v := range value.Values {
					typ, text, ok := textOf(value.Type, v)
					if !ok {
						continue
					}
					if found[typ] == nil {
						found[typ] = map[string]string{}
					}
					found[typ][value.Names[i].Name] = text
				}
			}
		}
	}
	return found
}

// textOf is the text of a constant, with its type: T = "text" or T("text").
func textOf(typ, value ast.Expr) (string, string, bool) {
	if call, ok := value.(*ast.CallExpr); ok && len(call.Args) == 1 {
		typ, value = call.Fun, call.Args[0]
	}
	lit, ok := value.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", "", false
	}
	text, err := strconv.Unquote(lit.Value)
	name, _ := typ.(*ast.Ident)
	if name == nil {
		return "", text, err == nil
	}
	return name.Name, text, err == nil
}

// enums are the enums of openapi.yaml: those of schemas as Schema.property, of
// parameters as operation?parameter.
func enums(t *testing.T) map[string][]string {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(bytes.ReplaceAll(api.OpenAPI, []byte("x-one-of:"), []byte("oneOf:")))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	var walk func(where string, ref *openapi3.SchemaRef, top bool)
	walk = func(where string, ref *openapi3.SchemaRef, top bool) {
		if ref == nil || ref.Ref != "" && !top {
			return
		}
		for _, v := range ref.Value.Enum {
			found[where] = append(found[where], fmt.Sprint(v))
		}
		for name, property := range ref.Value.Properties {
			walk(where+"."+name, property, false)
		}
		walk(where, ref.Value.Items, false)
		for _, several := range []openapi3.SchemaRefs{ref.Value.OneOf, ref.Value.AllOf, ref.Value.AnyOf} {
			for _, one := range several {
				walk(where, one, false)
			}
		}
	}
	for name, schema := range doc.Components.Schemas {
		walk(name, schema, true)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, p := range op.Parameters {
				walk(op.OperationID+"?"+p.Value.Name, p.Value.Schema, true)
			}
		}
	}
	return found
}

// schemaEnums are the enums of the schema of the catalog file, as
// definition.property, or definition alone.
func schemaEnums(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../catalog/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type node struct {
		Enum       []string
		Properties map[string]json.RawMessage
		OneOf      []json.RawMessage
	}
	var file struct {
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	var walk func(where string, text json.RawMessage)
	walk = func(where string, text json.RawMessage) {
		var n node
		if err := json.Unmarshal(text, &n); err != nil {
			t.Fatal(err)
		}
		if len(n.Enum) > 0 {
			found[where] = append(found[where], n.Enum...)
		}
		for _, one := range n.OneOf {
			walk(where, one)
		}
		for name, property := range n.Properties {
			walk(where+"."+name, property)
		}
	}
	for name, def := range file.Defs {
		walk(name, def)
	}
	return found
}

// aWordTooMany is a catalog file with a word that is none wherever words are
// wanted.
const aWordTooMany = `
features: [{code: a, name: A, type: zz, reset: zz, of: zz, pick: zz}]
plan_groups: [{code: g, name: G, customer_type: zz}]
plans: [{code: p, name: P, group: g, kind: zz, status: zz, cycle: zz, align: zz, trial: {then: zz},
  items: [{feature: a, interval: zz, per: zz, limit: zz, reset: zz, align: zz, over_limit: zz, tiers_mode: zz,
    caps: [{max: 1, reset: zz}], grants: [{amount: 1, at: zz, lasts: zz, kind: zz}], rate: {max: 1, per: zz}}]},
  {code: q, name: Q, group: g, cycle: {every: 2, unit: zz}}]
`

var offered = regexp.MustCompile(`is not one of ([a-z_, ]+)|give ([a-z_, ]+) or \{(grace)`)

// choices are the words that the reader of catalog files takes, by the path of
// the key.
func choices() map[string][]string {
	found := map[string][]string{}
	for _, f := range catalog.Parse([]byte(aWordTooMany)).Faults {
		if m := offered.FindStringSubmatch(f.Message); m != nil {
			words := strings.Split(m[1]+m[2], ", ")
			if m[3] != "" {
				words = append(words, m[3])
			}
			found[f.Path] = words
		}
	}
	return found
}

// ofCodes are the packages that answer with error codes.
var ofCodes = []string{"internal/auth", "internal/billing", "internal/catalog", "internal/door", "internal/kinde", "internal/native", "internal/oauth", "internal/routes", "internal/server", "internal/service", "internal/snapshot", "internal/usage", "internal/wire"}

var (
	isCode     = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)
	isVariable = regexp.MustCompile(`^OTEL_`) // of the environment, by names of others
)

// Every code of an error is one of package api, or says that something which
// openapi.yaml describes is missing or cannot be accepted.
func TestErrorCodes(t *testing.T) {
	known := map[string]bool{}
	for name, text := range constants(t, "api")[""] {
		if strings.HasPrefix(name, "Code") {
			known[text] = true
		}
	}
	for name := range parameters(t) {
		known[api.RequiredCode(name)], known[api.InvalidCode(name)] = true, true
	}
	seen := map[string]bool{}
	for _, dir := range ofCodes {
		for _, file := range sources(t, dir) {
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				if text, err := strconv.Unquote(lit.Value); err == nil && isCode.MatchString(text) && !isVariable.MatchString(text) {
					seen[text] = true
					if !known[text] {
						t.Errorf("%s: %s is not a code of package api, nor of anything that openapi.yaml describes", dir, text)
					}
				}
				return true
			})
		}
	}
	if len(seen) < 50 {
		t.Errorf("%d codes found in the source: the test sees too little", len(seen))
	}
}

// The token endpoint refuses with the codes of package api.
func TestTokenErrorCodes(t *testing.T) {
	var known, raised []string
	for name, text := range constants(t, "api")[""] {
		if strings.HasPrefix(name, "Token") {
			known = append(known, text)
		}
	}
	first := func(values []ast.Expr) {
		if len(values) == 0 {
			return
		}
		if _, text, ok := textOf(nil, values[0]); ok && !slices.Contains(raised, text) {
			raised = append(raised, text)
		}
	}
	for _, file := range sources(t, "internal/oauth") {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); ok && name.Name == "refuse" {
					first(n.Args)
				}
			case *ast.CompositeLit:
				if name, ok := n.Type.(*ast.Ident); ok && name.Name == "refusal" {
					first(n.Elts)
				}
			}
			return true
		})
	}
	raised = append(raised, constants(t, "internal/oauth")[""]["codeAudience"])
	same(t, "error of a token", "internal/oauth", known, raised)
}

// parameters are the names of all that a request may have.
func parameters(t *testing.T) map[string]bool {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, p := range op.Parameters {
				names[p.Value.Name] = true
			}
			if op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Value.Content {
				for name, property := range media.Schema.Value.Properties {
					names[name] = true
					if items := property.Value.Items; items != nil {
						for field := range items.Value.Properties {
							names[field] = true
						}
					}
				}
			}
		}
	}
	return names
}
