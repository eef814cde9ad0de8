package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admission"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/portal"
	"github.com/allot-dev/allot/internal/routes"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/snapshot"
	"github.com/allot-dev/allot/internal/store"
)

// What a connection may take, in time and in bytes. A request that needs longer
// is cut off, so that slow or silent peers cannot use up the server.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10

	// Of HTTP/2: requests at once on a connection, and what of their bodies it holds.
	maxStreams        = 100
	maxStreamBuffer   = 256 << 10
	http2WriteTimeout = 30 * time.Second

	// drainTimeout is how long requests under way may take when the server is
	// told to end.
	drainTimeout = 10 * time.Second
)

// itself is who made what a server makes unasked: the first signing key.
const itself billing.Actor = "server"

// PlaceError is a database that a server cannot be started on: it cannot be
// opened, or another server runs on it.
type PlaceError struct{ err error }

func (e *PlaceError) Error() string { return e.err.Error() }

// Unwrap returns what is wrong with the database.
func (e *PlaceError) Unwrap() error { return e.err }

// Server is a server that answers. Its clients and keys can be changed while it
// runs.
type Server struct {
	*Credentials
	place      *Installation
	billing    *service.Service
	snapshots  *snapshot.Cache
	changes    *feed.Feed
	serveStale time.Duration
	metrics    *metrics
	traces     *traces // nil if nothing is traced
	webhooks   *outbox.Outbox
	url        string
	addr       net.Addr
	log        *slog.Logger
	http       *http.Server
	// certificate is nil without TLS.
	certificate *certificateFiles
	draining    atomic.Bool
	watched     atomic.Int64 // when /readyz was last asked for, in Unix nanoseconds
	listener    *connections
	control     *admission.Control
	checks      []check
	probe       *probe
	verifying   *verification
	ending      chan struct{} // closed when draining begins
	done        chan struct{}
	err         error // why it ended; readable once done is closed
}

// Run serves until ctx ends and everything is in order again. See [Start].
func Run(ctx context.Context, cfg Config) error {
	s, err := Start(ctx, cfg)
	if err != nil {
		return err
	}
	return s.Wait()
}

// Start starts a server and returns it once it answers. It runs until ctx ends:
// then /readyz says so for as long as [Config].DrainDelay asks, it takes no more requests,
// gives those under way ten seconds, and closes the database last.
//
// The error is a [*ConfigError] if the configuration has faults, and a
// [*PlaceError] if the database cannot be opened or a server runs on it already.
// It is another one if the key
// file is not the one that its keys were made with, or the address is taken.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	machine := thisMachine()
	cfg = cfg.withDefaults(machine)
	checked, err := cfg.check()
	if err != nil {
		return nil, err
	}
	place, err := open(ctx, cfg.Place, store.Options{
		URL: cfg.Database, ReplicaURL: cfg.DatabaseReplica, Mode: store.Serve, AcceptDamage: cfg.AcceptDamage, Log: cfg.Log,
	}, cfg.Clock, cfg.Log)
	if err != nil {
		return nil, &PlaceError{err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, place.Close())
		}
	}()
	if err := cfg.openClock(ctx, place.store); err != nil {
		return nil, err
	}
	metrics := newMetrics(cfg.Log)
	traces, err := cfg.traces(ctx, metrics)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			traces.close()
		}
	}()
	counted := &counted{place.store, metrics, traces}
	caching := snapshot.Options{
		Store: counted, Clock: cfg.Clock, Bytes: max(cfg.CacheSize, 0), ServeStale: cfg.ServeStale, Log: cfg.Log,
	}
	if replica := place.store.Replica(); replica != nil {
		caching.Replica = replica
	}
	snapshots := snapshot.New(caching)
	place.store.OnCommit(snapshots.Heard)
	metrics.cache(snapshots)
	metrics.writeAhead(place.store)
	metrics.pools(place.store)
	key, err := place.key(ctx)
	if err != nil {
		return nil, err
	}
	for _, shared := range []string{key.Shared(), place.store.Shared()} {
		if shared != "" {
			cfg.Log.Warn(shared)
		}
	}
	keyring := oauth.NewKeyring(place.directory, key)
	if err := keyring.Ensure(ctx, itself); err != nil {
		return nil, err
	}

	// All that can take time or go wrong is done: from here to the first answer
	// it is a moment. The listener comes before the issuer because its port may
	// be part of it.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			listener.Close()
		}
	}()
	s := &Server{
		Credentials: place.Credentials,
		place:       place,
		billing:     &service.Service{Store: counted, Clock: cfg.Clock},
		snapshots:   snapshots,
		serveStale:  cfg.ServeStale,
		metrics:     metrics,
		traces:      traces,
		url:         cfg.issuer(listener.Addr()),
		addr:        listener.Addr(),
		log:         cfg.Log,
		listener:    bounded(listener, cfg.MaxConnections),
		control:     admission.New(machine.limits(cfg.StrangerRate)),
		ending:      make(chan struct{}),
		done:        make(chan struct{}),
		verifying:   newVerification(cfg.Clock),
	}
	s.checks = append(s.checks, func(context.Context) error { return place.store.Replaced() })
	defer func() {
		if err != nil {
			s.control.Close()
		}
	}()
	if snapshots.On() {
		s.billing.Known = snapshots.Known
	}
	metrics.decided(s.billing)
	s.changes = s.newFeed(cfg.Clock)
	s.webhooks = s.newOutbox(cfg, checked.guard, keyring, key)
	metrics.webhooks(s.webhooks)
	events := &service.EventFeed{Store: counted, Clock: cfg.Clock, Retention: cfg.EventRetention, Grown: s.changes.Grown}
	metrics.state(s, events, cfg.Version)
	if cfg.guard != nil {
		s.checks = append(s.checks, func(context.Context) error { return cfg.guard.Check() })
	}
	s.probe = s.newProbe(keyring)
	metrics.load(s.control, s.listener)
	metrics.log(cfg.LogDropped)
	handler, err := s.handler(cfg, checked, keyring, key, events)
	if err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(admission.Lines(cfg.Log).Handler(), slog.LevelWarn),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: maxStreamBuffer, MaxReceiveBufferPerStream: maxStreamBuffer, WriteByteTimeout: http2WriteTimeout},
		ConnState:         s.listener.state,
		ConnContext:       inContext,
	}
	if s.certificate = checked.certificate; s.certificate != nil {
		s.http.TLSConfig = s.certificate.config()
	}
	if cfg.exposed() {
		cfg.Log.Warn("tokens and secrets cross the network in clear: give --tls-cert and --tls-key, or --issuer if something in front of this server ends TLS", "listen", cfg.Listen)
	}
	if cfg.Metrics != "" {
		if cfg.Pprof {
			metrics.profiles()
		}
		if err := metrics.serve(ctx, cfg.Metrics, cfg.Log); err != nil {
			return nil, err
		}
	}
	s.keepSpare()
	told, begun := s.newMoments(ctx, cfg)
	go s.run(ctx, s.listener, cfg, told, begun)
	return s, nil
}

// handler puts together what answers requests.
func (s *Server) handler(cfg Config, checked checked, keyring *oauth.Keyring, key *oauth.KeyFile, events *service.EventFeed) (http.Handler, error) {
	tokens, err := oauth.NewServer(oauth.Options{
		Directory: s.directory, Keyring: keyring, Issuer: s.url, Audiences: cfg.Audiences, Log: admission.Lines(cfg.Log),
	})
	if err != nil {
		return nil, err
	}
	verifier, err := auth.NewVerifier(auth.Options{
		Issuers: append([]auth.Issuer{tokens.Issuer()}, checked.trusted...), Now: cfg.Clock,
		CacheBytes: thisMachine().tokens(),
	})
	if err != nil {
		return nil, err
	}
	s.directory.OnChange(verifier.Drop)
	tokens.OnToken(verifier.Issued)
	var observe func(method, pattern string) door.Observer
	if cfg.Metrics != "" {
		observe = s.metrics.observe
	}
	var traced func(*http.Request) (*http.Request, func(door.Traced))
	if s.traces != nil {
		traced = s.traces.request
	}
	pages := &pages{}
	links := &portal.Links{Key: key.Derive("links to customers' pages"), URL: s.url, Now: cfg.Clock, Random: rand.Reader}
	also := map[string]http.Handler{
		"/oauth2/token":                     http.HandlerFunc(tokens.ServeToken),
		"/.well-known/jwks":                 http.HandlerFunc(tokens.ServeJWKS),
		"/.well-known/jwks.json":            http.HandlerFunc(tokens.ServeJWKS),
		"/.well-known/openid-configuration": http.HandlerFunc(tokens.ServeDiscovery),
	}
	customers := &portal.Page{Links: links, Billing: s.billing, Log: cfg.Log}
	also["GET "+portal.Path+"{link}"], also["POST "+portal.Path+"{link}"] = customers, customers
	pages.routes(cfg, also)
	handler := routes.New(routes.Config{
		Config: door.Config{
			Verifier: verifier,
			Bounded:  s.billing.Store.Batching().Bounded,
			Limiter:  auth.NewLimiter(cfg.RateLimit, time.Minute, cfg.Clock),
			Control:  s.control, Ending: s.ending, Draining: s.draining.Load, Leaving: leave, Headers: s.headers(),
			Issuer:  s.url,
			Origins: cfg.CORSOrigins,
			Log:     cfg.Log,
			Sealer:  key,
			Observe: observe,
			Trace:   traced,
			Also:    also,
		},
		Billing:    s.billing,
		Snapshots:  s.snapshots,
		Webhooks:   s.webhooks,
		AccountOrg: cfg.AccountOrg, PublicPricing: cfg.PublicPricing,
		PortalLink: links.New,
		Feed:       events,
		Ending:     s.ending,
		Ready: func(ctx context.Context) (api.Readiness, error) {
			s.watched.Store(time.Now().UnixNano())
			return s.ready(ctx)
		},
	})
	if cfg.SignIn == nil && !cfg.NoConsole {
		if cfg.SignIn, err = s.signIn(cfg, checked, key); err != nil {
			return nil, err
		}
	}
	return handler, pages.open(cfg, s, handler)
}

// URL is where clients find the server: its issuer, without a slash at the end.
func (s *Server) URL() string { return s.url }

// Addr is the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.addr }

// Wait returns once the server has ended and nothing of it is left. The error
// says what went wrong on the way; it is nil after an orderly end.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// run serves until ctx ends or accepting fails, and puts everything away.
func (s *Server) run(ctx context.Context, listener net.Listener, cfg Config, told *moments, begun bool) {
	defer close(s.done)
	// What works in the background outlives ctx, for the requests under way.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var working sync.WaitGroup
	changes := s.changes
	working.Go(func() { changes.Sequence(background) })
	if s.snapshots.On() { // else the directory alone would not be worth the reading
		working.Go(func() { changes.Watch(background, s.snapshots, s.directory) })
	}
	working.Go(func() { s.snapshots.WatchReplica(background) })
	working.Go(func() { s.directory.Watch(background) })
	working.Go(func() { s.watchClock(background, cfg) })
	working.Go(func() { s.webhooks.Run(background) })
	working.Go(func() { s.watchCertificate(background) })
	working.Go(func() { s.upgrade(background, changes) })
	working.Go(func() { s.tellMoments(background, changes, told, begun) })
	working.Go(func() { s.verifying.run(background, s.place, s.log) })
	working.Go(func() { s.tidy(background, changes, cfg.Clock, cfg.UsageRetention) })

	ended := make(chan error, 1)
	go func() {
		if s.http.TLSConfig != nil {
			ended <- s.http.ServeTLS(listener, "", "")
		} else {
			ended <- s.http.Serve(listener)
		}
	}()
	s.log.Info("listening", "address", s.addr.String(), "url", s.url)

	var errs []error
	select {
	case <-ctx.Done():
		s.draining.Store(true)
		s.log.Info("draining")
		s.leave(cfg.DrainDelay)
	case err := <-ended:
		errs = append(errs, fmt.Errorf("serve: %w", err))
	}
	s.draining.Store(true)
	close(s.ending) // who waits for events is not waited for
	drain, cancel := context.WithTimeout(background, drainTimeout)
	defer cancel()
	s.listener.settle(drain)
	if err := s.http.Shutdown(drain); err != nil {
		// Whoever sends half a request decides neither when the server ends nor how.
		s.log.Warn("requests that had not come to an end were cut off", "after", drainTimeout)
		if !errors.Is(err, context.DeadlineExceeded) {
			errs = append(errs, err)
		}
		errs = append(errs, s.http.Close())
	}
	stop()
	working.Wait()
	s.probe.working.Wait()
	s.billing.Close()
	s.traces.close()
	s.control.Close()
	errs = append(errs, s.metrics.http.Close(), s.place.Close())
	s.err = errors.Join(errs...)
	s.log.Info("stopped")
}

// newFeed is the order of changes as this server sees it.
func (s *Server) newFeed(clock func() time.Time) *feed.Feed {
	st := s.place.store
	return feed.New(feed.Options{
		Store: (&counted{Store: st, m: s.metrics}).ForFeed(), Committed: st.Committed(), Nodes: st.Nodes(),
		Clock: clock, Holder: s.holder(), Log: s.log,
		Read: func(gap time.Duration) { s.metrics.gaps.Observe(gap.Seconds()) },
	})
}

// holder names this server among those that share a database, the same after a
// restart.
func (s *Server) holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + " " + s.addr.String()
}
