package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// history is what the feed tells of a customer's agreements and overrides, as far as it is
// read.
type history struct {
	agreements map[string]api.Agreement
	overrides  map[string]api.Override
}

// agreementTypes and overrideTypes are the events that say how these stand.
var (
	agreementTypes = []string{
		api.EventAgreementCreated, api.EventAgreementChanged, api.EventAgreementCancelled, api.EventAgreementResumed,
		api.EventAgreementStarted, api.EventAgreementEnded,
	}
	overrideTypes = []string{api.EventOverrideSet, api.EventOverrideEnded}
)

// history reads it, newest first: one call. The API lists what is live and scheduled; what
// is over stands in the feed alone.
func (c *call) history(p *customerPage) (*history, error) {
	h := &history{map[string]api.Agreement{}, map[string]api.Override{}}
	if c.may(api.ScopeReadEvents) {
		list, err := c.api.Events.List(c.Context(), client.EventParams{
			BeforeEnd: true, CustomerID: p.ID, Types: slices.Concat(agreementTypes, overrideTypes), PageSize: agreementEvents,
		})
		if err != nil {
			return nil, err
		}
		p.Partial = list.HasMore
		for i := range list.Events {
			if err := h.tell(&list.Events[i]); err != nil {
				return nil, err
			}
		}
	}
	h.correct(p)
	for id, o := range h.overrides {
		p.overrides[id] = o
		live := !p.Now.Before(o.StartsOn.Time) && (o.ExpiresOn == nil || p.Now.Before(o.ExpiresOn.Time))
		p.Overrides = append(p.Overrides, overrideRow{o, p.names.feature(o.FeatureCode), upper(p.names.override(&o, p.Zone)), live})
	}
	slices.SortFunc(p.Overrides, func(a, b overrideRow) int {
		return cmp.Or(b.StartsOn.Compare(a.StartsOn.Time), cmp.Compare(a.ID, b.ID))
	})
	return h, nil
}

// correct puts what the API lists in the place of what the feed says, which hears of changes
// a moment later: what is live or scheduled by the feed alone is over.
func (h *history) correct(p *customerPage) {
	now := api.Time{Time: p.Now}
	agreements, overrides := map[string]api.Agreement{}, map[string]api.Override{}
	for _, a := range p.Agreements {
		agreements[a.ID] = a
	}
	for _, o := range p.Customer.Overrides {
		overrides[o.ID] = o
	}
	for id, a := range h.agreements {
		if _, listed := agreements[id]; listed || a.StartsOn.After(p.Now) {
			continue
		}
		if a.ExpiresOn == nil || a.ExpiresOn.After(p.Now) {
			a.ExpiresOn = &now
		}
		agreements[id] = a
	}
	for id, o := range h.overrides {
		if _, listed := overrides[id]; listed || o.StartsOn.After(p.Now) {
			continue
		}
		if o.ExpiresOn == nil || o.ExpiresOn.After(p.Now) {
			o.ExpiresOn = &now
		}
		overrides[id] = o
	}
	h.agreements, h.overrides = agreements, overrides
}

// tell takes in what an event says: of an agreement that was withdrawn nothing is left.
func (h *history) tell(e *api.Event) error {
	var change api.EventChange
	if err := json.Unmarshal(e.Data, &change); err != nil {
		return fmt.Errorf("event %d: %w", e.ID, err)
	}
	var thing struct {
		ID string `json:"id"`
	}
	text := change.After
	if text == nil {
		text = change.Before
	}
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, &thing); err != nil {
		return fmt.Errorf("event %d: %w", e.ID, err)
	}
	var err error
	switch {
	case slices.Contains(overrideTypes, e.Type):
		o := h.overrides[thing.ID]
		err = json.Unmarshal(text, &o)
		if change.After == nil {
			o.ExpiresOn = &e.On
		}
		h.overrides[thing.ID] = o
		h.replaced(e, &change, thing.ID)
	case change.After == nil:
		delete(h.agreements, thing.ID)
	default:
		a := h.agreements[thing.ID]
		err = json.Unmarshal(text, &a)
		h.agreements[thing.ID] = a
	}
	if err != nil {
		return fmt.Errorf("event %d: %w", e.ID, err)
	}
	return nil
}

// replaced ends the override that another one took the place of.
func (h *history) replaced(e *api.Event, change *api.EventChange, by string) {
	var before api.Override
	if json.Unmarshal(change.Before, &before) == nil && before.ID != "" && before.ID != by {
		before.ExpiresOn = &e.On
		h.overrides[before.ID] = before
	}
}
