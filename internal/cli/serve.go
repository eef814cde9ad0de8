package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/allot-dev/allot/internal/server"
)

// place is where an installation keeps its data.
type place struct {
	Data     string `default:"${data}" placeholder:"DIR" env:"ALLOT_DATA" help:"Directory for the database and the key file. Default: ${default}." group:"Place:"`
	Database string `placeholder:"URL" env:"ALLOT_DATABASE" help:"The database, sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME; by default allot.db in the data directory." group:"Place:"`
	KeyFile  string `placeholder:"FILE" env:"ALLOT_KEY_FILE" help:"The key that signing keys are sealed with; by default allot.key in the data directory. Keep it apart from backups of the database." group:"Place:"`
}

func (p *place) place() server.Place {
	return server.Place{Data: p.Data, Database: p.Database, KeyFile: p.KeyFile}
}

type serveCommand struct {
	place         `embed:""`
	New           bool     `help:"Make a database where there is none although a key file or a lock file says that there was one."`
	AcceptDamage  bool     `name:"accept-damage" help:"Start on a damaged SQLite database, without what it has lost; a copy of its log is kept beside it. Say so once, after reading docs/damage.md."`
	Listen        string   `default:"${listen}" placeholder:"HOST:PORT" env:"ALLOT_LISTEN" help:"Address to listen on; port 0 takes a free one. Default: ${default}."`
	Issuer        string   `placeholder:"URL" env:"ALLOT_ISSUER" help:"Where clients find the server: the issuer of its tokens. By default http(s)://LISTEN."`
	Audience      []string `sep:" " placeholder:"AUDIENCE" env:"ALLOT_AUDIENCE" help:"Further audience that tokens may be asked for; may be repeated."`
	TrustedIssuer []string `sep:" " placeholder:"URL=AUDIENCE" env:"ALLOT_TRUSTED_ISSUER" help:"Another issuer whose tokens for the audience are accepted; may be repeated."`

	TrustedIssuerScope []string `sep:" " placeholder:"URL=SCOPES" env:"ALLOT_TRUSTED_ISSUER_SCOPE" help:"Scopes, separated by spaces, that clients of a trusted issuer may have, or all; by default none, so that it speaks for its users only; may be repeated."`
	TrustedIssuerDeny  []string `sep:" " placeholder:"URL=CLIENT" env:"ALLOT_TRUSTED_ISSUER_DENY" help:"A client of a trusted issuer that is refused; may be repeated."`

	TLSCert   string `name:"tls-cert" placeholder:"FILE" env:"ALLOT_TLS_CERT" help:"Certificate with its chain, PEM."`
	TLSKey    string `name:"tls-key" placeholder:"FILE" env:"ALLOT_TLS_KEY" help:"Private key of the certificate, PEM."`
	RateLimit int    `placeholder:"N" env:"ALLOT_RATE_LIMIT" help:"Requests a minute that each client may make; 0 is no limit."`

	AccountOrg       bool     `env:"ALLOT_ACCOUNT_ORG" help:"Show a user on the account API what its organization holds, if the user is no customer itself."`
	PublicPricing    bool     `env:"ALLOT_PUBLIC_PRICING" help:"Let anybody read the price list, GET /v1/pricing, without credentials and from any page."`
	CORSOrigin       []string `name:"cors-origin" sep:" " placeholder:"ORIGIN" env:"ALLOT_CORS_ORIGIN" help:"An origin, such as https://app.example.com, whose pages may read the account API and which links to a customer's page may lead back to, or * for all; may be repeated."`
	Console          bool     `default:"true" env:"ALLOT_CONSOLE" help:"Serve the console and the pages beside it; --console=false takes them away."`
	UsageRetention   days     `placeholder:"DURATION" env:"ALLOT_USAGE_RETENTION" help:"Keep each usage record for this long, such as 400d, then only the total of each day; at least 2d. By default all are kept."`
	EventRetention   days     `placeholder:"DURATION" env:"ALLOT_EVENT_RETENTION" help:"Give events out for this long, such as 90d; all are kept all the same. By default for ever."`
	Events           []string `placeholder:"TYPE" env:"ALLOT_EVENTS" help:"Tell of these events too, which are many: usage.reset, hold.expired. The same on all servers of one database."`
	WebhookAllowHTTP bool     `env:"ALLOT_WEBHOOK_ALLOW_HTTP" help:"Let webhooks have http URLs, beside https."`
	WebhookAllow     []string `placeholder:"CIDR|HOST,..." env:"ALLOT_WEBHOOK_ALLOW" help:"Networks, addresses or hosts that webhooks may be sent to beside public addresses, such as 10.1.0.0/16 or hooks.internal."`

	ConsoleOIDCIssuer           string   `name:"console-oidc-issuer" placeholder:"URL" env:"ALLOT_CONSOLE_OIDC_ISSUER" help:"An OpenID provider that may let administrators in to the console. It leads back to ISSUER/console/sign-in/callback."`
	ConsoleOIDCClientID         string   `name:"console-oidc-client-id" placeholder:"ID" env:"ALLOT_CONSOLE_OIDC_CLIENT_ID" help:"The client that the provider knows this server as."`
	ConsoleOIDCClientSecretFile string   `name:"console-oidc-client-secret-file" placeholder:"FILE" env:"ALLOT_CONSOLE_OIDC_CLIENT_SECRET_FILE" help:"A file with the secret of that client; without one it has none. PKCE is used either way."`
	ConsoleOIDCAllow            []string `name:"console-oidc-allow" sep:" " placeholder:"ADDRESS=ROLE" env:"ALLOT_CONSOLE_OIDC_ALLOW" help:"Who may come in by the provider, such as ada@acme.example=admin, or @acme.example=viewer for all of a domain; may be repeated. The provider must say that the address is verified."`

	CacheSize       *size         `placeholder:"SIZE" env:"ALLOT_CACHE_SIZE" help:"Memory for the facts of customers, to answer from without the database; 0 keeps none. By default 64MiB, or a quarter of the memory that this process may take if that is less."`
	ServeStale      time.Duration `placeholder:"DURATION" env:"ALLOT_SERVE_STALE" help:"While the database cannot be read, answer entitlements from memory for this long, such as 5m; the header Allot-Stale says so. By default not at all."`
	DatabaseReplica string        `placeholder:"URL" env:"ALLOT_DATABASE_REPLICA" help:"A streaming replica of the PostgreSQL database, to read facts from that are not in memory."`
	MaxClockSkew    time.Duration `default:"5m" placeholder:"DURATION" env:"ALLOT_MAX_CLOCK_SKEW" help:"How far the clock may be off, by the time that has gone by and by the database's clock, before nothing is written. Default: ${default}."`
	MaxClockGap     days          `default:"35d" placeholder:"DURATION" env:"ALLOT_MAX_CLOCK_GAP" help:"How far the clock may be ahead of all that was written before, at a start. Default: ${default}."`
	AcceptClock     bool          `help:"Start though the clock is further ahead than that: it is right. Said once, not kept."`
	DrainDelay      time.Duration `default:"5s" placeholder:"DURATION" env:"ALLOT_DRAIN_DELAY" help:"When told to end, keep the port open for this long while /readyz says 503, if anybody asked for /readyz in the last minute. Default: ${default}."`
	MaxConnections  int           `placeholder:"N" env:"ALLOT_MAX_CONNECTIONS" help:"Connections of callers, three quarters of them from one address; idle ones make way. By default what the limits of the process permit, 32768 at most."`
	StrangerRate    *int          `placeholder:"N" env:"ALLOT_STRANGER_RATE" help:"Requests a second that one address may make without good credentials, such as all callers behind one proxy; 0 is no limit. By default 200."`
	LogLevel        slog.Level    `default:"info" placeholder:"LEVEL" env:"ALLOT_LOG_LEVEL" help:"What to log: debug (each request), info, warn or error. Default: ${default}."`
	Metrics         string        `placeholder:"HOST:PORT" env:"ALLOT_METRICS" help:"Address to show /metrics on, to whoever asks; keep it from strangers. By default nowhere."`
	Pprof           bool          `env:"ALLOT_PPROF" help:"Show profiles (/debug/pprof/) on the address of --metrics, to whoever asks."`
}

// size is a number of bytes.
type size int64

// UnmarshalText reads a number of bytes, or of KiB, MiB or GiB.
func (s *size) UnmarshalText(text []byte) error {
	number, unit := string(text), int64(1)
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = n, bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q: want a number of bytes, KiB, MiB or GiB, such as 64MiB", text)
	}
	*s = size(n * unit)
	return nil
}

// config is the size as [server.Config] has it.
func (s *size) config() int64 {
	switch {
	case s == nil:
		return 0
	case *s == 0:
		return server.NoCache
	}
	return int64(*s)
}

// strangerRate is the rate as [server.Config] has it.
func (c *serveCommand) strangerRate() int {
	switch {
	case c.StrangerRate == nil:
		return 0
	case *c.StrangerRate == 0:
		return server.NoStrangerRate
	case *c.StrangerRate < 0:
		return *c.StrangerRate - 1 // is refused, and is not what stands for none
	}
	return *c.StrangerRate
}

// days is a duration that may be said in days.
type days time.Duration

// UnmarshalText reads a number of days, such as 400d, or what
// [time.ParseDuration] reads.
func (d *days) UnmarshalText(text []byte) error {
	const longest = math.MaxInt64 / (24 * time.Hour)
	if number, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || n > uint64(longest) {
			return fmt.Errorf("%q: want a number of days from 0 to %d, such as 400d", text, int64(longest))
		}
		*d = days(n) * days(24*time.Hour)
		return nil
	}
	duration, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q: want a duration, such as 400d or 9600h", text)
	}
	*d = days(duration)
	return nil
}

// said is a duration that was said: 0 of it is no default, and refused.
func said(d time.Duration) time.Duration {
	if d == 0 {
		return server.NoDuration
	}
	return d
}

func (c *serveCommand) Run(ctx context.Context, s *session) error {
	defer runtime.KeepAlive(server.Headroom())
	lines := newLogWriter(s.err)
	s.err, s.flush = lines, lines.close
	log := slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: c.LogLevel}))
	for _, v := range strays(os.Environ(), append(s.variables, demoVariables...)) {
		attrs := []any{"variable", v.name}
		if v.nearest != "" {
			attrs = append(attrs, "nearest", v.nearest)
		}
		log.Warn("a variable of the environment is read by nothing", attrs...)
	}
	// Taken from the start, so that none ends the server before it listens.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	place := c.place.place()
	place.New = c.New
	srv, err := server.Start(ctx, server.Config{
		Place:          place,
		AcceptDamage:   c.AcceptDamage,
		Listen:         c.Listen,
		Issuer:         c.Issuer,
		Audiences:      c.Audience,
		TrustedIssuers: c.TrustedIssuer, TrustedIssuerScopes: c.TrustedIssuerScope, TrustedIssuerDeny: c.TrustedIssuerDeny,
		TLSCert:       c.TLSCert,
		TLSKey:        c.TLSKey,
		RateLimit:     c.RateLimit,
		AccountOrg:    c.AccountOrg,
		PublicPricing: c.PublicPricing,
		NoConsole:     !c.Console,

		ConsoleOIDCIssuer: c.ConsoleOIDCIssuer, ConsoleOIDCClientID: c.ConsoleOIDCClientID,
		ConsoleOIDCClientSecretFile: c.ConsoleOIDCClientSecretFile, ConsoleOIDCAllow: c.ConsoleOIDCAllow,

		CORSOrigins:    c.CORSOrigin,
		UsageRetention: time.Duration(c.UsageRetention), EventRetention: time.Duration(c.EventRetention),
		Events:           c.Events,
		WebhookAllowHTTP: c.WebhookAllowHTTP,
		WebhookAllow:     c.WebhookAllow,

		CacheSize:       c.CacheSize.config(),
		ServeStale:      c.ServeStale,
		DatabaseReplica: c.DatabaseReplica,
		Metrics:         c.Metrics,
		Pprof:           c.Pprof,
		Traces:          true,
		Version:         s.build().Version,
		MaxClockSkew:    said(c.MaxClockSkew),
		MaxClockGap:     said(time.Duration(c.MaxClockGap)),
		AcceptClock:     c.AcceptClock,
		DrainDelay:      c.DrainDelay,
		MaxConnections:  c.MaxConnections,
		StrangerRate:    c.strangerRate(),
		Log:             log,
		LogDropped:      lines.Dropped,
	})
	if err != nil && errors.Is(err, context.Canceled) && ctx.Err() != nil {
		log.Info("stopped before it listened") // as it was told to
		return nil
	}
	if err != nil {
		return err
	}
	if err := notifyReady(ctx); err != nil {
		log.Warn("who started the server cannot be told that it answers", "error", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Wait() }()
	for {
		select {
		case err := <-ended:
			return err
		case <-hangups:
			srv.Reload()
		}
	}
}
