package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type eventsCommand struct {
	remote   `embed:""`
	Follow   bool      `help:"Go on with what happens, until interrupted; with --json one document in a line for each event."`
	After    *limitArg `placeholder:"N" help:"The event to go on after; by default all are shown, and with --follow what happens from now on."`
	Types    []string  `placeholder:"TYPE,..." help:"Only of these types, such as agreement.ended; by default all."`
	Customer name      `placeholder:"CUSTOMER" help:"Only what is about this customer: its id, org_code=CODE, user_id=ID or external_id=ID."`
	Limit    *number   `placeholder:"N" help:"End after so many events."`
}

func (c *eventsCommand) params() client.EventParams {
	p := client.EventParams{Types: c.Types, CustomerID: string(c.Customer)}
	if key, code, is := byCode(c.Customer); is { // as a path of the API has it
		p.CustomerID = key + ":" + code
	}
	if c.After != nil {
		p.After = int64(*c.After)
	}
	return p
}

func (c *eventsCommand) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	if c.Follow {
		return c.follow(ctx, s, allot)
	}
	list, err := c.all(ctx, allot)
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) {
		row(w, "EVENT", "ON", "TYPE", "CUSTOMER", "ACTOR", "ABOUT")
		for _, e := range list.Events {
			row(w, e.ID, instant(&e.On), e.Type, e.CustomerID, eventActor(&e), eventAbout(&e))
		}
	})
}

// all are all pages as one.
func (c *eventsCommand) all(ctx context.Context, allot *client.Client) (*api.EventList, error) {
	params := c.params()
	params.PageSize = api.MaxEvents
	all := &api.EventList{Events: []api.Event{}}
	for {
		if c.Limit != nil {
			params.PageSize = min(api.MaxEvents, int(*c.Limit)-len(all.Events))
		}
		page, err := allot.Events.List(ctx, params)
		if err != nil {
			return nil, err
		}
		all.Events = append(all.Events, page.Events...)
		all.Next, all.HasMore = page.Next, page.HasMore
		if !page.HasMore || c.Limit != nil && len(all.Events) >= int(*c.Limit) {
			return all, nil
		}
		params.After = page.Next
	}
}

// follow shows each event when it happens. To be interrupted is how it ends.
func (c *eventsCommand) follow(ctx context.Context, s *session, allot *client.Client) error {
	params := client.FollowParams{EventParams: c.params(), Retrying: func(err error, wait time.Duration) {
		fmt.Fprintf(s.err, "allot: %v; asking again in %s\n", err, wait.Round(time.Second/10))
	}}
	params.FromEnd = c.After == nil
	shown := number(0)
	for e, err := range allot.Events.Follow(ctx, params) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.event(&e); err != nil {
			return err
		}
		if shown++; c.Limit != nil && shown == *c.Limit {
			break
		}
	}
	return nil
}

// event writes one event as a line.
func (s *session) event(e *api.Event) error {
	if s.json {
		encoder := json.NewEncoder(s.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(e)
	}
	customer := e.CustomerID
	if customer == "" {
		customer = "-"
	}
	_, err := fmt.Fprintf(s.out, "%d  %s  %-24s  %s  %s  %s\n", e.ID, instant(&e.On), e.Type, customer, eventActor(e), eventAbout(e))
	return err
}

// eventActor is who caused an event.
func eventActor(e *api.Event) string {
	if e.Actor.ID == "" {
		return e.Actor.Kind
	}
	return e.Actor.Kind + ":" + e.Actor.ID
}

// eventAbout is what an event is about, in a word; all of it is in its data.
func eventAbout(e *api.Event) string {
	var data struct {
		After, Before *struct {
			ID          string `json:"id"`
			PlanCode    string `json:"plan_code"`
			FeatureCode string `json:"feature_code"`
			Status      string `json:"status"`
		}
		PlanCode    string              `json:"plan_code"`
		FeatureCode string              `json:"feature_code"`
		Features    []api.FeatureChange `json:"features"`
		Changes     []api.CatalogChange `json:"changes"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return "-"
	}
	thing := data.After
	if thing == nil {
		thing = data.Before
	}
	var words []string
	for _, f := range data.Features {
		words = append(words, f.FeatureCode)
	}
	for _, ch := range data.Changes {
		words = append(words, ch.Code)
	}
	for _, word := range []string{data.PlanCode, data.FeatureCode} {
		if word != "" {
			words = append(words, word)
		}
	}
	if thing != nil {
		for _, word := range []string{thing.PlanCode, thing.FeatureCode, thing.Status, thing.ID} {
			if word != "" && len(words) == 0 {
				words = append(words, word)
			}
		}
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ",")
}
