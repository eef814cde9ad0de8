package server

import (
	"context"
	"database/sql"
	"net/http/pprof"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// profiles shows where the time and the memory of the process go, beside the metrics.
func (m *metrics) profiles() {
	m.mux.HandleFunc("/debug/pprof/", pprof.Index)
	m.mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	m.mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	m.mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	// Not the command line: it may have a password.
}

// pools shows how the connections to the database stand.
func (m *metrics) pools(st *store.Store) {
	for name, stats := range map[string]func() sql.DBStats{
		"reader": func() sql.DBStats { s, _ := st.Pools(); return s },
		"writer": func() sql.DBStats { _, s := st.Pools(); return s },
	} {
		labels := prometheus.Labels{"pool": name}
		value := func(value func(*sql.DBStats) float64) func() float64 {
			return func() float64 { s := stats(); return value(&s) }
		}
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "allot_store_connections_used", Help: "Connections to the database that a transaction has.", ConstLabels: labels,
			}, value(func(s *sql.DBStats) float64 { return float64(s.InUse) })),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "allot_store_connections_idle", Help: "Connections to the database that wait for one.", ConstLabels: labels,
			}, value(func(s *sql.DBStats) float64 { return float64(s.Idle) })),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "allot_store_connections_max", Help: "How many there may be.", ConstLabels: labels,
			}, value(func(s *sql.DBStats) float64 { return float64(s.MaxOpenConnections) })),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "allot_store_connection_waits_total", Help: "Transactions that had to wait for a connection.", ConstLabels: labels,
			}, value(func(s *sql.DBStats) float64 { return float64(s.WaitCount) })),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "allot_store_connection_wait_seconds_total", Help: "For how long they waited, in all.", ConstLabels: labels,
			}, value(func(s *sql.DBStats) float64 { return s.WaitDuration.Seconds() })))
	}
}

// state shows what the server is and how it stands.
func (m *metrics) state(s *Server, events *service.EventFeed, version string) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "allot_build_info", Help: "1, by what the program was built from.",
			ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version(), "sqlite": SQLiteVersion},
		}, func() float64 { return 1 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "allot_ready", Help: "1 if /readyz says that requests can be answered.",
		}, func() float64 {
			if _, err := s.ready(context.Background()); err != nil {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "allot_feed_readers", Help: "Requests that wait for events: streams and long polls.",
		}, func() float64 { return float64(events.Waiting.Load()) }),
		&followers{s.place.store.ForFeed()})
}

// followers show how far those who do something because of changes are behind the feed.
// While the database cannot be read they show nothing.
type followers struct{ store feed.Store }

var (
	followerBehind = prometheus.NewDesc("allot_feed_follower_behind", "Places of the feed that a follower has not done yet.", []string{"follower"}, nil)
	unordered      = prometheus.NewDesc("allot_feed_unordered", "1 while a committed change waits for its place in the feed.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (f *followers) Describe(to chan<- *prometheus.Desc) {
	to <- followerBehind
	to <- unordered
}

// Collect implements [prometheus.Collector].
func (f *followers) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	var waiting float64
	behind := map[string]float64{}
	err := f.store.View(ctx, func(r feed.Reader) error {
		end, err := r.FeedLength()
		if err != nil {
			return err
		}
		for _, name := range []string{"moments", "webhooks"} {
			place, err := r.Place(name)
			if err != nil {
				return err
			}
			behind[name] = float64(max(end-place, 0))
		}
		entries, err := r.Unsequenced(1)
		waiting = float64(len(entries))
		return err
	})
	if err != nil {
		return
	}
	to <- prometheus.MustNewConstMetric(unordered, prometheus.GaugeValue, waiting)
	for name, n := range behind {
		to <- prometheus.MustNewConstMetric(followerBehind, prometheus.GaugeValue, n, name)
	}
}
