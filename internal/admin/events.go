package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

// eventScreens show what has happened.
var eventScreens = []route{
	{"GET /console/events", events},
	{"GET /console/events/live", liveEvents},
	{"GET /console/events/{id}", oneEvent},
}

const eventsPath = "/console/events"

// eventGroup are types of events that belong together.
type eventGroup struct {
	Name  string
	Types []string
}

// eventGroups are all types of events.
var eventGroups = []eventGroup{
	{"Customers", []string{api.EventCustomerCreated, api.EventCustomerUpdated, api.EventCustomerDeleted}},
	{"Agreements", []string{
		api.EventAgreementCreated, api.EventAgreementChanged, api.EventAgreementCancelled, api.EventAgreementResumed,
		api.EventAgreementStarted, api.EventAgreementEnded, api.EventTrialWillEnd, api.EventTrialEnded,
	}},
	{"Terms and grants", []string{
		api.EventOverrideSet, api.EventOverrideEnded, api.EventGrantCreated, api.EventGrantVoided, api.EventGrantUsedUp,
		api.EventGrantReopened, api.EventGrantExpired, api.EventGraceEnded, api.EventEntitlementsChanged,
	}},
	{"Usage", []string{api.EventThresholdReached, api.EventLimitReached, api.EventPoolLow, api.EventUsageReset, api.EventHoldExpired}},
	{"Catalog", []string{api.EventCatalogApplied, api.EventVersionPublished}},
	{"Installation", []string{
		api.EventClientCreated, api.EventClientRotated, api.EventClientRevoked, api.EventKeyRotated, api.EventWebhookDisabled, api.EventClockRepaired,
	}},
}

// eventTypes are the types in all groups.
func eventTypes() []string {
	var all []string
	for _, g := range eventGroups {
		all = append(all, g.Types...)
	}
	return all
}

// madeByNobody are types of events that no one causes by a change.
var madeByNobody = []string{
	api.EventAgreementStarted, api.EventAgreementEnded, api.EventTrialWillEnd, api.EventTrialEnded, api.EventGrantUsedUp, api.EventGrantReopened,
	api.EventGrantExpired, api.EventGraceEnded, api.EventEntitlementsChanged, api.EventThresholdReached, api.EventLimitReached,
	api.EventPoolLow, api.EventUsageReset, api.EventHoldExpired, api.EventWebhookDisabled,
}

// changeTypes are types of events that somebody causes by a change.
func changeTypes() []string {
	return slices.DeleteFunc(eventTypes(), func(t string) bool { return slices.Contains(madeByNobody, t) })
}

// eventView is an event for people.
type eventView struct {
	api.Event
	Who     string
	Facts   []Fact        // the first things to know
	Changed []fieldChange // what before and after differ in
	All     []fieldChange // everything that before and after have
	Rest    []Fact        // what stands beside before and after
}

// fieldChange is a field of a thing before and after.
type fieldChange struct {
	Name          string
	Before, After string
	Differs       bool // there are both, and they are not the same
}

// telling are fields that say what an event is about, in the order of their use.
var telling = []string{
	"plan_code", "code", "feature_code", "version", "quantity", "threshold", "limit", "used", "remaining", "available", "low", "max", "at_least", "add",
	"value", "amount", "expires_on", "trial_ends_on", "starts_on", "url", "reason", "status",
}

// maxFacts is how many things of an event are told beside it.
const maxFacts = 3

func viewEvent(e api.Event) eventView {
	v := eventView{Event: e, Who: actor(e.Actor)}
	data := object(e.Data)
	before, after := object(data["before"]), object(data["after"])
	for _, name := range sortedKeys(before, after) {
		f := fieldChange{Name: name, Before: plain(before[name]), After: plain(after[name])}
		f.Differs = before != nil && after != nil && !bytes.Equal(before[name], after[name])
		v.All = append(v.All, f)
		if f.Differs {
			v.Changed = append(v.Changed, f)
		}
	}
	delete(data, "before")
	delete(data, "after")
	for _, name := range sortedKeys(data, nil) {
		v.Rest = append(v.Rest, Fact{name, plain(data[name])})
	}
	if after == nil {
		after = before
	}
	for _, name := range telling {
		for _, from := range []map[string]json.RawMessage{data, after} {
			if text := plain(from[name]); text != "" && text != "null" && len(text) < 80 && len(v.Facts) < maxFacts {
				if t, err := time.Parse(time.RFC3339, text); err == nil {
					text = web.Instant(t.UTC().Truncate(time.Minute), nil)
				}
				v.Facts = append(v.Facts, Fact{strings.ReplaceAll(strings.TrimSuffix(name, "_code"), "_", " "), text})
				break
			}
		}
	}
	switch e.Type {
	case api.EventEntitlementsChanged:
		v.tellFeatures(e.Data)
	case api.EventCatalogApplied:
		v.tellCatalog(e.Data)
	}
	return v
}

// tellFeatures says of the features that changed what they were and are.
func (v *eventView) tellFeatures(data json.RawMessage) {
	var changed api.EntitlementsChange
	if json.Unmarshal(data, &changed) != nil {
		return
	}
	v.Rest = dropFact(v.Rest, "features")
	for i, f := range changed.Features {
		limited := f.Before.Limit != nil || f.After.Limit != nil
		change := fieldChange{Name: f.FeatureCode, Differs: true, Before: stateText(&f.Before, limited), After: stateText(&f.After, limited)}
		if v.Changed = append(v.Changed, change); i < maxFacts {
			v.Facts = append(v.Facts, Fact{change.Name, change.Before + " → " + change.After})
		}
	}
	v.moreFacts(len(changed.Features))
}

func stateText(s *api.FeatureState, limited bool) string {
	switch {
	case !s.Entitled:
		return "none"
	case s.Value != nil:
		return valueText(s.Value)
	case s.Limit != nil:
		return count(*s.Limit)
	case limited:
		return "unlimited"
	}
	return "entitled"
}

// tellCatalog says what a file changed.
func (v *eventView) tellCatalog(data json.RawMessage) {
	var applied api.CatalogApply
	if json.Unmarshal(data, &applied) != nil {
		return
	}
	v.Rest = dropFact(v.Rest, "changes")
	for i, c := range applied.Changes {
		what := Fact{strings.ReplaceAll(c.Action, "_", " "), strings.ReplaceAll(c.Kind, "_", " ") + " " + c.Code}
		if v.Rest = append(v.Rest, what); i < maxFacts {
			v.Facts = append(v.Facts, Fact{what.Name, c.Code})
		}
	}
	v.moreFacts(len(applied.Changes))
}

// moreFacts says that there are more than are told.
func (v *eventView) moreFacts(all int) {
	if all > maxFacts {
		v.Facts = append(v.Facts, Fact{"and", count(int64(all-maxFacts)) + " more"})
	}
}

func dropFact(facts []Fact, name string) []Fact {
	return slices.DeleteFunc(facts, func(f Fact) bool { return f.Name == name })
}

// actor is who did something, for people.
func actor(a api.EventActor) string {
	switch a.Kind {
	case api.ActorTime:
		return "time"
	case api.ActorCLI:
		return strings.TrimSpace("command line " + a.ID)
	case api.ActorServer:
		return "the server"
	}
	id := []rune(a.ID)
	if len(id) > maxActor {
		id = append(id[:maxActor-1], '…')
	}
	return strings.TrimSpace(a.Kind + " " + string(id))
}

// maxActor is how much of an actor's id is shown. The event as the API says it has all of it.
const maxActor = 16

// object are the fields of an object; nil if it is none.
func object(text json.RawMessage) (fields map[string]json.RawMessage) {
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	return fields
}

func sortedKeys(a, b map[string]json.RawMessage) []string {
	var keys []string
	for _, m := range []map[string]json.RawMessage{a, b} {
		for name := range m {
			keys = append(keys, name)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// plain is a value without the marks of JSON, where it is a text.
func plain(text json.RawMessage) string {
	var s string
	if json.Unmarshal(text, &s) == nil {
		return s
	}
	return string(text)
}

// eventFilter is what is asked for of the feed, as the address has it.
type eventFilter struct {
	Type, Customer string
	Before, After  int64
}

const eventsPage = 50

// query is the address of the events of the filter, with more parameters.
func (f eventFilter) query(more ...string) string {
	q := url.Values{}
	if f.Type != "" {
		q.Set("type", f.Type)
	}
	if f.Customer != "" {
		q.Set("customer", f.Customer)
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

func (f eventFilter) types() []string {
	if f.Type == "" {
		return nil
	}
	for _, g := range eventGroups {
		if g.Name == f.Type {
			return g.Types
		}
	}
	return strings.Split(f.Type, ",")
}

func readFilter(q url.Values) eventFilter {
	f := eventFilter{Type: strings.TrimSpace(q.Get("type")), Customer: strings.TrimSpace(q.Get("customer"))}
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // what is no place is none
	f.After, _ = strconv.ParseInt(q.Get("after"), 10, 64)
	return f
}

// eventsData is the feed, the newest first.
type eventsData struct {
	Filter eventFilter
	Groups []eventGroup
	Faults faults
	Events []eventView
	Found  found
	// Newest, Newer and Older are addresses; "" if there is nothing there. Live is that of
	// the stream of what comes.
	Newest, Newer, Older, Live string
	Types                      string // of the stream's events
}

func events(c *call) (*screen, error) {
	data := &eventsData{Filter: readFilter(c.URL.Query()), Groups: eventGroups}
	shown := &screen{template: "events", title: "Events", at: eventsPath, scripts: []string{"allot-events.js"}, data: data}
	f := data.Filter
	// First, so that nothing comes between the page and the stream that goes on from it.
	last, err := c.lastPlace()
	if err != nil {
		return nil, err
	}
	if f.After > 0 {
		err = data.behind(c)
	} else {
		data.Found, err = c.recent(wanted{Types: f.types(), CustomerID: f.Customer, Before: f.Before, Want: eventsPage})
	}
	if wrong, ok := faultsOf(err, "types", "customer_id", "after"); ok {
		data.Faults, shown.status = wrong, http.StatusBadRequest
		if errors.Is(err, client.ErrNotFound) {
			data.Faults.Fields["customer_id"] = "There is no such customer: give its id, or org_code:CODE, user_id:ID, external_id:ID"
			data.Faults.Rest = nil
		}
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range data.Found.Events {
		data.Events = append(data.Events, viewEvent(e))
	}
	if n := data.Found.Older; n > 0 {
		data.Older = eventsPath + f.query("before", strconv.FormatInt(n, 10))
	}
	if f.Before > 0 || f.After > 0 {
		data.Newest = eventsPath + f.query()
		if len(data.Events) > 0 {
			data.Newer = eventsPath + f.query("after", strconv.FormatInt(data.Events[0].ID, 10))
		}
		return shown, nil
	}
	data.Live = eventsPath + "/live" + f.query("after", strconv.FormatInt(last, 10))
	data.Types = strings.Join(eventTypes(), " ")
	return shown, nil
}

// lastPlace is the last place of the feed.
func (c *call) lastPlace() (int64, error) {
	end, err := c.api.Events.List(c.Context(), client.EventParams{FromEnd: true})
	if err != nil {
		return 0, err
	}
	return end.Next, nil
}

// behind reads the events that follow a place.
func (d *eventsData) behind(c *call) error {
	list, err := c.api.Events.List(c.Context(), client.EventParams{
		After: d.Filter.After, Types: d.Filter.types(), CustomerID: d.Filter.Customer, PageSize: eventsPage,
	})
	if err != nil {
		return err
	}
	d.Found.Events, d.Found.Older = list.Events, d.Filter.After+1
	slices.Reverse(d.Found.Events)
	return nil
}

// oneEvent shows one place of the feed. It stands in addresses: that of an event is its
// cursor.
func oneEvent(c *call) (*screen, error) {
	id, err := strconv.ParseInt(c.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return nil, errNotFound
	}
	list, err := c.api.Events.List(c.Context(), client.EventParams{After: id - 1, PageSize: 1})
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Code() == api.InvalidCode("after") {
		return nil, errNotFound
	}
	if err != nil {
		return nil, err
	}
	if len(list.Events) == 0 || list.Events[0].ID != id {
		return nil, errNotFound
	}
	return &screen{template: "event", title: "Event " + c.PathValue("id"), at: eventsPath, data: viewEvent(list.Events[0])}, nil
}

// sessionEvery is how often a stream looks whether who reads it is still signed in.
const sessionEvery = 2 * time.Second

// liveEvents is the API's stream of events for the session's own browser, which has no token
// to ask for it with. It ends with the session.
func liveEvents(c *call) (*screen, error) {
	f := readFilter(c.URL.Query())
	q := url.Values{"after": {strconv.FormatInt(f.After, 10)}}
	if f.After == 0 {
		q.Set("after", api.EventsEnd)
	}
	if types := f.types(); types != nil {
		q.Set("types", strings.Join(types, ","))
	}
	if f.Customer != "" {
		q.Set("customer_id", f.Customer)
	}
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/v1/events?"+q.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", api.ContentTypeEvents)
	if last := c.Header.Get(api.HeaderLastEventID); last != "" {
		r.Header.Set(api.HeaderLastEventID, last)
	}
	go func() {
		look := time.NewTicker(sessionEvery)
		defer look.Stop()
		for {
			select {
			case <-look.C:
				if still, err := c.SignIn.Still(c.Request); err != nil || still == nil || !slices.Equal(still.Scopes, c.session.Scopes) {
					stop()
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	c.API.ServeHTTP(c.w, r)
	return nil, nil //nolint:nilnil // it has answered
}
