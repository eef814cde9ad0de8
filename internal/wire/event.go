package wire

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/service"
)

// Event shows one place of the feed. It reports false for one that tells nothing.
//
// Of a change it shows the fields that the API shows of the thing, under the API's names,
// and no others: what the change log has beside them is ours, and what may be of persons
// is not in the log. The id of the thing is always called id.
func Event(h event.Happening) (api.Event, bool) {
	t, told := h.Type()
	if !told {
		return api.Event{}, false
	}
	if e := h.Event; e != nil {
		return happening(h.Seq, e.Scope, t, e.On, e.By, eventData(e)), true
	}
	c := h.Change
	return happening(h.Seq, c.Scope, t, c.On, c.By, changeData(t, c)), true
}

func happening(seq int64, scope billing.Scope, t event.Type, on time.Time, by billing.Actor, data map[string]any) api.Event {
	out := api.Event{ID: seq, Type: string(t), On: api.Time{Time: on}, Actor: actor(by)}
	if _, err := billing.ParseID[billing.CustomerID](string(scope)); err == nil {
		out.CustomerID = string(scope)
	}
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // texts, numbers and what was JSON before
	}
	out.Data = text
	return out
}

// actor is who did it: client:ID, or a word for what has no id.
func actor(by billing.Actor) api.EventActor {
	if by == "" {
		return api.EventActor{Kind: api.ActorTime}
	}
	kind, id, _ := strings.Cut(string(by), ":")
	return api.EventActor{Kind: kind, ID: id}
}

// eventData is what an event tells. What is of a thing that changes are told of stands in
// after, as theirs does, and the rest beside it.
func eventData(e *event.Event) map[string]any {
	data, after := map[string]any{}, row(nil)
	if show := rows[kindOf(e.Type)]; show != nil {
		after = show(e.Scope, e.Facts)
	}
	if after != nil {
		data["after"] = after
	}
	for name, text := range e.Facts {
		_, told := after[name]
		if _, named := after["id"]; !told && text != "" && !(named && text == after["id"]) {
			data[name] = typed(name, text)
		}
	}
	if e.Type == event.EntitlementsChanged {
		all := make([]api.FeatureChange, len(e.Features))
		for i := range e.Features {
			f := &e.Features[i]
			all[i] = api.FeatureChange{FeatureCode: string(f.Feature), Before: featureState(&f.Before), After: featureState(&f.After)}
		}
		data["features"] = all
	}
	return data
}

func featureState(s *event.FeatureState) api.FeatureState {
	out := api.FeatureState{Entitled: s.Entitled, Limit: s.Limit, Soft: s.Soft}
	var v api.ConfigValue
	switch {
	case s.Value == "":
	case v.UnmarshalJSON([]byte(s.Value)) == nil:
		out.Value = &v
	default:
		out.Value = storedValue(s.Value)
	}
	return out
}

// changeData is what a change tells.
func changeData(t event.Type, c *billing.Change) map[string]any {
	if t == event.CatalogApplied {
		return map[string]any{"changes": catalogChanges(c.After)}
	}
	data := map[string]any{}
	show := rows[kindOf(t)]
	if show == nil {
		return data
	}
	for name, facts := range map[string]map[string]string{"before": c.Before, "after": c.After} {
		if shown := show(c.Scope, facts); len(shown) > 0 {
			data[name] = shown
		}
	}
	if changed := c.After["changed"]; changed != "" {
		data["changed"] = strings.Split(changed, ",")
	}
	if c.Purges() {
		data["purged"] = true
	}
	return data
}

// kindOf is what a type is about: agreement.created is about an agreement, as what is of
// its trial and its graces is.
func kindOf(t event.Type) string {
	switch kind, _, _ := strings.Cut(string(t), "."); kind {
	case "trial", "grace":
		return "agreement"
	default:
		return kind
	}
}

// row is a thing as the API shows it.
type row map[string]any

// rows show the facts of a thing, by what it is. Facts that are none are no row.
var rows = map[string]func(billing.Scope, map[string]string) row{
	"customer": customerRow, "agreement": agreementRow, "override": overrideRow, "grant": grantRow, "client": clientRow, "key": keyRow,
}

// take copies facts under their own names.
func (r row) take(facts map[string]string, names ...string) {
	for _, name := range names {
		if text := facts[name]; text != "" {
			r[name] = typed(name, text)
		}
	}
}

// takeOrNull is take of what the API always shows.
func (r row) takeOrNull(facts map[string]string, names ...string) {
	for _, name := range names {
		r[name] = nil
	}
	r.take(facts, names...)
}

func customerRow(scope billing.Scope, facts map[string]string) row {
	if facts["status"] == "" {
		return nil
	}
	r := row{"id": string(scope), "time_zone": timeZone(facts["zones"])}
	r.take(facts, "type", "status", "created_on", "deleted_on")
	r.takeOrNull(facts, "anchor_on")
	return r
}

// timeZone is the last of dated time zones, each NAME or NAME@INSTANT.
func timeZone(zones string) string {
	all := strings.Fields(zones)
	if len(all) == 0 {
		return "UTC"
	}
	name, _, _ := strings.Cut(all[len(all)-1], "@")
	return name
}

func agreementRow(scope billing.Scope, facts map[string]string) row {
	if facts["agreement_id"] == "" {
		return nil
	}
	r := row{"id": facts["agreement_id"], "customer_id": string(scope)}
	if facts["created_on"] != "" { // else it is not all of it, and says nothing of that
		r["annual"] = facts["annual"] == "true"
	}
	r.take(facts, "plan_code", "version", "kind", "quantity", "starts_on", "trial_ends_on", "anchor_on", "created_on", "origin")
	r.takeOrNull(facts, "expires_on")
	return r
}

func overrideRow(_ billing.Scope, facts map[string]string) row {
	if facts["override_id"] == "" {
		return nil
	}
	r := row{"id": facts["override_id"]}
	r.take(facts, "feature_code", "max", "at_least", "add", "deny", "starts_on")
	r.takeOrNull(facts, "expires_on")
	if text := facts["value"]; text != "" {
		r["value"] = storedValue(text)
	}
	return r
}

func grantRow(scope billing.Scope, facts map[string]string) row {
	if facts["grant_id"] == "" {
		return nil
	}
	r := row{"id": facts["grant_id"], "customer_id": string(scope)}
	r.take(facts, "feature_code", "amount", "kind", "priority", "effective_on", "cost_basis", "pack", "created_on", "ended_on", "clawed_back_on")
	r.takeOrNull(facts, "expires_on")
	if only := facts["only"]; only != "" {
		r["only"] = strings.Fields(only)
	}
	return r
}

func clientRow(_ billing.Scope, facts map[string]string) row {
	if facts["client"] == "" {
		return nil
	}
	r := row{"id": facts["client"]}
	if scopes := facts["scopes"]; scopes != "" {
		r["scopes"] = strings.Fields(scopes)
	}
	return r
}

func keyRow(_ billing.Scope, facts map[string]string) row {
	if facts["key"] == "" {
		return nil
	}
	return row{"id": facts["key"]}
}

// storedValue is what a config feature was set to. What is kept does not tell false, an
// empty text and a number without bound apart, which only the feature does: that is nil.
func storedValue(text string) *api.ConfigValue {
	v, err := billing.DecodeValue(text)
	switch {
	case err != nil || v == nil:
		return nil
	case v.List != nil:
		return ConfigValue(api.ConfigList, v)
	case v.Number != nil:
		return ConfigValue(api.ConfigNumber, v)
	case v.Flag:
		return ConfigValue(api.ConfigFlag, v)
	case v.Text != "":
		return ConfigValue(api.ConfigText, v)
	}
	return nil
}

// form is how a fact is written.
type form func(text string) any

func whole(text string) any {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return text
	}
	return n
}

// limit is a whole number, or null for unlimited.
func limit(text string) any {
	if text == "unlimited" {
		return nil
	}
	return whole(text)
}

func truth(text string) any { return text == "true" }

func number(text string) any {
	if _, err := decimal.Parse(text); err != nil || !json.Valid([]byte(text)) {
		return text
	}
	return json.Number(text)
}

// forms are those of the facts that are no texts, as instants and amounts are.
var forms = map[string]form{
	"version": whole, "quantity": whole, "priority": whole, "add": whole, "at_least": whole,
	"max": limit, "limit": limit, "threshold": whole, "low": whole,
	"annual": truth, "deny": truth, "soft": truth,
	"cost_basis": number,
}

// typed is a fact as the API writes it.
func typed(name, text string) any {
	if f := forms[name]; f != nil {
		return f(text)
	}
	return text
}

// catalogChanges are the changes that applying a catalog file made, in the order of the
// actions: each fact lists things as "plan pro v2".
func catalogChanges(facts map[string]string) []api.EventCatalogChange {
	all := []api.EventCatalogChange{}
	for _, action := range billing.Words[billing.Action]() {
		list := facts[string(action)]
		if list == "" {
			continue
		}
		for thing := range strings.SplitSeq(list, ", ") {
			kind, rest, _ := strings.Cut(thing, " ")
			code, version, _ := strings.Cut(rest, " v")
			ch := api.EventCatalogChange{Action: string(action), Kind: kind, Code: code}
			ch.Version, _ = strconv.ParseInt(version, 10, 64)
			all = append(all, ch)
		}
	}
	return all
}

// Events shows a page of the feed.
func Events(p *service.FeedPage) api.EventList {
	out := api.EventList{Events: make([]api.Event, 0, len(p.Happenings)), HasMore: p.More, Next: p.Next}
	for _, h := range p.Happenings {
		if e, ok := Event(h); ok {
			out.Events = append(out.Events, e)
		}
	}
	return out
}
