package admin

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

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
