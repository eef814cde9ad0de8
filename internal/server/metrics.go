package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/snapshot"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/store/sqlite"
)

// metrics are what a server counts, and the listener that shows them. No label
// has anything of a customer or a client.
type metrics struct {
	registry     *prometheus.Registry
	requests     *prometheus.HistogramVec
	answers      *prometheus.CounterVec
	refused      *prometheus.CounterVec
	gaps         prometheus.Histogram
	transactions *prometheus.CounterVec
	took         *prometheus.HistogramVec
	retries      prometheus.Counter
	momentsLag   prometheus.Gauge

	mux  *http.ServeMux
	http *http.Server
}

func newMetrics(log *slog.Logger) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "allot_http_request_seconds", Help: "Time from a request to its answer, by route and class of status.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 10},
		}, []string{"method", "route", "class"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "allot_http_requests_total", Help: "Requests that were answered, by route and status.",
		}, []string{"method", "route", "status"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "allot_http_refused_total", Help: "Requests that were refused or failed, by the code they were told.",
		}, []string{"code"}),
		gaps: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "allot_feed_gap_seconds", Help: "For how long changes in the feed may have gone unheard, each time it was read.",
			Buckets: []float64{.005, .01, .025, .05, .1, .15, .25, .5, 1, 5, 30, 300},
		}),
		transactions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "allot_store_transactions_total", Help: "Transactions of requests, by kind and by what became of them.",
		}, []string{"kind", "outcome"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "allot_store_transaction_seconds", Help: "Time of a transaction, the wait for a connection and its repetitions included.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 10},
		}, []string{"kind"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "allot_store_retries_total", Help: "How often a transaction was run again because it met another.",
		}),
		momentsLag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "allot_moments_lag_seconds", Help: "For how long the first thing that time caused and nobody was told of has been due.",
		}),
	}
	m.registry.MustRegister(m.requests, m.answers, m.refused, m.gaps, m.transactions, m.took, m.retries, m.momentsLag,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// A counter that begins with its first event does not show that one.
	m.refused.WithLabelValues(api.CodeInvalidCredentials)
	for _, kind := range []string{"view", "facts", "standings", "apply", "update"} {
		for _, outcome := range []string{outcomeDone, outcomeRefused, outcomeFailed} {
			m.transactions.WithLabelValues(kind, outcome)
		}
	}
	m.mux = http.NewServeMux()
	m.mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	m.http = &http.Server{
		Handler: m.mux, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return m
}

// serve shows the metrics on an address until the server is closed.
func (m *metrics) serve(ctx context.Context, address string, log *slog.Logger) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	log.Info("metrics are shown", "address", listener.Addr().String())
	go func() {
		if err := m.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are shown no more", "error", err)
		}
	}()
	return nil
}

// observe is told of the answers of a route.
func (m *metrics) observe(method, pattern string) door.Observer {
	if pattern == "" {
		pattern = "none"
	}
	if method == "" {
		method = "any"
	}
	var classes [6]func() prometheus.Observer // found once, on first use
	for i := range classes {
		classes[i] = sync.OnceValue(func() prometheus.Observer {
			return m.requests.WithLabelValues(method, pattern, strconv.Itoa(i)+"xx")
		})
	}
	ok := sync.OnceValue(func() prometheus.Counter { return m.answers.WithLabelValues(method, pattern, "200") })
	return func(status int, code string, took time.Duration) {
		class := status / 100
		if class < 1 || len(classes) <= class { // nobody was answered
			return
		}
		classes[class]().Observe(took.Seconds())
		if status == http.StatusOK {
			ok().Inc()
		} else {
			m.answers.WithLabelValues(method, pattern, strconv.Itoa(status)).Inc()
		}
		if code != "" {
			m.refused.WithLabelValues(code).Inc()
		}
	}
}

// cache shows how a cache does.
func (m *metrics) cache(c *snapshot.Cache) {
	count := func(name, help string, value func(*snapshot.Stats) uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 {
			s := c.Stats()
			return float64(value(&s))
		}))
	}
	gauge := func(name, help string, value func(*snapshot.Stats) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			s := c.Stats()
			return value(&s)
		}))
	}
	count("allot_cache_hits_total", "Answers from memory.", func(s *snapshot.Stats) uint64 { return s.Hits })
	count("allot_cache_misses_total", "Answers that had to wait for facts to be read.", func(s *snapshot.Stats) uint64 { return s.Misses })
	count("allot_cache_bypassed_total", "Answers from the database that were not kept: no such customer, the feed lost, or no cache.",
		func(s *snapshot.Stats) uint64 { return s.Direct })
	count("allot_cache_stale_total", "Answers from memory while the change feed was lost (--serve-stale).", func(s *snapshot.Stats) uint64 { return s.Stale })
	count("allot_cache_replica_loads_total", "Facts that were read from the replica.", func(s *snapshot.Stats) uint64 { return s.ReplicaLoads })
	count("allot_cache_failed_loads_total", "Facts that could not be read.", func(s *snapshot.Stats) uint64 { return s.Failures })
	count("allot_cache_drops_total", "Customers and catalogs that were dropped because they have changed.", func(s *snapshot.Stats) uint64 { return s.Drops })
	count("allot_cache_clears_total", "How often all was dropped, at the start and when changes were missed.", func(s *snapshot.Stats) uint64 { return s.Clears })
	gauge("allot_cache_customers", "Customers whose facts are kept.", func(s *snapshot.Stats) float64 { return float64(s.Entries) })
	gauge("allot_cache_bytes", "Memory that counts against --cache-size.", func(s *snapshot.Stats) float64 { return float64(s.Bytes) })
	gauge("allot_feed_lag_seconds", "Time since all changes were last heard of.", func(s *snapshot.Stats) float64 { return s.Lag.Seconds() })
	gauge("allot_feed_place", "The last change that was heard of, by its place in the feed.", func(s *snapshot.Stats) float64 { return float64(s.Place) })
	gauge("allot_feed_lost", "1 while the change feed cannot be read and memory is not used.", func(s *snapshot.Stats) float64 {
		if s.Lost {
			return 1
		}
		return 0
	})
}

// decided shows how uses came to be decided.
func (m *metrics) decided(s *service.Service) {
	memory := func() uint64 { n, _, _ := s.Decided(); return n }
	read := func() uint64 { _, n, _ := s.Decided(); return n }
	stored := func() uint64 { _, _, n := s.Decided(); return n }
	for on, value := range map[string]func() uint64{"memory": memory, "read": read, "transaction": stored} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "allot_usage_decided_total", Help: "Uses and reports of usage, by what they were decided on.", ConstLabels: prometheus.Labels{"on": on},
		}, func() float64 { return float64(value()) }))
	}
}

// writeAhead shows how the write-ahead log of a SQLite database is.
func (m *metrics) writeAhead(st *store.Store) {
	if _, ok, _ := st.LogStats(context.Background()); !ok {
		return
	}
	read := func(value func(*sqlite.LogStats) float64) func() float64 {
		return func() float64 {
			s, _, _ := st.LogStats(context.Background()) // what is counted is told all the same
			return value(&s)
		}
	}
	count := func(name, help string, value func(*sqlite.LogStats) float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read(value)))
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "allot_sqlite_wal_bytes", Help: "What the write-ahead log has, copied into the file or not.",
	}, read(func(s *sqlite.LogStats) float64 { return float64(s.Pages * sqlite.PageSize) })))
	count("allot_sqlite_wal_resets_total", "How often the write-ahead log began anew.", func(s *sqlite.LogStats) float64 { return float64(s.Resets) })
	count("allot_sqlite_wal_held_total", "How often a reader, or another program, kept it from that.", func(s *sqlite.LogStats) float64 { return float64(s.Held) })
	count("allot_sqlite_wal_waits_total", "Writers that waited for it to be copied.", func(s *sqlite.LogStats) float64 { return float64(s.Waits) })
	count("allot_sqlite_wal_failures_total", "How often it could not be copied.", func(s *sqlite.LogStats) float64 { return float64(s.Failures) })
}

// counted is a store whose transactions are counted, and traced if requests are.
type counted struct {
	*store.Store
	m      *metrics
	traces *traces
}

// What became of a transaction.
const (
	outcomeDone    = "done"
	outcomeRefused = "refused"
	outcomeFailed  = "failed"
)

// transaction is one that runs.
type transaction struct {
	c     *counted
	kind  string
	began time.Time
	span  trace.Span // nil if it is not traced
}

func (c *counted) begin(ctx context.Context, kind string) (context.Context, transaction) {
	ctx, span := c.traces.transaction(ctx, kind)
	return ctx, transaction{c, kind, time.Now(), span}
}

// end is told what became of it, and how often it ran.
func (t transaction) end(err error, runs int) {
	outcome := outcomeDone
	e, refused := errors.AsType[*billing.Error](err)
	refused = refused && e.Kind != billing.Unavailable
	_, several := errors.AsType[billing.Errors](err)
	_, faults := errors.AsType[door.Errors](err) // which a room found while it did the work
	switch {
	case refused, several, faults, errors.Is(err, billing.ErrNotFound):
		outcome = outcomeRefused
	case err != nil:
		outcome = outcomeFailed
	}
	t.c.m.transactions.WithLabelValues(t.kind, outcome).Inc()
	t.c.m.took.WithLabelValues(t.kind).Observe(time.Since(t.began).Seconds())
	ended(t.span, outcome, runs)
}

func (c *counted) View(ctx context.Context, fn func(service.Reader) error) error {
	ctx, t := c.begin(ctx, "view")
	err := c.Store.View(ctx, fn)
	t.end(err, 1)
	return err
}

func (c *counted) Packed(ctx context.Context, customer billing.CustomerID, at time.Time) (packed.Facts, error) {
	ctx, t := c.begin(ctx, "facts")
	facts, err := c.Store.Packed(ctx, customer, at)
	t.end(err, 1)
	return facts, err
}

func (c *counted) Standings(ctx context.Context, asks ...service.Ask) ([]service.UsageStanding, error) {
	ctx, t := c.begin(ctx, "standings")
	standings, err := c.Store.Standings(ctx, asks...)
	t.end(err, 1)
	return standings, err
}

func (c *counted) Apply(ctx context.Context, catalog int64, changes []service.LaneChange) ([]bool, error) {
	ctx, t := c.begin(ctx, "apply")
	made, err := c.Store.Apply(ctx, catalog, changes)
	if errors.Is(err, service.ErrNotApplied) { // it is done in another way
		t.end(billing.ErrNotFound, 1)
	} else {
		t.end(err, 1)
	}
	return made, err
}

func (c *counted) Update(ctx context.Context, fn func(service.Tx) error) error {
	ctx, t := c.begin(ctx, "update")
	runs := 0
	err := c.Store.Update(ctx, func(tx service.Tx) error {
		runs++
		return fn(tx)
	})
	t.end(err, runs)
	c.m.retries.Add(float64(max(runs-1, 0)))
	return err
}

// ForFeed is the store for the feed, whose views are counted. Its updates are not:
// they are no use case.
func (c *counted) ForFeed() feed.Store { return countedFeed{c.Store.ForFeed(), c} }

type countedFeed struct {
	feed.Store
	counted *counted
}

func (c countedFeed) View(ctx context.Context, fn func(feed.Reader) error) error {
	ctx, t := c.counted.begin(ctx, "view")
	err := c.Store.View(ctx, fn)
	t.end(err, 1)
	return err
}
