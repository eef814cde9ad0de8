package admin

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// Clients are the programs that may call the API, and the keys that their tokens are signed
// with. by is who does it, as the change log names them. What is wrong with a request is a
// [*client.Error], as the API would say it.
type Clients interface {
	Clients(ctx context.Context) ([]Client, error) // ascending by creation, revoked ones too
	// Create and Rotate return a secret that cannot be had again.
	Create(ctx context.Context, by, name string, scopes []string) (id, secret string, err error)
	Rotate(ctx context.Context, by, id string, overlap time.Duration) (secret string, err error)
	Revoke(ctx context.Context, by, id string) error
	Keys(ctx context.Context) ([]SigningKey, error) // ascending by creation
	RotateKey(ctx context.Context, by string) (kid string, err error)
}

// Client is a program that may call the API.
type Client struct {
	ID, Name  string
	Scopes    []string
	CreatedOn time.Time
	RevokedOn time.Time   // zero while it may call
	OldUntil  []time.Time // until when each of its secrets from before is good
}

// SigningKey is a key that tokens are signed with, or were.
type SigningKey struct {
	ID        string
	CreatedOn time.Time
	Until     time.Time // until when it verifies; zero for the one that signs
}

// clientScreens show who may call the API.
var clientScreens = []route{
	{"GET /console/clients", listClients},
	{"GET /console/clients/new", newClient},
	{"POST /console/clients/new", createClient},
	{"GET /console/clients/keys/rotate", previewKeyRotation},
	{"POST /console/clients/keys/rotate", rotateKey},
	{"GET /console/clients/{id}", showClient},
	{"GET /console/clients/{id}/rotate", previewRotation},
	{"POST /console/clients/{id}/rotate", rotateClient},
	{"GET /console/clients/{id}/revoke", previewRevocation},
	{"POST /console/clients/{id}/revoke", revokeClient},
}

const clientsPath = "/console/clients"

// by is the session as the change log names it.
func (s *Session) by() string { return "admin:" + s.Name }

// mayAll reports whether the session may do everything. Who makes a client gives it scopes,
// and must have them all.
func (c *call) mayAll() bool {
	return !slices.ContainsFunc(api.Scopes, func(s api.Scope) bool { return !c.may(s.Name) })
}

// wantAll is an error unless the session may do everything.
func (c *call) wantAll() error {
	if c.mayAll() {
		return nil
	}
	return &client.Error{Status: http.StatusForbidden, Errors: []api.Error{{
		Code: "ROLE_MISSING", Message: "clients and keys are kept by those who may do everything, with the role admin",
	}}}
}

// clientRow is a client in the list.
type clientRow struct {
	Client
	Every bool // it has every scope
	Old   time.Time
}

// keyRow is a signing key in the list.
type keyRow struct {
	SigningKey
	Age string
}

func (c *call) rowOf(is Client) clientRow {
	row := clientRow{Client: is, Every: len(is.Scopes) == len(api.Scopes)}
	for _, until := range is.OldUntil {
		if until.After(c.Now()) && until.After(row.Old) {
			row.Old = until
		}
	}
	return row
}

func listClients(c *call) (*screen, error) {
	clients, err := c.Clients.Clients(c.Context())
	if err != nil {
		return nil, err
	}
	keys, err := c.Clients.Keys(c.Context())
	if err != nil {
		return nil, err
	}
	var data struct {
		May           bool
		Live, Revoked []clientRow
		Keys          []keyRow
	}
	data.May = c.mayAll()
	for _, is := range clients {
		if row := c.rowOf(is); is.RevokedOn.IsZero() {
			data.Live = append(data.Live, row)
		} else {
			data.Revoked = append(data.Revoked, row)
		}
	}
	for _, k := range keys {
		data.Keys = append(data.Keys, keyRow{k, age(c.Now().Sub(k.CreatedOn))})
	}
	slices.Reverse(data.Keys)
	return &screen{template: "clients", title: "Clients and keys", at: clientsPath, data: data}, nil
}

// find is the client of the address.
func (c *call) find() (Client, error) {
	clients, err := c.Clients.Clients(c.Context())
	if err != nil {
		return Client{}, err
	}
	i := slices.IndexFunc(clients, func(is Client) bool { return is.ID == c.PathValue("id") })
	if i < 0 {
		return Client{}, &client.Error{Status: http.StatusNotFound, Errors: []api.Error{{Code: "CLIENT_NOT_FOUND", Message: "there is no such client"}}}
	}
	return clients[i], nil
}

// clientScreen is what the screen of one client shows.
type clientScreen struct {
	clientRow
	May     bool
	Permits []api.Scope
	URL     string
	Connect []snippet
}

func showClient(c *call) (*screen, error) {
	is, err := c.find()
	if err != nil {
		return nil, err
	}
	data := clientScreen{clientRow: c.rowOf(is), May: c.mayAll(), URL: c.console.URL, Connect: snippets}
	for _, s := range api.Scopes {
		if slices.Contains(is.Scopes, s.Name) {
			data.Permits = append(data.Permits, s)
		}
	}
	return &screen{template: "client", title: is.Name, at: clientsPath, data: data}, nil
}

// clientForm is the form of a new client.
type clientForm struct {
	faults
	Name   string
	Groups []scopeGroup
	Key    string
}

// scopeGroup are scopes that begin with the same word.
type scopeGroup struct {
	Verb   string
	Scopes []scopeBox
}

type scopeBox struct {
	api.Scope
	Checked bool
}

func clientFormOf(name string, scopes []string) clientForm {
	form := clientForm{Name: name, Key: NewKey()}
	for _, s := range api.Scopes {
		verb, _, _ := strings.Cut(s.Name, ":")
		i := slices.IndexFunc(form.Groups, func(g scopeGroup) bool { return g.Verb == verb })
		if i < 0 {
			i = len(form.Groups)
			form.Groups = append(form.Groups, scopeGroup{Verb: verb})
		}
		form.Groups[i].Scopes = append(form.Groups[i].Scopes, scopeBox{s, slices.Contains(scopes, s.Name)})
	}
	return form
}

func newClient(c *call) (*screen, error) {
	if err := c.wantAll(); err != nil {
		return nil, err
	}
	return clientFormScreen(clientFormOf("", []string{api.ScopeReadBillingEntitlements, api.ScopeCheckEntitlements}), 0), nil
}

func clientFormScreen(form clientForm, status int) *screen {
	return &screen{template: "client-new", title: "A new client", at: clientsPath, status: status, data: form}
}

func createClient(c *call) (*screen, error) {
	if err := c.wantAll(); err != nil {
		return nil, err
	}
	if err := c.form(); err != nil {
		return nil, err
	}
	return c.doneOnce(func() (*screen, error) {
		name, scopes := strings.TrimSpace(c.PostFormValue("name")), c.PostForm["scope"]
		id, secret, err := c.Clients.Create(c.Context(), c.session.by(), name, scopes)
		if found, ok := faultsOf(err, "name", "scope"); ok {
			form := clientFormOf(name, scopes)
			form.faults = found
			return clientFormScreen(form, http.StatusBadRequest), nil
		}
		if err != nil {
			return nil, err
		}
		return c.secretScreen(name+" may call the API", id, secret, ""), nil
	})
}

// clientSecret is what the screen of a new secret shows, this once.
type clientSecret struct {
	ID, Secret, URL string
	Old             string // what becomes of the one before; "" if there is none
	Connect         []snippet
}

func (c *call) secretScreen(title, id, secret, old string) *screen {
	return &screen{template: "client-secret", title: title, at: clientsPath, done: true, data: clientSecret{id, secret, c.console.URL, old, snippets}}
}

// overlaps are for how long an old secret may stay good, for people.
var overlaps = []struct {
	Value, Text string
	For         time.Duration
}{
	{"0", "not at all: it is known to others", 0},
	{"1h", "an hour", time.Hour},
	{"24h", "a day", 24 * time.Hour},
	{"168h", "a week", 7 * 24 * time.Hour},
	{"720h", "30 days", 30 * 24 * time.Hour},
}

// clientChange is what the screen before a change of a client shows.
type clientChange struct {
	Client
	Key      string
	Do       string
	Overlaps any
	Overlap  string
	Chosen   bool // an overlap
	Until    time.Time
}

func previewRotation(c *call) (*screen, error) {
	is, err := c.changeable()
	if err != nil {
		return nil, err
	}
	data := clientChange{Client: is, Key: NewKey(), Do: "rotate", Overlaps: overlaps, Overlap: "24h"}
	if asked := c.Request.URL.Query().Get("overlap"); asked != "" {
		overlap, ok := overlapOf(asked)
		if !ok {
			return nil, errBadForm
		}
		data.Overlap, data.Chosen = asked, true
		if overlap > 0 {
			data.Until = c.Now().Add(overlap)
		}
	}
	return &screen{template: "client-change", title: "A new secret for " + is.Name, at: clientsPath, data: data}, nil
}

func overlapOf(value string) (time.Duration, bool) {
	for _, o := range overlaps {
		if o.Value == value {
			return o.For, true
		}
	}
	return 0, false
}

// changeable is the client of the address, if the session may change it and it may call.
func (c *call) changeable() (Client, error) {
	if err := c.wantAll(); err != nil {
		return Client{}, err
	}
	is, err := c.find()
	if err == nil && !is.RevokedOn.IsZero() {
		err = &client.Error{Status: http.StatusConflict, Errors: []api.Error{{Code: "CLIENT_REVOKED", Message: "the client is revoked and stays so: make another one"}}}
	}
	return is, err
}

func rotateClient(c *call) (*screen, error) {
	return c.changeOnce(func(is Client) (*screen, error) {
		overlap, ok := overlapOf(c.PostFormValue("overlap"))
		if !ok {
			return nil, errBadForm
		}
		secret, err := c.Clients.Rotate(c.Context(), c.session.by(), is.ID, overlap)
		if err != nil {
			return nil, err
		}
		old := "The secret from before, and all tokens made with it, are refused now."
		if overlap > 0 {
			old = "The secret from before is good for a while longer, and tokens made with it until they end."
		}
		return c.secretScreen("A new secret for "+is.Name, is.ID, secret, old), nil
	})
}

// changeOnce changes the client of the address, once for the form that was sent.
func (c *call) changeOnce(change func(Client) (*screen, error)) (*screen, error) {
	if err := c.wantAll(); err != nil {
		return nil, err
	}
	if err := c.form(); err != nil {
		return nil, err
	}
	return c.doneOnce(func() (*screen, error) {
		is, err := c.changeable()
		if err != nil {
			return nil, err
		}
		return change(is)
	})
}

func previewRevocation(c *call) (*screen, error) {
	is, err := c.changeable()
	if err != nil {
		return nil, err
	}
	return &screen{template: "client-change", title: "Revoke " + is.Name, at: clientsPath, data: clientChange{Client: is, Key: NewKey(), Do: "revoke"}}, nil
}

func revokeClient(c *call) (*screen, error) {
	return c.changeOnce(func(is Client) (*screen, error) {
		if err := c.Clients.Revoke(c.Context(), c.session.by(), is.ID); err != nil {
			return nil, err
		}
		return nil, goTo(clientsPath, is.Name+" is revoked.")
	})
}

func previewKeyRotation(c *call) (*screen, error) {
	if err := c.wantAll(); err != nil {
		return nil, err
	}
	return &screen{template: "key-rotate", title: "A new signing key", at: clientsPath, data: NewKey()}, nil
}

func rotateKey(c *call) (*screen, error) {
	if err := c.wantAll(); err != nil {
		return nil, err
	}
	if err := c.form(); err != nil {
		return nil, err
	}
	return c.doneOnce(func() (*screen, error) {
		kid, err := c.Clients.RotateKey(c.Context(), c.session.by())
		if err != nil {
			return nil, err
		}
		return nil, goTo(clientsPath+"#"+url.PathEscape(kid), "Tokens are signed with the key "+kid+" now.")
	})
}
