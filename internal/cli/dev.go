package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// devCommand has no twins in the environment: what is meant for a real server must
// not become a toy.
type devCommand struct {
	Listen string `placeholder:"HOST:PORT" help:"Address to listen on; port 0 takes a free one. By default ${listen}, or another port if that is taken."`
	Data   string `placeholder:"DIR" help:"Directory to keep the data in; by default it goes when the command ends."`
}

// The example, in the catalog of server.ExampleCatalog and beside it.
const (
	demoClient  = "allot dev"
	demoOrgCode = "demo"
	demoName    = "Demo Ltd"
	demoPlan    = "pro"
	demoAdmin   = "demo"
)

func (c *devCommand) Run(ctx context.Context, s *session) (err error) {
	// Its directory goes with it however it is ended: also when the terminal does.
	if !signal.Ignored(syscall.SIGHUP) {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	dir, err := s.scratch.make("allot-dev-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.scratch.remove()) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	srv, taken, err := c.start(ctx, s, cmp.Or(c.Data, dir))
	if err != nil {
		return err
	}
	d, err := newDemo(ctx, srv, dir)
	if err == nil {
		d.Taken, d.Data = taken, c.Data
		err = s.print(d, d.welcome)
	}
	if unread(err) {
		err = &hintedError{errors.New("nobody reads what it prints"), "run allot dev in a terminal, or send its output to a file: allot dev --json >FILE"}
	}
	if err != nil {
		stop()
	}
	return errors.Join(err, srv.Wait())
}

// start starts a server. If no address was asked for and the default one is taken,
// which it then returns, the server has another port.
func (c *devCommand) start(ctx context.Context, s *session, data string) (_ *server.Server, taken string, err error) {
	cfg := server.Config{
		Place:         server.Place{Data: data},
		Listen:        cmp.Or(c.Listen, server.DefaultListen),
		Log:           slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		PublicPricing: true,
	}
	srv, err := server.Start(ctx, cfg)
	if c.Listen == "" && errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(server.DefaultListen) // it is one
		taken, cfg.Listen = server.DefaultListen, net.JoinHostPort(host, "0")
		srv, err = server.Start(ctx, cfg)
	}
	return srv, taken, err
}

// demo is what a newcomer needs for a first call. Nothing of it is secret, but for a
// link that is good once: the credentials are in a file.
type demo struct {
	URL        string                      `json:"url"`
	Console    string                      `json:"console"` // a link that signs in, once
	CustomerID string                      `json:"customer_id"`
	EnvFile    string                      `json:"env_file"` // sets the variables of variables, for a shell
	Curl       string                      `json:"curl"`     // a command line that works as pasted
	Answer     *api.BillingEntitlementList `json:"answer"`   // to the question that Curl asks
	Data       string                      `json:"data,omitempty"`
	Taken      string                      `json:"taken,omitempty"` // the address that it would have had

	clientID, clientSecret, token string
}

// demoVariables are those that its file sets beside the twins of flags.
var demoVariables = []string{"ALLOT_CUSTOMER"}

// variables are what its file sets.
func (d *demo) variables() [][2]string {
	return [][2]string{
		{"ALLOT_URL", d.URL},
		{"ALLOT_CLIENT_ID", d.clientID},
		{"ALLOT_CLIENT_SECRET", d.clientSecret},
		{"ALLOT_TOKEN", d.token},
		{"ALLOT_CUSTOMER", d.CustomerID},
	}
}

// newDemo puts the example into a server, as far as it is not there already, makes
// credentials for it, writes them into a file in dir, and asks a first question.
func newDemo(ctx context.Context, srv *server.Server, dir string) (*demo, error) {
	d := &demo{URL: srv.URL(), EnvFile: filepath.Join(dir, "env")}
	if err := d.credentials(ctx, srv); err != nil {
		return nil, err
	}
	allot, err := client.New(d.URL, client.WithToken(d.token))
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
	customer, err := allot.Customers.Ensure(ctx, api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: demoOrgCode, Name: demoName, PlanCode: api.Some(demoPlan),
	})
	if err != nil {
		return nil, err
	}
	d.CustomerID = customer.ID
	if err := d.writeEnv(); err != nil {
		return nil, err
	}
	d.Curl = fmt.Sprintf(`. %s && curl -sS -H "Authorization: Bearer $ALLOT_TOKEN" "$ALLOT_URL/api/v1/billing/entitlements?customer_id=$ALLOT_CUSTOMER"`, shellWord(d.EnvFile))
	console, err := srv.SignInLink(ctx, demoAdmin, "admin")
	if err != nil {
		return nil, err
	}
	d.Console = console.URL
	d.Answer, err = allot.Entitlements.List(ctx, client.EntitlementParams{CustomerID: d.CustomerID})
	return d, err
}

// writeEnv writes the file of variables, for its owner only.
func (d *demo) writeEnv() error {
	var b strings.Builder
	for _, v := range d.variables() {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], shellWord(v[1]))
	}
	return os.WriteFile(d.EnvFile, []byte(b.String()), 0o600)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// shellWord is a text as a POSIX shell reads it.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
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
			d.clientID = c.ID
		}
	}
	if d.clientID == "" {
		c, secret, err := srv.CreateClient(ctx, demoClient, []string{server.AllScopes})
		if err != nil {
			return err
		}
		d.clientID, d.clientSecret = c.ID, secret
	} else {
		secret, err := srv.RotateClient(ctx, d.clientID, 0)
		if err != nil {
			return err
		}
		d.clientSecret = secret
	}
	token, err := srv.Token(ctx, server.TokenRequest{Issuer: d.URL, ClientID: d.clientID})
	d.token = token.AccessToken
	return err
}

// welcome is what a newcomer is told: a screen, at most.
func (d *demo) welcome(w io.Writer) {
	if d.Data != "" {
		fmt.Fprintf(w, "Allot is ready at %s; its data stays in %s.\n", d.URL, d.Data)
	} else {
		fmt.Fprintf(w, "Allot is ready at %s; its data goes when it stops.\n", d.URL)
	}
	if d.Taken != "" {
		fmt.Fprintf(w, "Something else listens at %s, so it has another port.\n", d.Taken)
	}
	fmt.Fprintf(w, "Open the console: %s\n", d.Console)
	fmt.Fprintf(w, "\nWhat is %s, on the plan %s, entitled to right now? It answers:\n\n", demoName, demoPlan)
	row(w, "FEATURE", "PRICE", "FIXED CHARGE", "UNIT AMOUNT", "MIN", "MAX")
	for _, e := range d.Answer.Entitlements {
		row(w, e.FeatureCode, e.PriceName, integer(e.FixedCharge), integer(e.UnitAmount),
			integer(e.EntitlementLimitMin), integer(e.EntitlementLimitMax))
	}
	fmt.Fprintf(w, "\nAsk it yourself, in another terminal:\n\n%s\n\n", d.Curl)
	fmt.Fprintln(w, "There  allot check org_code=demo seats  works too.")
	fmt.Fprintln(w, "Ctrl-C stops it.")
}
