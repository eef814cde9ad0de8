package cli

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/template"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

type devCommand struct {
	Listen string `default:"${listen}" placeholder:"HOST:PORT" help:"Address to listen on; port 0 takes a free one. Default: ${default}."`
	// Without a twin: what is meant for a real server must not become a toy.
	Data string `placeholder:"DIR" help:"Directory to keep the data in; by default it goes when the command ends."`
}

// The example, in the catalog of server.ExampleCatalog and beside it.
const (
	demoClient  = "allot dev"
	demoOrgCode = "demo"
	demoName    = "Demo Ltd"
	demoPlan    = "pro"
	demoFeature = "seats" // ten of them, and not one more
)

func (c *devCommand) Run(ctx context.Context, s *session) (err error) {
	// Its directory goes with it however it is ended: also when the terminal does, or
	// whoever reads what it prints.
	if !signal.Ignored(syscall.SIGHUP) {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	signal.Ignore(syscall.SIGPIPE) // printing fails then
	data := c.Data
	if data == "" {
		if data, err = os.MkdirTemp("", "allot-dev-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	srv, err := server.Start(ctx, server.Config{
		Place:  server.Place{Data: data},
		Listen: c.Listen,
		Log:    slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	demo, err := newDemo(ctx, srv)
	if err == nil {
		demo.Data = c.Data
		err = s.print(demo, func(w io.Writer) { fmt.Fprint(w, demo.welcome()) })
	}
	if err != nil {
		stop()
	}
	return errors.Join(err, srv.Wait())
}

// demoVariables are those that its file of variables sets beside the twins of
// flags.
var demoVariables = []string{"ALLOT_CUSTOMER"}

// demo is what a newcomer needs for a first call.
type demo struct {
	URL          string `json:"url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Token        string `json:"token"`
	CustomerID   string `json:"customer_id"`
	Curl         string `json:"curl"`         // a command line that works as pasted
	CurlConsume  string `json:"curl_consume"` // another, that uses a seat
	Data         string `json:"data,omitempty"`
	Customer     string `json:"-"`
	Plan         string `json:"-"`
}

// newDemo puts the example into a server, as far as it is not there already, and
// makes credentials for it.
func newDemo(ctx context.Context, srv *server.Server) (*demo, error) {
	d := &demo{URL: srv.URL(), Customer: demoName, Plan: demoPlan}
	if err := d.credentials(ctx, srv); err != nil {
		return nil, err
	}
	allot, err := client.New(d.URL, client.WithToken(d.Token))
	if err != nil {
		return nil, err
	}
	catalog, err := allot.Catalog.Get(ctx)
	if err != nil {
		return nil, err
	}
	if len(catalog.Plans) == 0 {
		if _, err := allot.Catalog.Apply(ctx, server.ExampleCatalog(), false); err != nil {
			return nil, err
		}
	}
	for customer, err := range allot.Customers.All(ctx, client.CustomerParams{OrgCode: demoOrgCode}) {
		if err != nil {
			return nil, err
		}
		d.CustomerID = customer.ID
	}
	if d.CustomerID == "" {
		customer, err := allot.Customers.Create(ctx, api.CreateCustomerRequest{
			Type: api.CustomerOrganization, OrgCode: demoOrgCode, Name: demoName, PlanCode: api.Some(demoPlan),
		})
		if err != nil {
			return nil, err
		}
		d.CustomerID = customer.ID
	}
	d.Curl = fmt.Sprintf("curl -sS -H 'Authorization: Bearer %s' '%s/api/v1/billing/entitlements?customer_id=%s&expand=plans'", d.Token, d.URL, d.CustomerID)
	d.CurlConsume = fmt.Sprintf(`curl -sS -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{"org_code":"%s","feature_code":"%s"}' '%s/v1/consume'`, d.Token, demoOrgCode, demoFeature, d.URL)
	return d, nil
}

// credentials makes a client, or gives the one of an earlier run a new secret,
// and a token for it.
func (d *demo) credentials(ctx context.Context, srv *server.Server) error {
	clients, err := srv.Clients(ctx)
	if err != nil {
		return err
	}
	for _, c := range clients {
		if c.Name == demoClient && c.RevokedOn.IsZero() {
			d.ClientID = c.ID
		}
	}
	if d.ClientID == "" {
		c, secret, err := srv.CreateClient(ctx, demoClient, []string{server.AllScopes})
		if err != nil {
			return err
		}
		d.ClientID, d.ClientSecret = c.ID, secret
	} else {
		secret, err := srv.RotateClient(ctx, d.ClientID)
		if err != nil {
			return err
		}
		d.ClientSecret = secret
	}
	token, err := srv.Token(ctx, server.TokenRequest{Issuer: d.URL, ClientID: d.ClientID})
	d.Token = token.AccessToken
	return err
}

//go:embed welcome.txt
var welcomeText string

var welcome = template.Must(template.New("welcome").Parse(welcomeText))

// welcome is what a newcomer is told. It has no tabs, so it is shown as it is.
func (d *demo) welcome() string {
	var b strings.Builder
	if err := welcome.Execute(&b, d); err != nil {
		panic(err) // the template and its data are both here
	}
	return b.String()
}
