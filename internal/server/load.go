package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/allot-dev/allot/internal/admission"
)

// load shows how much there is to do, and what was not done.
func (m *metrics) load(c *admission.Control, conns *connections) {
	gauge := func(name, help string, labels prometheus.Labels, value func() int64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value()) }))
	}
	count := func(name, help string, labels prometheus.Labels, value func() uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value()) }))
	}
	gate := func(of string, g *admission.Gate) {
		labels := prometheus.Labels{"of": of}
		gauge("allot_requests_running", "Requests that are being worked on.", labels, func() int64 { n, _, _ := g.Load(); return int64(n) })
		gauge("allot_requests_waiting", "Requests that wait for their turn.", labels, func() int64 { _, n, _ := g.Load(); return int64(n) })
		gauge("allot_requests_slots", "Requests that may be worked on at a time, beside those that are each client's own.", labels,
			func() int64 { _, _, n := g.Load(); return int64(n) })
	}
	gate("clients", c.Clients)
	gate("strangers", c.Strangers)
	for _, reason := range admission.Reasons() {
		count("allot_requests_shed_total", "Requests that were not let in: the client's share was used up, all clients together asked for more than could be done, the address had sent too much without good credentials, there were too many bytes of bodies.",
			prometheus.Labels{"reason": reason.String()}, func() uint64 { return c.Refused(reason) })
	}
	count("allot_requests_stranger_total", "Requests without credentials that were known to be good.", nil, c.Unknown)
	gauge("allot_body_bytes", "Bytes of the bodies of requests that are in memory.", nil, c.Bodies.Taken)
	gauge("allot_connections", "Connections of callers.", nil, func() int64 { n, _ := conns.count(); return int64(n) })
	gauge("allot_connections_idle", "Connections on which nothing is asked.", nil, func() int64 { _, n := conns.count(); return int64(n) })
	count("allot_connections_evicted_total", "Idle connections that were closed to make room for others.", nil, conns.evicted.Load)
	count("allot_connections_refused_total", "Connections for which there was no room.", nil, conns.refused.Load)
}

// log shows how much of the log was lost.
func (m *metrics) log(dropped func() uint64) {
	if dropped == nil {
		return
	}
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "allot_log_dropped_lines_total", Help: "Lines of the log that could not be written, since nobody read it.",
	}, func() float64 { return float64(dropped()) }))
}
