package admin

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// webhookScreens show who is told.
var webhookScreens = []route{
	{"GET /console/webhooks", webhooks},
	{"POST /console/webhooks", createWebhook},
	{"GET /console/webhooks/{id}", oneWebhook},
	{"GET /console/webhooks/{id}/{action}", askOfWebhook},
	{"POST /console/webhooks/{id}/{action}", changeWebhook},
}

const webhooksPath = "/console/webhooks"

const (
	webhooksPage   = 50
	deliveriesPage = 50
)

// webhookForm is what a webhook is to be.
type webhookForm struct {
	URL, Format, Description string
	All                      bool
	Events                   []string
	Groups                   []eventGroup
	Faults                   faults
	Key                      string
	Look                     bool // it was filled in, and its effect is shown
	New                      bool
	Action                   string // where the form is sent
}

// Chosen reports whether the form has a type of events.
func (f *webhookForm) Chosen(t string) bool { return slices.Contains(f.Events, t) }

// Told is what a webhook is told of, for people.
func (f *webhookForm) Told() string {
	if f.All {
		return "every event"
	}
	return strings.Join(f.Events, ", ")
}

func (f *webhookForm) events() api.WebhookEvents {
	if f.All {
		return nil
	}
	return f.Events
}

// readWebhook reads the form. What is not chosen at all is left for the API to refuse.
func (c *call) readWebhook(isNew bool) (*webhookForm, error) {
	if err := c.form(); err != nil {
		return nil, err
	}
	f := &webhookForm{
		URL: strings.TrimSpace(c.PostFormValue("url")), Format: c.PostFormValue("format"), Description: c.PostFormValue("description"),
		All: c.PostFormValue("which") != "some", Events: c.PostForm["events"], Groups: eventGroups, Key: NewKey(), New: isNew,
	}
	if !f.All && len(f.Events) == 0 {
		f.Faults.Fields = map[string]string{"events": "Choose at least one type of events"}
	}
	if f.URL == "" {
		if f.Faults.Fields == nil {
			f.Faults.Fields = map[string]string{}
		}
		f.Faults.Fields["url"] = "Where is it to be sent? An https address"
	}
	return f, nil
}

func (f *webhookForm) bad() bool { return len(f.Faults.Fields)+len(f.Faults.Rest) > 0 }

// webhooksData is the list of webhooks.
type webhooksData struct {
	Webhooks []api.Webhook
	Next     string
	Form     *webhookForm
}

func webhooks(c *call) (*screen, error) {
	list, err := c.api.Webhooks.List(c.Context(), client.PageParams{PageSize: webhooksPage, StartingAfter: c.URL.Query().Get("after")})
	if err != nil {
		return nil, err
	}
	data := &webhooksData{Webhooks: list.Webhooks, Form: &webhookForm{
		Groups: eventGroups, All: true, Format: api.WebhookStandard, New: true, Action: webhooksPath,
	}}
	if n := len(list.Webhooks); list.HasMore && n > 0 {
		data.Next = webhooksPath + "?after=" + url.QueryEscape(list.Webhooks[n-1].ID)
	}
	return &screen{template: "webhooks", title: "Webhooks", at: webhooksPath, data: data}, nil
}

// createWebhook shows what a new webhook would be told, and makes it once that was seen. Its
// secret stands in this answer and nowhere else.
func createWebhook(c *call) (*screen, error) {
	if err := c.want(api.ScopeManageWebhooks); err != nil {
		return nil, err
	}
	f, err := c.readWebhook(true)
	if err != nil {
		return nil, err
	}
	f.Action = webhooksPath
	shown := &screen{template: "webhook-form", title: "New webhook", at: webhooksPath, data: f}
	if f.bad() {
		shown.status = http.StatusBadRequest
		return shown, nil
	}
	if c.PostFormValue("do") != "confirm" {
		f.Look = c.PostFormValue("do") != "edit"
		return shown, nil
	}
	made, err := c.api.Webhooks.Create(c.Context(), api.CreateWebhookRequest{
		URL: f.URL, Format: f.Format, Events: f.events(), Description: f.Description,
	}, c.once())
	if wrong, ok := faultsOf(err, "url", "format", "events", "description"); ok {
		f.Faults, shown.status = wrong, http.StatusBadRequest
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	return &screen{template: "webhook-secret", title: "Webhook made", at: webhooksPath, data: made}, nil
}

// webhookData is a webhook with what was sent to it.
type webhookData struct {
	*api.Webhook
	Deliveries   []api.Delivery // the newest first
	Older, Newer string
	Path         string
}

func webhookPath(id string) string { return webhooksPath + "/" + url.PathEscape(id) }

// lastDelivery is behind all deliveries of a webhook that there can be: their ids have the
// places of their events, as those of other pages do.
func lastDelivery(webhook string) string {
	return "msg_" + strings.TrimPrefix(webhook, "webhook_") + "_" + strconv.FormatInt(math.MaxInt64, 10)
}

func oneWebhook(c *call) (*screen, error) {
	id, q := c.PathValue("id"), c.URL.Query()
	w, err := c.api.Webhooks.Get(c.Context(), id)
	if err != nil {
		return nil, err
	}
	data := &webhookData{Webhook: w, Path: webhookPath(id)}
	page := client.PageParams{PageSize: deliveriesPage, EndingBefore: q.Get("before"), StartingAfter: q.Get("after")}
	first := page.EndingBefore == "" && page.StartingAfter == ""
	if first {
		page.EndingBefore = lastDelivery(id)
	}
	list, err := c.api.Webhooks.Deliveries(c.Context(), id, page)
	if err != nil {
		return nil, err
	}
	data.Deliveries = list.Deliveries
	slices.Reverse(data.Deliveries)
	if n := len(data.Deliveries); n > 0 {
		newer, older := list.HasMore, list.HasMore
		if page.StartingAfter != "" {
			older = true
		} else {
			newer = !first
		}
		if older {
			data.Older = data.Path + "?before=" + url.QueryEscape(data.Deliveries[n-1].ID)
		}
		if newer {
			data.Newer = data.Path + "?after=" + url.QueryEscape(data.Deliveries[0].ID)
		}
	}
	return &screen{template: "webhook", title: "Webhook", at: webhooksPath, data: data}, nil
}

// webhookAction is a change of a webhook that is about to be made.
type webhookAction struct {
	*api.Webhook
	Action, Path string
	Key          string
	Faults       faults
	Title, Do    string // of the page, of the button
	Effect       string
	Danger       bool

	Form    *webhookForm // of edit
	Changes []fieldChange
	Overlap int64 // of rotate, in seconds
	After   int64 // of replay
	Last    int64 // place of the feed
	Test    *api.WebhookTest
}

// webhookActions are what can be done to a webhook, with what it does.
var webhookActions = map[string]webhookAction{
	"edit":   {Title: "Edit the webhook", Do: "Save"},
	"rotate": {Title: "Give it a new secret", Do: "Make the new secret", Effect: "Messages are signed with a new secret from now on. It is shown once. The one before signs as well for the time that you say, so that the receiver can change over."},
	"test":   {Title: "Send a test", Do: "Send it", Effect: "One message that says it is a test is sent now, signed as all are. It is no delivery, and nothing is retried."},
	"enable": {Title: "Enable it again", Do: "Enable", Effect: "It is sent to again from now on. What it missed meanwhile is not sent by itself: replay does that."},
	"replay": {Title: "Replay events", Do: "Replay", Effect: "All events behind the place that you say, of those that it is told of, are sent again, each with the id it had. The receiver must know those that it has had."},
	"delete": {Title: "Delete the webhook", Do: "Delete", Danger: true, Effect: "Nothing more is sent to it from a second later on, and what was sent cannot be looked up any more. It cannot be taken back: a new one has a new secret."},
}

const (
	defaultOverlap = 86400
	// replayed is how many places back a replay is offered to begin.
	replayed = 100
)

func (c *call) webhookAction() (*webhookAction, *screen, error) {
	name := c.PathValue("action")
	a, ok := webhookActions[name]
	if !ok {
		return nil, nil, errNotFound
	}
	w, err := c.api.Webhooks.Get(c.Context(), c.PathValue("id"))
	if err != nil {
		return nil, nil, err
	}
	a.Webhook, a.Action, a.Path, a.Key = w, name, webhookPath(w.ID), NewKey()
	return &a, &screen{template: "webhook-action", title: a.Title, at: webhooksPath, data: &a}, nil
}

func askOfWebhook(c *call) (*screen, error) {
	a, shown, err := c.webhookAction()
	if err != nil {
		return nil, err
	}
	switch a.Action {
	case "edit":
		a.Form = &webhookForm{
			URL: a.URL, Format: a.Format, Description: a.Description, All: len(a.Events) == 0, Events: a.Events, Groups: eventGroups,
			Action: a.Path + "/edit",
		}
		shown.template, shown.data = "webhook-form", a.Form
	case "rotate":
		a.Overlap = defaultOverlap
	case "replay":
		last, err := c.lastPlace()
		if err == nil {
			a.Last, a.After = last, max(last-replayed, 0)
		} else if !errors.Is(err, client.ErrForbidden) {
			return nil, err
		}
	}
	return shown, nil
}

func changeWebhook(c *call) (*screen, error) {
	if err := c.want(api.ScopeManageWebhooks); err != nil {
		return nil, err
	}
	if err := c.form(); err != nil {
		return nil, err
	}
	a, shown, err := c.webhookAction()
	if err != nil {
		return nil, err
	}
	back := func(said string) error { return goTo(a.Path, said) }
	switch a.Action {
	case "edit":
		return c.editWebhook(a, shown)
	case "rotate":
		a.Overlap, err = strconv.ParseInt(c.PostFormValue("overlap"), 10, 64)
		if err != nil {
			a.Faults.Fields = map[string]string{"overlap": "A whole number of seconds"}
			break
		}
		made, err := c.api.Webhooks.Rotate(c.Context(), a.ID, api.RotateWebhookRequest{Overlap: &a.Overlap}, c.once())
		if err == nil {
			return &screen{template: "webhook-secret", title: "A new secret", at: webhooksPath, data: made}, nil
		}
		return a.wrong(shown, err, "overlap")
	case "test":
		if a.Test, err = c.api.Webhooks.Test(c.Context(), a.ID, c.once()); err != nil {
			return a.wrong(shown, err)
		}
		return shown, nil
	case "enable":
		if _, err = c.api.Webhooks.Enable(c.Context(), a.ID, c.once()); err == nil {
			err = back("Enabled. What it missed can be replayed.")
		}
		return a.wrong(shown, err)
	case "replay":
		a.After, err = strconv.ParseInt(strings.TrimSpace(c.PostFormValue("after")), 10, 64)
		if err != nil || a.After < 0 {
			a.Faults.Fields = map[string]string{"after": "The id of an event, or 0 for all there are"}
			break
		}
		if _, err = c.api.Webhooks.Replay(c.Context(), a.ID, a.After, c.once()); err == nil {
			err = back(fmt.Sprintf("The events behind place %s are sent again.", count(a.After)))
		}
		return a.wrong(shown, err, "after")
	case "delete":
		if err = c.api.Webhooks.Delete(c.Context(), a.ID); err == nil {
			err = goTo(webhooksPath, "Deleted. Nothing more is sent to "+a.URL+".")
		}
		return a.wrong(shown, err)
	}
	shown.status = http.StatusBadRequest
	return shown, nil
}

// wrong shows an action again with what is wrong with it, if that is the caller's.
func (a *webhookAction) wrong(shown *screen, err error, fields ...string) (*screen, error) {
	wrong, ok := faultsOf(err, fields...)
	if !ok {
		return nil, err
	}
	a.Faults, shown.status = wrong, http.StatusBadRequest
	return shown, nil
}

// editWebhook shows what would be another, and changes it once that was seen.
func (c *call) editWebhook(a *webhookAction, shown *screen) (*screen, error) {
	f, err := c.readWebhook(false)
	if err != nil {
		return nil, err
	}
	f.Format, f.Action = a.Format, a.Path+"/edit"
	a.Form, shown.template, shown.data = f, "webhook-form", f
	if f.bad() {
		shown.status = http.StatusBadRequest
		return shown, nil
	}
	before := webhookForm{All: len(a.Events) == 0, Events: a.Events}
	for _, change := range []fieldChange{
		{Name: "Address", Before: a.URL, After: f.URL}, {Name: "Told of", Before: before.Told(), After: f.Told()},
		{Name: "Description", Before: a.Description, After: f.Description},
	} {
		if change.Before != change.After {
			a.Changes = append(a.Changes, change)
		}
	}
	switch c.PostFormValue("do") {
	case "edit":
		return shown, nil
	case "confirm":
	default:
		f.Look, shown.template, shown.data = true, "webhook-action", a
		return shown, nil
	}
	events := f.events()
	_, err = c.api.Webhooks.Update(c.Context(), a.ID, api.UpdateWebhookRequest{URL: &f.URL, Events: &events, Description: api.Some(f.Description)})
	if wrong, ok := faultsOf(err, "url", "events", "description"); ok {
		f.Faults, shown.status = wrong, http.StatusBadRequest
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, goTo(a.Path, "Saved.")
}
