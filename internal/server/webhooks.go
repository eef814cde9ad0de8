package server

import (
	"encoding/json"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/oauth"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/wire"
)

// newOutbox is what tells webhooks of events.
func (s *Server) newOutbox(cfg Config, guard *outbox.Guard, keyring *oauth.Keyring, key *oauth.KeyFile) *outbox.Outbox {
	return outbox.New(outbox.Options{
		Store: s.place.store.ForWebhooks(), Feed: s.changes, Sealer: key, Sign: keyring.Sign, Body: eventBody,
		Guard: guard, Clock: cfg.Clock, Log: cfg.Log, Agent: "Allot-Webhooks/1",
	})
}

// eventBody is an event as GET /v1/events shows it.
func eventBody(h event.Happening) ([]byte, bool) {
	e, ok := wire.Event(h)
	if !ok {
		return nil, false
	}
	text, err := json.Marshal(e)
	return text, err == nil
}

// webhooks shows how webhooks do.
func (m *metrics) webhooks(o *outbox.Outbox) {
	for outcome, value := range map[string]func(*outbox.Stats) uint64{
		"delivered":   func(s *outbox.Stats) uint64 { return s.Delivered },
		"refused":     func(s *outbox.Stats) uint64 { return s.Refused },
		"unreachable": func(s *outbox.Stats) uint64 { return s.Unreachable },
		"timeout":     func(s *outbox.Stats) uint64 { return s.TimedOut },
		"forbidden":   func(s *outbox.Stats) uint64 { return s.Forbidden },
		"fault":       func(s *outbox.Stats) uint64 { return s.Faulty },
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "allot_webhook_attempts_total", Help: "Requests to webhooks, by what came of them.", ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { s := o.Stats(); return float64(value(&s)) }))
	}
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "allot_webhook_failed_deliveries_total", Help: "Deliveries of which the last attempt failed.",
		}, func() float64 { return float64(o.Stats().Failed) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "allot_webhook_disabled_total", Help: "Webhooks that were disabled because they failed or were gone.",
		}, func() float64 { return float64(o.Stats().Disabled) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "allot_webhook_lag_seconds", Help: "How long the oldest delivery has waited, on the node that sends.",
		}, func() float64 { return o.Stats().Lag.Seconds() }))
}
