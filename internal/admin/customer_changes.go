package admin

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

// customerChanges are all that may be done to a customer, by the last part of their
// addresses.
var customerChanges = []change{
	{
		name: "plan", title: "Put on a plan", verb: "Put on this plan", scopes: []string{api.ScopeCreateBillingAgreements},
		fields: []string{"plan_code", "version", "quantity", "annual", "starts_on", "expires_on", "when", "trial", "scheduled"}, do: putOnPlan,
		defaults: func(f *changeForm) { f.Values.Set("start", cmp.Or(f.Get("start"), "now")) },
	},
	{
		name: "agreement", title: "Change an end", verb: "Set these ends", scopes: []string{api.ScopeCreateBillingAgreements},
		fields: []string{"trial_ends_on", "expires_on"}, do: changeEnds, defaults: endsOf,
	},
	{
		name: "cancel", title: "Cancel", verb: "Cancel the agreement", danger: true, scopes: []string{api.ScopeDeleteBillingAgreements},
		fields: []string{"when", "scheduled"}, do: cancelAgreement,
		defaults: func(f *changeForm) { f.Values.Set("when", api.WhenPeriodEnd) },
	},
	{name: "resume", title: "Resume", verb: "Take the end back", scopes: []string{api.ScopeCreateBillingAgreements}, do: resumeAgreement},
	{
		name: "override", title: "Set an override", verb: "Set the override", scopes: []string{api.ScopeUpdateCustomers},
		fields: []string{"feature_code", "max", "at_least", "add", "deny", "value", "note", "expires_on"}, do: setOverride, defaults: overrideOf,
	},
	{
		name: "end-override", title: "End the override", verb: "End the override", danger: true, scopes: []string{api.ScopeUpdateCustomers},
		fields: []string{"feature_code"}, do: endOverride,
	},
	{
		name: "grant", title: "Give a grant", verb: "Give it", scopes: []string{api.ScopeCreateGrants},
		fields: []string{"feature_code", "amount", "kind", "effective_on", "expires_on", "priority", "cost_basis", "note", "pack", "quantity", "external_id"}, do: giveGrant,
	},
	{
		name: "void", title: "Void the grant", verb: "Void the grant", danger: true, scopes: []string{api.ScopeCreateGrants},
		fields: []string{"claw_back"}, do: voidGrant,
	},
	{name: "suspend", title: "Suspend", verb: "Suspend", danger: true, scopes: []string{api.ScopeUpdateCustomers}, do: setStatus(api.CustomerSuspended, "suspended")},
	{name: "reactivate", title: "Reactivate", verb: "Reactivate", scopes: []string{api.ScopeUpdateCustomers}, do: setStatus(api.CustomerActive, "active again")},
	{
		name: "edit", title: "Edit", verb: "Save", scopes: []string{api.ScopeUpdateCustomers},
		fields: []string{"name", "email", "org_code", "user_id", "external_id", "time_zone", "anchor_on", "metadata"}, do: editCustomer, defaults: fieldsOf,
	},
	{
		name: "delete", title: "Delete", verb: "Delete the customer", danger: true, scopes: []string{api.ScopeDeleteCustomers},
		fields: []string{"typed"}, do: deleteCustomer,
	},
}

// createCustomer makes a customer.
var createCustomer = change{
	name: "new", title: "New customer", verb: "Make the customer", scopes: []string{api.ScopeCreateCustomers},
	fields: []string{"type", "name", "email", "org_code", "user_id", "external_id", "plan_code", "time_zone"}, do: makeCustomer,
	defaults: func(f *changeForm) { f.Values.Set("type", cmp.Or(f.Get("type"), api.CustomerOrganization)) },
}

// newCustomerID is an id to try the making of a customer with.
func newCustomerID(now time.Time) string {
	random := make([]byte, 10)
	_, _ = rand.Read(random)
	return fmt.Sprintf("customer_%012x%s", now.UnixMilli(), hex.EncodeToString(random))
}

func makeCustomer(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	body := api.CreateCustomerRequest{
		ID: f.TryID, Type: f.Get("type"), Name: f.Get("name"), Email: f.Get("email"), OrgCode: f.Get("org_code"), UserID: f.Get("user_id"),
		ExternalID: f.Get("external_id"), TimeZone: f.Get("time_zone"),
	}
	switch plan := f.Get("plan_code"); plan {
	case "":
	case "-": // which is no code
		body.PlanCode = api.Null[string]()
	default:
		body.PlanCode = api.Some(plan)
	}
	made, err := c.api.Customers.Create(c.Context(), body, opts...)
	if err != nil {
		return outcome{}, err
	}
	out := outcome{warnings: made.Warnings, notice: customerName(made) + " is a customer now.", to: customersPath + "/" + made.ID, says: []string{"A new customer, on no plan."}}
	if len(made.Agreements) > 0 {
		out.says = []string{"A new customer."}
		for i := range made.Agreements {
			out.says = append(out.says, f.agreementSays(&made.Agreements[i]))
		}
	}
	return out, nil
}

// agreementSays is what an agreement is, or would be.
func (f *changeForm) agreementSays(a *api.Agreement) string {
	text := fmt.Sprintf("%s, version %d", f.names.plan(a.PlanCode), a.Version)
	if a.Quantity > 1 {
		text = fmt.Sprintf("%d × %s", a.Quantity, text)
	}
	if a.Annual {
		text += ", yearly"
	}
	text += ", from " + web.Instant(a.StartsOn.Time, f.Zone)
	if a.TrialEndsOn != nil {
		text += ", in trial until " + web.Instant(a.TrialEndsOn.Time, f.Zone)
	}
	if a.ExpiresOn != nil {
		text += ", until " + web.Instant(a.ExpiresOn.Time, f.Zone)
	}
	return text + "."
}

// agreed is the outcome of what made or changed an agreement.
func (f *changeForm) agreed(a *api.Agreement, on time.Time, notice string) outcome {
	out := outcome{on: on, warnings: a.Warnings, notice: notice, says: []string{f.agreementSays(a)}}
	if n := len(a.Withdrawn); n > 0 {
		out.says = append(out.says, fmt.Sprintf("What was scheduled is withdrawn: %d.", n))
	}
	return out
}

// shownVersion is the field that the confirmation has beside those of the form: another version
// may be published while somebody looks at the preview.
const shownVersion = "shown_version"

func putOnPlan(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	body := api.CreateCustomerAgreementRequest{
		PlanCode: f.Get("plan_code"), Version: f.integer("version"), Quantity: f.integer("quantity"), ExpiresOn: f.instant("expires_on"), Scheduled: f.Get("scheduled"),
	}
	switch f.Get("start") {
	case "now":
		body.When = api.WhenNow
	case api.WhenPeriodEnd:
		body.When = api.WhenPeriodEnd
	default:
		if body.StartsOn = f.instant("starts_on"); body.StartsOn == nil && f.Fault("starts_on") == "" {
			f.fault("starts_on", "when is it to start?")
		}
	}
	switch f.Get("term") {
	case "annual":
		body.Annual = new(true)
	case "cycle":
		body.Annual = new(false)
	}
	switch f.Get("trial") {
	case "none":
		body.Trial = &api.TrialChoice{}
	case "days":
		if days := f.integer("trial_days"); days != nil && *days > 0 {
			body.Trial = &api.TrialChoice{Days: *days}
		} else {
			f.fault("trial", "how many days, from 1 on?")
		}
	}
	if body.PlanCode == "" {
		f.fault("plan_code", "which plan?")
	}
	if body.Version == nil { // the newest, but what was shown if it is confirmed
		body.Version = f.integer(shownVersion)
	}
	if err := f.faulty(); err != nil {
		return outcome{}, err
	}
	a, err := c.api.Customers.CreateAgreement(c.Context(), f.ID, body, opts...)
	if err != nil {
		return outcome{}, err
	}
	f.Values.Set(shownVersion, fmt.Sprint(a.Version))
	return f.agreed(a, a.StartsOn.Time, "Done: "+f.agreementSays(a)), nil
}

// agreement is the one that the form is about. It is one of this customer: the preview is
// about nobody else.
func (f *changeForm) agreement() (*api.Agreement, error) {
	for i, a := range f.Agreements {
		if a.ID == f.Get("agreement") {
			return &f.Agreements[i], nil
		}
	}
	return nil, &client.Error{Status: http.StatusNotFound, Errors: []api.Error{{
		Code: "AGREEMENT_NOT_FOUND", Message: "this customer has no such agreement, or it is over",
	}}}
}

// AgreementCalled is the agreement that the form is about, for people.
func (f *changeForm) AgreementCalled() string {
	a, err := f.agreement()
	if err != nil {
		return "an agreement that is over"
	}
	return strings.TrimSuffix(f.agreementSays(a), ".")
}

func endsOf(f *changeForm) {
	a, err := f.agreement()
	if err != nil {
		return
	}
	if a.TrialEndsOn != nil {
		f.Values.Set("trial_ends_on", a.TrialEndsOn.In(f.Zone).Format(localTime))
	}
	if a.ExpiresOn != nil {
		f.Values.Set("expires_on", a.ExpiresOn.In(f.Zone).Format(localTime))
	}
}

// HasTrial reports whether the agreement of the form has a trial whose end can be moved.
func (f *changeForm) HasTrial() bool {
	a, err := f.agreement()
	return err == nil && a.TrialEndsOn != nil && f.Now.Before(a.TrialEndsOn.Time)
}

func changeEnds(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	a, err := f.agreement()
	if err != nil {
		return outcome{}, err
	}
	var body api.UpdateAgreementRequest
	var on time.Time
	moved := func(was, is *api.Time) bool {
		switch {
		case was == nil || is == nil:
			return was != is
		}
		// A field has no seconds: what was not touched is as it was.
		return !was.Truncate(time.Minute).Equal(is.Truncate(time.Minute))
	}
	if f.HasTrial() {
		switch is := f.instant("trial_ends_on"); {
		case is == nil && f.Fault("trial_ends_on") == "":
			f.fault("trial_ends_on", "a trial that runs has an end; to end it now, give this moment")
		case is != nil && moved(a.TrialEndsOn, is):
			body.TrialEndsOn, on = api.Some(*is), is.Time
		}
	}
	switch is := f.instant("expires_on"); {
	case !moved(a.ExpiresOn, is):
	case is == nil && f.Fault("expires_on") == "":
		body.ExpiresOn, on = api.Null[api.Time](), a.ExpiresOn.Time
	case is != nil:
		body.ExpiresOn, on = api.Some(*is), is.Time
	}
	if err := f.faulty(); err != nil {
		return outcome{}, err
	}
	if on.IsZero() {
		f.Faults.Rest = []string{"both ends are as they were"}
		return outcome{}, errFaulty
	}
	done, err := c.api.Customers.UpdateAgreement(c.Context(), a.ID, body)
	if err != nil {
		return outcome{}, err
	}
	return f.agreed(done, on, "Done: "+f.agreementSays(done)), nil
}

func cancelAgreement(c *call, f *changeForm, _ ...client.CallOption) (outcome, error) {
	a, err := f.agreement()
	if err != nil {
		return outcome{}, err
	}
	done, err := c.api.Customers.CancelAgreementWith(c.Context(), a.ID, client.CancelParams{When: f.Get("when"), Scheduled: f.Get("scheduled")})
	if err != nil {
		return outcome{}, err
	}
	out := outcome{warnings: done.Warnings, notice: "It is withdrawn."}
	if done.ExpiresOn != nil {
		out.on, out.notice = done.ExpiresOn.Time, "It ends on "+web.Instant(done.ExpiresOn.Time, f.Zone)+"."
	}
	out.says = []string{f.names.plan(done.PlanCode) + ": " + strings.ToLower(out.notice[:1]) + out.notice[1:]}
	if n := len(done.Withdrawn); n > 0 {
		out.says = append(out.says, fmt.Sprintf("What was scheduled is withdrawn: %d.", n))
	}
	return out, nil
}

func resumeAgreement(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	a, err := f.agreement()
	if err != nil {
		return outcome{}, err
	}
	var on time.Time
	if a.ExpiresOn != nil {
		on = a.ExpiresOn.Time
	}
	done, err := c.api.Customers.ResumeAgreement(c.Context(), a.ID, opts...)
	if err != nil {
		return outcome{}, err
	}
	return f.agreed(done, on, f.names.plan(done.PlanCode)+" goes on: its end is taken back."), nil
}

// overrideOf fills in the override that there is.
func overrideOf(f *changeForm) {
	o := f.liveOverride(f.Get("feature_code"))
	if o == nil {
		f.Values.Set("terms", cmp.Or(f.Get("terms"), map[string]string{api.FeatureConfig: "value", api.FeatureUnmetered: "unlimited"}[f.FeatureType()], "max"))
		return
	}
	set := func(terms, field string, n int64) {
		f.Values.Set("terms", terms)
		f.Values.Set(field, fmt.Sprint(n))
	}
	switch {
	case o.Deny:
		f.Values.Set("terms", "deny")
	case o.Max.Set && o.Max.Null:
		f.Values.Set("terms", "unlimited")
	case o.Max.Set:
		set("max", "max", o.Max.Value)
	case o.AtLeast != nil:
		set("at_least", "at_least", *o.AtLeast)
	case o.Value != nil:
		f.Values.Set("terms", "value")
		f.Values.Set("value", strings.ReplaceAll(valueText(o.Value), ",", ""))
		if o.Value.List != nil {
			f.Values.Set("value", strings.Join(o.Value.List, ", "))
		}
	default:
		f.Values.Set("terms", "max")
	}
	if o.Add != 0 {
		f.Values.Set("add", fmt.Sprint(o.Add))
		if !o.Max.Set && o.AtLeast == nil {
			f.Values.Set("terms", "add")
		}
	}
	f.Values.Set("note", o.Note)
	if o.ExpiresOn != nil {
		f.Values.Set("expires_on", o.ExpiresOn.In(f.Zone).Format(localTime))
	}
}

// LiveOverride says what the override of the form's feature does now; "" if there is none.
func (f *changeForm) LiveOverride() string {
	if o := f.liveOverride(f.Get("feature_code")); o != nil {
		return upper(f.names.override(o, f.Zone))
	}
	return ""
}

// PlanCalled is what a plan is called.
func (f *changeForm) PlanCalled(code string) string { return f.names.plan(code) }

// FeatureType is the type of the form's feature; "" while none is chosen.
func (f *changeForm) FeatureType() string { return f.names.features[f.Get("feature_code")].Type }

// Feature is what the form's feature is called.
func (f *changeForm) Feature() string { return f.names.feature(f.Get("feature_code")) }

func setOverride(c *call, f *changeForm, _ ...client.CallOption) (outcome, error) {
	feature := f.Get("feature_code")
	body := api.SetOverrideRequest{Note: f.Get("note"), ExpiresOn: f.instant("expires_on")}
	must := func(field string) *int64 {
		n := f.integer(field)
		if n == nil && f.Fault(field) == "" {
			f.fault(field, "how many?")
		}
		return n
	}
	switch f.Get("terms") {
	case "unlimited":
		body.Max = api.Null[int64]()
	case "max":
		if n := must("max"); n != nil {
			body.Max = api.Some(*n)
		}
	case "at_least":
		body.AtLeast = must("at_least")
	case "add":
		must("add")
	case "deny":
		body.Deny = true
	case "value":
		body.Value = f.value(feature)
	default:
		f.fault("max", "what is it to be?")
	}
	if n := f.integer("add"); n != nil && f.Get("terms") != "deny" && f.Get("terms") != "value" {
		body.Add = *n
	}
	if feature == "" {
		f.fault("feature_code", "which feature?")
	}
	if err := f.faulty(); err != nil {
		return outcome{}, err
	}
	o, err := c.api.Customers.SetOverride(c.Context(), f.ID, feature, body)
	if err != nil {
		return outcome{}, err
	}
	says := f.Feature() + ": " + f.names.override(o, f.Zone) + "."
	return outcome{warnings: o.Warnings, says: []string{says}, notice: "Done. " + says}, nil
}

// value is what a config feature is to be set to, by what the feature is of.
func (f *changeForm) value(feature string) *api.ConfigValue {
	text := f.Get("value")
	switch f.names.features[feature].Of {
	case api.ConfigNumber:
		if text == api.ConfigUnlimited {
			return &api.ConfigValue{Text: text}
		}
		if number := strings.ReplaceAll(text, ",", ""); json.Valid([]byte(number)) && strings.Trim(number, "0123456789.") == "" {
			return &api.ConfigValue{Number: json.Number(number)}
		}
		f.fault("value", "a number, or the word unlimited")
	case api.ConfigFlag:
		switch strings.ToLower(text) {
		case "yes", "true":
			return &api.ConfigValue{Flag: new(true)}
		case "no", "false":
			return &api.ConfigValue{Flag: new(false)}
		}
		f.fault("value", "yes or no")
	case api.ConfigList:
		list := []string{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return &api.ConfigValue{List: list}
	}
	return &api.ConfigValue{Text: text}
}

func endOverride(c *call, f *changeForm, _ ...client.CallOption) (outcome, error) {
	if err := c.api.Customers.EndOverride(c.Context(), f.ID, f.Get("feature_code")); err != nil {
		return outcome{}, err
	}
	says := f.Feature() + " goes by the plan again."
	return outcome{says: []string{says}, notice: says}, nil
}

func giveGrant(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	if pack := f.Get("pack"); pack != "" {
		buy := client.BuyParams{Pack: pack, ExternalID: f.Get("external_id")}
		if n := f.integer("quantity"); n != nil && *n > 0 {
			buy.Quantity = *n
		} else if n != nil {
			f.fault("quantity", "how many, from 1 on?")
		}
		if f.Get("feature_code") != "" || f.Get("amount") != "" {
			f.fault("pack", "a pack, or an amount of a feature: one of them")
		}
		if err := f.faulty(); err != nil {
			return outcome{}, err
		}
		bought, err := c.api.Grants.Buy(c.Context(), f.ID, buy, opts...)
		if err != nil {
			return outcome{}, err
		}
		out := outcome{warnings: bought.Warnings, notice: f.names.plan(pack) + " is given."}
		for i := range bought.Grants {
			out.says = append(out.says, f.grantSays(&bought.Grants[i]))
		}
		return out, nil
	}
	body := api.CreateGrantRequest{
		FeatureCode: f.Get("feature_code"), Amount: api.Decimal(strings.ReplaceAll(f.Get("amount"), ",", "")), Kind: f.Get("kind"),
		EffectiveOn: f.instant("effective_on"), ExpiresOn: f.instant("expires_on"), Priority: f.integer("priority"),
		CostBasis: json.Number(f.Get("cost_basis")), Note: f.Get("note"), ExternalID: f.Get("external_id"),
	}
	if body.FeatureCode == "" {
		f.fault("feature_code", "which feature, or which pack?")
	}
	if body.CostBasis != "" && (!json.Valid([]byte(body.CostBasis)) || strings.Trim(string(body.CostBasis), "0123456789.eE+-") != "") {
		f.fault("cost_basis", "a number of minor units, such as 0.5")
	}
	if err := f.faulty(); err != nil {
		return outcome{}, err
	}
	g, err := c.api.Grants.Create(c.Context(), f.ID, body, opts...)
	if err != nil {
		return outcome{}, err
	}
	return outcome{on: g.EffectiveOn.Time, warnings: g.Warnings, says: []string{f.grantSays(g)}, notice: "Given: " + f.grantSays(g)}, nil
}

// grantSays is what a grant is, or would be.
func (f *changeForm) grantSays(g *api.Grant) string {
	return fmt.Sprintf("%s of %s, from %s %s.", f.names.units(string(g.Amount), g.FeatureCode), f.names.feature(g.FeatureCode),
		web.Instant(g.EffectiveOn.Time, f.Zone), until(g.ExpiresOn, f.Zone))
}

func voidGrant(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	g := &api.Grant{}
	if id := f.Get("grant"); id != "" {
		var err error
		if g, err = c.api.Grants.Get(c.Context(), id); err != nil {
			return outcome{}, err
		}
	}
	if g.CustomerID != f.ID { // the preview is about nobody else
		return outcome{}, &client.Error{Status: http.StatusNotFound, Errors: []api.Error{{
			Code: "GRANT_NOT_FOUND", Message: "this customer has no such grant",
		}}}
	}
	voided, err := c.api.Grants.Void(c.Context(), g.ID, api.VoidGrantRequest{ClawBack: f.Get("claw_back") == "yes"}, opts...)
	if err != nil {
		return outcome{}, err
	}
	feature := voided.Grant.FeatureCode
	out := outcome{warnings: voided.Grant.Warnings, notice: "The grant is void."}
	out.says = []string{fmt.Sprintf("A grant of %s: %s were left.", f.names.units(string(voided.Grant.Amount), feature), f.names.units(string(voided.Refundable.Units), feature))}
	if !none(voided.Debt) {
		out.says = append(out.says, fmt.Sprintf("%s that were drawn are a debt.", f.names.units(string(voided.Debt), feature)))
	}
	return out, nil
}

func setStatus(status, words string) func(*call, *changeForm, ...client.CallOption) (outcome, error) {
	return func(c *call, f *changeForm, _ ...client.CallOption) (outcome, error) {
		done, err := c.api.Customers.Update(c.Context(), f.ID, api.UpdateCustomerRequest{Status: api.Some(status)})
		if err != nil {
			return outcome{}, err
		}
		out := outcome{warnings: done.Warnings, notice: f.Called + " is " + words + ".", says: []string{f.Called + " is " + words + "."}}
		if status == api.CustomerSuspended {
			out.says = append(out.says, "Every check is refused. Agreements and usage are kept, and terms go on.")
		}
		return out, nil
	}
}

// fieldsOf fills in what is known of a customer.
func fieldsOf(f *changeForm) {
	for field, value := range map[string]string{
		"name": f.Customer.Name, "email": f.Email, "org_code": f.OrgCode, "user_id": f.UserID, "external_id": f.ExternalID, "time_zone": f.TimeZone, "metadata": pairs(f.Metadata),
	} {
		f.Values.Set(field, value)
	}
	if f.AnchorOn != nil {
		f.Values.Set("anchor_on", f.AnchorOn.In(f.Zone).Format(localTime))
	}
	f.Values.Set(editSeen, f.seen())
}

// pairs are metadata, one name = value in a line.
func pairs(metadata map[string]string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		lines = append(lines, name+" = "+metadata[name])
	}
	return strings.Join(lines, "\n")
}

// metadata is what the form has, one name = value in a line; ok is false if that cannot be
// read. What was not touched is as it was, also what no form could write: a name with "=", a
// value with spaces around it or with several lines.
func (f *changeForm) metadata() (_ map[string]string, ok bool) {
	normal := func(text string) string { return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) }
	text := normal(f.Values.Get("metadata"))
	if text == normal(pairs(f.Metadata)) {
		return f.Metadata, true
	}
	names := map[string]string{} // by their lines
	for name, value := range f.Metadata {
		names[strings.TrimSpace(name+" = "+value)] = name
	}
	metadata := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, as := names[line]; as {
			metadata[name] = f.Metadata[name]
		} else if name, value, is := strings.Cut(line, "="); is {
			metadata[strings.TrimSpace(name)] = strings.TrimSpace(value)
		} else if line != "" {
			f.fault("metadata", "each line is name = value")
			return nil, false
		}
	}
	return metadata, true
}

// editSeen is the field that says what the customer was when the form was shown.
const editSeen = "seen"

// seen names what a form to edit the customer shows.
func (f *changeForm) seen() string {
	text, err := json.Marshal([]any{f.Customer.Name, f.Email, f.OrgCode, f.UserID, f.ExternalID, f.TimeZone, f.AnchorOn, f.Metadata})
	if err != nil {
		panic(err) // texts
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func editCustomer(c *call, f *changeForm, _ ...client.CallOption) (outcome, error) {
	if seen := f.Get(editSeen); seen != "" && seen != f.seen() {
		// The form has what it was, and would take back what somebody else has changed.
		f.Faults.Rest = []string{"the customer was changed by somebody else meanwhile: leave this form and edit it anew"}
		return outcome{}, errFaulty
	}
	var body api.UpdateCustomerRequest
	var says []string
	text := func(field, was string, to *api.Optional[string], clearable bool) {
		is := f.Get(field)
		if is == was {
			return
		}
		if *to = api.Some(is); is == "" && clearable {
			*to = api.Null[string]()
		}
		says = append(says, fmt.Sprintf("%s: %s → %s", strings.ReplaceAll(field, "_", " "), cmp.Or(was, "nothing"), cmp.Or(is, "nothing")))
	}
	text("name", f.Customer.Name, &body.Name, true)
	text("email", f.Email, &body.Email, true)
	text("external_id", f.ExternalID, &body.ExternalID, true)
	text("time_zone", f.TimeZone, &body.TimeZone, true)
	text("org_code", f.OrgCode, &body.OrgCode, false)
	text("user_id", f.UserID, &body.UserID, false)
	if f.AnchorOn != nil && f.Values.Has("anchor_on") && f.Get("anchor_on") == "" {
		f.fault("anchor_on", "once there is one it can be moved, and not taken away")
	}
	if on := f.instant("anchor_on"); on != nil && (f.AnchorOn == nil || !f.AnchorOn.Truncate(time.Minute).Equal(on.Time)) {
		body.AnchorOn = api.Some(*on)
		says = append(says, "anchor: "+web.Instant(on.Time, f.Zone))
	}
	if metadata, ok := f.metadata(); ok && !maps.Equal(metadata, f.Metadata) {
		body.Metadata = api.Some(metadata)
		says = append(says, "metadata: as in the form")
	}
	if err := f.faulty(); err != nil {
		return outcome{}, err
	}
	if len(says) == 0 {
		f.Faults.Rest = []string{"all is as it was"}
		return outcome{}, errFaulty
	}
	done, err := c.api.Customers.Update(c.Context(), f.ID, body)
	if err != nil {
		return outcome{}, err
	}
	return outcome{warnings: done.Warnings, says: says, notice: "Saved."}, nil
}

func deleteCustomer(c *call, f *changeForm, _ ...client.CallOption) (outcome, error) {
	if f.Get("typed") != f.Called {
		f.fault("typed", "type "+f.Called+", as it is written here")
		return outcome{}, errFaulty
	}
	out := outcome{
		says:   []string{"Its agreements end now and its codes are free. Its id is never used again; by that it can still be read."},
		notice: f.Called + " is deleted.", to: customersPath + "/" + f.ID,
	}
	remove := c.api.Customers.Delete
	if f.Get("purge") == "yes" {
		remove = c.api.Customers.Purge
		out.says = []string{"Its agreements end now, its codes are free, and its personal data are erased for ever."}
		out.notice, out.to = "The customer is deleted and its personal data are erased.", customersPath
	}
	return out, remove(c.Context(), f.ID)
}

// Link is the address of a change, with what it is about.
func (p *customerPage) Link(name string, about ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(about); i += 2 {
		q.Set(about[i], about[i+1])
	}
	if len(q) == 0 {
		return p.Path + "/" + name
	}
	return p.Path + "/" + name + "?" + q.Encode()
}
