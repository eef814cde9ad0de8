package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/outbox/record"
)

// Kinde's types of events, of those that are sent.
const (
	kindeCreated   = "customer.agreement_created"
	kindeCancelled = "customer.agreement_cancelled"
	kindeAssigned  = "customer.plan_assigned"
	kindeChanged   = "customer.plan_changed"
)

// KindeEvents are the types of events of which a webhook of that format is told something.
func KindeEvents() []event.Type {
	return []event.Type{event.AgreementCreated, event.AgreementCancelled, event.AgreementEnded}
}

// Kinde's sources of events.
const (
	kindeAdmin = "admin"
	kindeAPI   = "api"
)

// kindeTypes are the messages that an event is in Kinde's format: none of most.
func kindeTypes(r record.Reader, h *event.Happening, t event.Type) ([]string, error) {
	switch t {
	case event.AgreementCancelled, event.AgreementEnded:
		return []string{kindeCancelled}, nil
	case event.AgreementCreated:
	default:
		return nil, nil
	}
	customer, agreement, err := readAgreement(r, h)
	switch {
	case err != nil:
		return nil, err
	case agreement.Kind != billing.KindPlan: // an add-on changes no plan
		return []string{kindeCreated}, nil
	}
	before, err := r.Overlapping(customer, "", time.UnixMicro(0), agreement.StartsOn, 1)
	if err != nil || len(before) > 0 {
		return []string{kindeCreated, kindeChanged}, err
	}
	return []string{kindeCreated, kindeAssigned}, nil
}

// agreementFacts are what an event tells of an agreement.
func agreementFacts(h *event.Happening) map[string]string {
	switch {
	case h.Event != nil:
		return h.Event.Facts
	case len(h.Change.After) > 0:
		return h.Change.After
	}
	return h.Change.Before
}

// readAgreement is the agreement that an event is about; of one that is withdrawn, what the
// event has of it.
func readAgreement(r record.Reader, h *event.Happening) (billing.CustomerID, billing.Agreement, error) {
	customer, err := billing.ParseID[billing.CustomerID](string(scopeOf(h)))
	if err != nil {
		return customer, billing.Agreement{}, err
	}
	facts := agreementFacts(h)
	a := billing.Agreement{CustomerID: customer, Plan: billing.Code(facts["plan_code"]), Kind: billing.PlanKind(facts["kind"])}
	if a.ID, err = billing.ParseID[billing.AgreementID](facts["agreement_id"]); err != nil {
		return customer, a, nil // an event of a version that said less
	}
	found, err := r.Agreement(customer, a.ID)
	if errors.Is(err, billing.ErrNotFound) {
		a.StartsOn, _ = time.Parse(time.RFC3339Nano, facts["starts_on"])
		return customer, a, nil
	}
	return customer, found, err
}

// kindeData is what Kinde's format tells, read when it is sent: codes and names are those
// of now.
type kindeData struct {
	customer  billing.Customer
	agreement billing.Agreement
	planName  string
}

func readKinde(r record.Reader, h *event.Happening) (*kindeData, error) {
	id, agreement, err := readAgreement(r, h)
	if err != nil {
		return nil, err
	}
	d := &kindeData{agreement: agreement}
	if d.customer, err = r.Customer(id); err != nil {
		return nil, err
	}
	catalog, err := r.Catalog()
	if err != nil {
		return nil, err
	}
	if p := catalog.Plans[agreement.Plan]; p != nil {
		d.planName = p.Name
	}
	return d, nil
}

// kindePayload is what the JWT has. There is no aud, iss or azp, so that it is no access
// token anywhere.
type kindePayload struct {
	Data      map[string]any `json:"data"`
	EventID   string         `json:"event_id"`
	EventTime string         `json:"event_timestamp"`
	Source    string         `json:"source"`
	Time      string         `json:"timestamp"`
	Type      string         `json:"type"`
	ID        string         `json:"jti"`
}

// stamp is a time as Kinde writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (d *kindeData) payload(t *told, now time.Time) kindePayload {
	var happened time.Time
	var by billing.Actor
	if e := t.event.Event; e != nil {
		happened, by = e.On, e.By
	} else {
		happened, by = t.event.Change.On, t.event.Change.By
	}
	source := kindeAdmin
	if strings.HasPrefix(string(by), "client:") {
		source = kindeAPI
	}
	return kindePayload{
		Type: t.delivery.Type, Source: source, EventTime: stamp(happened), Time: stamp(now), Data: d.data(),
	}
}

// data has both spellings of each field that Kinde's own readers look for: flat and nested.
// What has no value is left out.
func (d *kindeData) data() map[string]any {
	c, a := &d.customer, &d.agreement
	customer := fields{"id": c.ID.String()}
	customer.set("name", c.Name)
	customer.set("org_code", c.OrgCode)
	customer.set("user_id", c.UserID)
	data := fields{"customer_id": c.ID.String(), "customer": customer}
	data.set("org_code", c.OrgCode)
	data.set("user_id", c.UserID)
	agreement := fields{}
	if a.ID != (billing.AgreementID{}) {
		data["agreement_id"], agreement["id"] = a.ID.String(), a.ID.String()
	}
	if a.Plan != "" {
		plan := fields{"id": string(a.Plan), "code": string(a.Plan), "key": string(a.Plan)}
		plan.set("name", d.planName)
		data["plan"], data["plan_id"], data["plan_code"] = plan, string(a.Plan), string(a.Plan)
		agreement["plan_code"] = string(a.Plan)
	}
	data["agreement"] = agreement
	return data
}

// fields is an object without empty texts.
type fields map[string]any

func (f fields) set(name, value string) {
	if value != "" {
		f[name] = value
	}
}

// kindeMessage signs a payload.
func (o *Outbox) kindeMessage(ctx context.Context, m message, p kindePayload) (message, error) {
	p.ID, p.EventID = m.id, digest("event_", m.id)
	text, err := json.Marshal(p)
	if err != nil {
		return m, err
	}
	token, err := o.options.Sign(ctx, text)
	m.contentType, m.body = "application/jwt", []byte(token)
	return m, err
}
