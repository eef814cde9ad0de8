package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/admin/signin"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/clock"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/oauth"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// Defaults of a [Config] and a [Place].
const (
	DefaultListen = "127.0.0.1:8080"
	DefaultData   = "./allot-data"
	// DefaultCacheSize is enough for some 350,000 customers on one plan each.
	DefaultCacheSize = 64 << 20
)

// The defaults of how far clocks may be apart.
const (
	DefaultMaxClockSkew = 5 * time.Minute
	DefaultMaxClockGap  = 35 * 24 * time.Hour
)

// DefaultStrangerRate is enough for what clients without a token have to ask, behind one
// address, and little beside what a server can do.
const DefaultStrangerRate = 200

// NoStrangerRate is the StrangerRate of a server that lets strangers ask as often as they
// like.
const NoStrangerRate = -1

// NoDuration is a MaxClockSkew or MaxClockGap of 0 that was asked for, which is refused.
const NoDuration time.Duration = -1

// NoCache is the CacheSize of a server that reads the database for every answer.
const NoCache = -1

// MinUsageRetention is the shortest time for which usage records can be kept. By
// the id of a record its reporter may send it again without it counting twice;
// that must hold for as long as it does with an idempotency key.
const MinUsageRetention = service.AnswerLifetime

// MinEventRetention is the shortest time for which events can be given out: who hears of
// changes must be able to be away for a night.
const MinEventRetention = 24 * time.Hour

// Place is where an installation keeps what it knows.
type Place struct {
	// Data is the directory for the database and the key file, unless they are
	// named themselves. "" is [DefaultData].
	Data string
	// Database is the database's URL: sqlite:FILE, or postgres://… as
	// [store.CheckURL] takes it. "" is the file allot.db in Data.
	Database string
	// KeyFile is the file whose key the signing keys are sealed with. "" is the
	// file allot.key in Data. It must not be kept where backups of the database
	// are.
	KeyFile string
	// New makes a SQLite database where there is none, whatever says that there was one.
	New bool
}

// withDefaults fills in what is left empty.
func (p Place) withDefaults() Place {
	if p.Data == "" {
		p.Data = DefaultData
	}
	if p.Database == "" {
		p.Database = "sqlite:" + filepath.Join(p.Data, "allot.db")
	}
	if p.KeyFile == "" {
		p.KeyFile = filepath.Join(p.Data, "allot.key")
	}
	return p
}

// Config is all that can be told to a server. The zero Config is one for
// development on the own machine.
type Config struct {
	Place

	// Listen is the TCP address to listen on, host:port. Port 0 takes any free
	// one, an empty host all interfaces. "" is [DefaultListen].
	Listen string
	// Issuer is the URL under which clients reach the server. It is the issuer of
	// its tokens and the base of their audience. "" is http://LISTEN, or
	// https://LISTEN with TLS.
	Issuer string
	// Audiences are further audiences that tokens may be asked for, compared
	// exactly; those that follow from Issuer are always accepted. See
	// [oauth.Audiences].
	Audiences []string
	// TrustedIssuers are other issuers whose tokens are accepted, each
	// URL=AUDIENCE. One issuer may be given several times, with one audience
	// each.
	TrustedIssuers []string
	// TrustedIssuerScopes are the scopes that clients of trusted issuers may have, each
	// URL=SCOPE, and TrustedIssuerDeny the clients that are refused, each URL=CLIENT.
	// A value without "=" goes on with the URL before it. An issuer that is given no
	// scopes speaks for its users only.
	TrustedIssuerScopes, TrustedIssuerDeny []string
	// TLSCert and TLSKey are PEM files: the certificate with its chain, and its
	// private key. Both or neither; without, plain HTTP is served. They are read at
	// the start, and again by [Server.Reload].
	TLSCert, TLSKey string
	// RateLimit is how many requests each client may make a minute. 0 is no limit.
	RateLimit int
	// AccountOrg shows a user on the account API what its organization holds, if
	// the user is no customer itself.
	AccountOrg bool
	// PublicPricing lets anybody read GET /v1/pricing, from any page.
	PublicPricing bool
	// NoConsole takes away the console and the pages beside it.
	NoConsole bool
	// SignIn says who is signed in to the console. Nil: the administrators of the
	// installation are.
	SignIn admin.SignIn
	// ConsoleOIDCIssuer is the OpenID provider that may let administrators in, as the client
	// ConsoleOIDCClientID, whose secret is in the file ConsoleOIDCClientSecretFile; "" is a
	// client that has none. ConsoleOIDCAllow says who may come in, and with which role: see
	// [signin.ParseAllow]. All "": nobody signs in by a provider.
	ConsoleOIDCIssuer, ConsoleOIDCClientID, ConsoleOIDCClientSecretFile string
	ConsoleOIDCAllow                                                    []string
	// WebhookAllowHTTP permits webhooks with http URLs.
	WebhookAllowHTTP bool
	// WebhookAllow are addresses beside public ones that webhooks may be sent to: networks
	// such as 10.1.0.0/16, addresses, or names of hosts, whose addresses are not looked at.
	WebhookAllow []string
	// CORSOrigins are the origins whose pages may read the account API, as
	// browsers write them, such as https://app.example.com; "*" is all.
	CORSOrigins []string
	// UsageRetention is for how long each usage record is kept. Older ones are
	// folded into one for each day: every window's total stays. 0 keeps all, and is the
	// default; else it is at least [MinUsageRetention].
	UsageRetention time.Duration
	// Events are the types of events that are told only if they are asked for, as there
	// may be many: usage.reset and hold.expired. All servers of one database must be told
	// the same.
	Events []string

	// EventRetention is for how long a place of the feed is given out. What is kept is all
	// there ever was. 0: for ever.
	EventRetention time.Duration

	// CacheSize is how much memory, in bytes, the facts of customers may take that
	// are kept to be answered from. 0 is [DefaultCacheSize], or a quarter of the memory
	// that the process may take if that is less; [NoCache] keeps none.
	CacheSize int64
	// ServeStale is for how long, while the database cannot be read, entitlements
	// may be answered from facts that are kept. Such answers say so. 0: not at all.
	ServeStale time.Duration
	// DatabaseReplica is the URL of a streaming replica of a PostgreSQL database,
	// to read facts from that are not kept. "": there is none.
	DatabaseReplica string
	// Metrics is the TCP address, host:port, on which /metrics is served, by plain
	// HTTP to whoever asks. "": nowhere.
	Metrics string
	// Pprof shows the profiles of net/http/pprof on the address of Metrics too.
	Pprof bool
	// Traces has spans sent by OTLP to where OTEL_EXPORTER_OTLP_ENDPOINT and the other
	// standard variables of the environment say; nowhere if they say nothing.
	Traces bool
	// Version is that of the program, as metrics and traces show it.
	Version string

	// AcceptDamage takes a damaged SQLite database as it is, with what it has lost. It is
	// for one start.
	AcceptDamage bool

	// DrainDelay is for how long the port stays open when the server is told to end, so
	// that a balancer sees by /readyz that it is to send nothing more. Nobody waits where
	// nobody asked for /readyz in the last minute. 0: not at all.
	DrainDelay time.Duration
	// MaxConnections is how many connections there may be, three quarters of them from one address.
	// 0: what the limits of the process permit, 32,768 at most.
	MaxConnections int
	// StrangerRate is how many requests a second one address may make without good
	// credentials. 0 is [DefaultStrangerRate]; [NoStrangerRate] is no limit.
	StrangerRate int

	// Log is where the server tells what it does. Nil: nowhere.
	Log *slog.Logger
	// LogDropped is how many lines of the log were lost, for a metric. Nil: it is not known.
	LogDropped func() uint64
	// MaxClockSkew is how far clocks may be apart that are right: the wall and the time that
	// has gone by, this server's and the database's. Beyond it nothing is written. 0 is
	// [DefaultMaxClockSkew].
	MaxClockSkew time.Duration
	// MaxClockGap is how far ahead of all that was ever written the clock may be at a start.
	// 0 is [DefaultMaxClockGap].
	MaxClockGap time.Duration
	// AcceptClock starts though the clock is further ahead.
	AcceptClock bool
	// Clock tells the time. Nil: the system's, which is guarded.
	Clock func() time.Time
	// Elapsed tells how much time has gone by since some moment, whatever Clock is set to,
	// and has Clock guarded by it. Nil: Clock is believed.
	Elapsed func() time.Duration

	// guard is what Clock is guarded by; nil if it is believed.
	guard *clock.Guard
}

// withDefaults fills in what is left empty, except Issuer, which may depend on
// the port that is taken.
func (c Config) withDefaults(m machine) Config {
	c.Place = c.Place.withDefaults()
	if c.MaxConnections == 0 {
		c.MaxConnections = m.connections()
	}
	switch c.StrangerRate {
	case 0:
		c.StrangerRate = DefaultStrangerRate
	case NoStrangerRate:
		c.StrangerRate = 0
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.CacheSize == 0 {
		c.CacheSize = m.cache()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.MaxClockSkew = cmp.Or(c.MaxClockSkew, DefaultMaxClockSkew)
	c.MaxClockGap = cmp.Or(c.MaxClockGap, DefaultMaxClockGap)
	if source := c.source(); source != nil && c.guard == nil {
		c.guard = clock.NewGuard(source, c.MaxClockSkew)
		c.Clock = c.guard.Now
	}
	return c
}

// ConfigError is everything that is wrong with a [Config]. Each fault names the
// setting and says what would be right.
type ConfigError struct{ Faults []error }

func (e *ConfigError) Error() string { return errors.Join(e.Faults...).Error() }

// Unwrap returns the faults.
func (e *ConfigError) Unwrap() []error { return e.Faults }

// Validate returns a [*ConfigError] that has every fault, or nil.
func (c Config) Validate() error {
	_, err := c.withDefaults(thisMachine()).check()
	return err
}

// checked is what is read out of a Config that has no fault.
type checked struct {
	certificate *certificateFiles // nil without TLS
	trusted     []auth.Issuer
	guard       *outbox.Guard
	allow       signin.Allow
	oidcSecret  string // of the client at the provider
}

func (c Config) check() (checked, error) {
	var out checked
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		fault("listen %q: want host:port, such as %s", c.Listen, DefaultListen)
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		fault("listen %q: want a port from 0 to 65535", c.Listen)
	} else if host != "" && strings.ContainsAny(host, "/ ") {
		fault("listen %q: want an address without a scheme, such as %s", c.Listen, DefaultListen)
	}
	if err := store.CheckURL(c.Database); err != nil {
		fault("database: %w", err)
	}
	if c.Issuer != "" {
		if _, err := oauth.Audiences(c.Issuer, c.Audiences); err != nil {
			faults = append(faults, err)
		}
	}
	if c.CacheSize < 0 && c.CacheSize != NoCache {
		fault("cache-size %d: want the bytes that it may take, such as 64MiB, or 0 for no cache", c.CacheSize)
	}
	if c.ServeStale < 0 || c.ServeStale > 0 && c.CacheSize == NoCache {
		fault("serve-stale %s: want a duration, such as 5m, and a cache-size above 0, or 0 to serve nothing stale", c.ServeStale)
	}
	if c.DatabaseReplica != "" {
		onSQLite := strings.HasPrefix(c.Database, "sqlite:") || strings.HasPrefix(c.DatabaseReplica, "sqlite:")
		switch err := store.CheckURL(c.DatabaseReplica); {
		case onSQLite:
			fault("database-replica: want the URL of a streaming replica of a PostgreSQL database; SQLite has none")
		case err != nil:
			fault("database-replica: %w", err)
		case c.CacheSize == NoCache:
			fault("database-replica: want a cache-size above 0; nothing but the cache reads the replica")
		}
	}
	if c.Metrics != "" {
		if _, _, err := net.SplitHostPort(c.Metrics); err != nil {
			fault("metrics %q: want host:port, such as 127.0.0.1:9090", c.Metrics)
		}
	}
	if c.Pprof && c.Metrics == "" {
		fault("pprof: want an address in metrics too, on which the profiles are shown")
	}
	if c.Traces {
		if _, err := wantsTraces(); err != nil {
			faults = append(faults, split(err)...)
		}
	}
	if c.MaxClockSkew < time.Second {
		fault("max-clock-skew %s: want at least 1s, such as 5m", max(c.MaxClockSkew, 0))
	}
	if c.MaxClockGap <= c.MaxClockSkew {
		fault("max-clock-gap %s: want more than max-clock-skew, such as 35d", max(c.MaxClockGap, 0))
	}
	if c.RateLimit < 0 {
		fault("rate-limit %d: want the requests a minute of each client, or 0 for no limit", c.RateLimit)
	}
	if c.DrainDelay < 0 || c.DrainDelay > maxDrainDelay {
		fault("drain-delay %s: want a duration, such as 5s, of at most %s", c.DrainDelay, maxDrainDelay)
	}
	if c.MaxConnections < 1 {
		fault("max-connections %d: want how many there may be, or 0 for what the limits of the process permit", c.MaxConnections)
	}
	if c.StrangerRate < 0 {
		fault("stranger-rate: want the requests a second of each address without good credentials, or 0 for no limit")
	}
	if c.EventRetention != 0 && c.EventRetention < MinEventRetention {
		fault("event-retention %s: want at least %v hours, such as 90d, or 0 to give all events out", c.EventRetention, MinEventRetention.Hours())
	}
	if c.UsageRetention != 0 && c.UsageRetention < MinUsageRetention {
		fault("usage-retention %s: want at least %v hours, such as 400d, or 0 to keep every record", c.UsageRetention, MinUsageRetention.Hours())
	}
	for _, name := range c.Events {
		if !slices.Contains(optionalEvents, event.Type(name)) {
			fault("events %q: want usage.reset or hold.expired; all others are always told", name)
		}
	}
	for _, origin := range c.CORSOrigins {
		if !isOrigin(origin) {
			fault("cors-origin %q: want an origin as browsers write it, such as https://app.example.com, or *", origin)
		}
	}
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		fault("tls-cert and tls-key: want both or neither")
	case c.TLSCert != "":
		out.certificate = &certificateFiles{certFile: c.TLSCert, keyFile: c.TLSKey}
		if err := out.certificate.read(); err != nil {
			fault("tls-cert, tls-key: %w", err)
		}
	}
	if out.guard, err = outbox.NewGuard(c.WebhookAllowHTTP, c.WebhookAllow); err != nil {
		for _, e := range split(err) {
			fault("webhook-allow: %w", e)
		}
	}
	if out.trusted, err = auth.RemoteIssuers(auth.RemoteOptions{
		Trusted: c.TrustedIssuers, Scopes: c.TrustedIssuerScopes, Denied: c.TrustedIssuerDeny, Known: scopes(), Now: c.Clock,
	}); err != nil {
		faults = append(faults, split(err)...)
	}
	if slices.ContainsFunc(out.trusted, func(is auth.Issuer) bool { return is.URL == c.Issuer }) {
		fault("trusted-issuer %q: is this server's own issuer, which needs no trust", c.Issuer)
	}
	faults = append(faults, c.checkOIDC(&out)...)
	if len(faults) > 0 {
		return checked{}, &ConfigError{faults}
	}
	return out, nil
}

// maxDrainDelay is the longest time that a server may stay after it was told to end.
const maxDrainDelay = 10 * time.Minute

// loopbackName reports whether a host is a name of the own machine.
func loopbackName(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// isOrigin reports whether a browser would write an origin like this: anything
// else would never be equal to one.
func isOrigin(s string) bool {
	if s == "*" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil &&
		(u.Scheme == "https" && u.Port() != "443" || u.Scheme == "http" && u.Port() != "80") &&
		u.Hostname() != "" && !strings.Contains(s, "*") &&
		s == u.Scheme+"://"+strings.ToLower(u.Host)
}

// split takes apart what errors.Join has joined.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// issuer is the URL to use, now that the address is known.
func (c Config) issuer(addr net.Addr) string {
	if c.Issuer != "" {
		return c.Issuer
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if _, real, err2 := net.SplitHostPort(addr.String()); err == nil && err2 == nil {
		port = real
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "localhost" // which is what clients on this machine can call it
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// exposed reports whether tokens would cross a network in clear, for all that
// the configuration says: it listens to others, without TLS, and names no issuer
// that would tell of a proxy in front.
func (c Config) exposed() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil || host == "localhost" {
		return false
	}
	addr, err := netip.ParseAddr(host)
	loopback := err == nil && addr.IsLoopback()
	return !loopback && c.TLSCert == "" && c.Issuer == ""
}
