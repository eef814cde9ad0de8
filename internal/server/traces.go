package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/allot-dev/allot/internal/door"
)

// Traces go by OTLP over HTTP to where the standard variables say (OTEL_…, which the
// exporter and its library read themselves): a span for each request and, below it,
// one for each transaction of the store. No span has anything of a customer, nor a
// path, a query, a header or the text of an error, which may have.

// tracesTimeout is how long the last spans may take to leave when the server ends. A
// collector that does not answer holds nobody.
const tracesTimeout = 2 * time.Second

// wantsTraces reports whether the environment names a place for traces. The error has
// every variable that would have them go nowhere in silence.
func wantsTraces() (bool, error) {
	name, endpoint := variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	exporter := cmp.Or(os.Getenv("OTEL_TRACES_EXPORTER"), "otlp")
	if exporter == "none" {
		return false, nil
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if exporter != "otlp" {
		fault("OTEL_TRACES_EXPORTER %q: want otlp or none", exporter)
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		fault("%s: want a URL such as http://localhost:4318", name) // which may have a password
	}
	if name, protocol := variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		fault("%s %q: want http/protobuf, which collectors take on port 4318", name, protocol)
	}
	samplers := []string{"", "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}
	if sampler := os.Getenv("OTEL_TRACES_SAMPLER"); !slices.Contains(samplers, sampler) {
		fault("OTEL_TRACES_SAMPLER %q: want one of %s", sampler, strings.Join(samplers[1:], ", "))
	}
	return len(faults) == 0, errors.Join(faults...)
}

// variable is the first of some variables of the environment that is not empty.
func variable(names ...string) (name, value string) {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return name, value
		}
	}
	return "", ""
}

// traces are the spans of one server.
type traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	context  propagation.TraceContext
}

// traces are what a server traces with; nil if it does not.
func (c Config) traces(ctx context.Context, m *metrics) (*traces, error) {
	if !c.Traces {
		return nil, nil
	}
	if wanted, err := wantsTraces(); err != nil || !wanted {
		return nil, err
	}
	return newTraces(ctx, c.Version, m, c.Log)
}

// newTraces starts to send spans. Whether anybody takes them is seen later: a server
// does not wait for its collector.
func newTraces(ctx context.Context, version string, m *metrics, log *slog.Logger) (*traces, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	who, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "allot"), attribute.String("service.version", version),
	), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	told := &toldExporter{SpanExporter: exporter, log: log, spans: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "allot_trace_spans_total", Help: "Spans, by whether the collector took them.",
	}, []string{"outcome"})}
	m.registry.MustRegister(told.spans)
	told.spans.WithLabelValues("sent")
	told.spans.WithLabelValues("lost")
	t := &traces{provider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(told), sdktrace.WithResource(who))}
	t.tracer = t.provider.Tracer("github.com/allot-dev/allot")
	_, endpoint := variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if u, err := url.Parse(endpoint); err == nil {
		log.Info("traces are sent", "host", u.Host)
	}
	return t, nil
}

// close sends what is left.
func (t *traces) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what is lost is in the log already
}

// request begins the span of a request, below the caller's if it names one.
func (t *traces) request(r *http.Request) (*http.Request, func(door.Traced)) {
	ctx := t.context.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	method := r.Method
	if !slices.Contains(methods, method) {
		method = "_OTHER" // a stranger's word is nobody's name
	}
	ctx, span := t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method)))
	return r.WithContext(ctx), func(a door.Traced) {
		defer span.End()
		if !span.IsRecording() {
			return
		}
		span.SetAttributes(attribute.String("allot.request_id", a.RequestID))
		if route := a.Pattern[max(0, strings.IndexByte(a.Pattern, '/')):]; route != "" && route != "/" {
			span.SetName(method + " " + route)
			span.SetAttributes(attribute.String("http.route", route))
		}
		if a.Status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", a.Status))
		}
		if a.Code != "" {
			span.SetAttributes(attribute.String("error.type", a.Code))
		}
		if a.Status >= http.StatusInternalServerError || a.Status == 0 {
			span.SetStatus(codes.Error, a.Code)
		}
	}
}

// methods are those that routes have.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// transaction begins the span of a transaction that a request has asked for. What works
// in the background has none. A nil traces begins nothing.
func (t *traces) transaction(ctx context.Context, kind string) (context.Context, trace.Span) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nil
	}
	return t.tracer.Start(ctx, "store "+kind)
}

// ended ends the span of a transaction, if it has one.
func ended(span trace.Span, outcome string, runs int) {
	if span == nil {
		return
	}
	span.SetAttributes(attribute.String("allot.store.outcome", outcome))
	if runs > 1 {
		span.SetAttributes(attribute.Int("allot.store.runs", runs))
	}
	if outcome == outcomeFailed {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// toldExporter is an exporter whose failures are counted, and logged when they begin and
// end, in the server's own log.
type toldExporter struct {
	sdktrace.SpanExporter
	log     *slog.Logger
	spans   *prometheus.CounterVec
	failing atomic.Bool
}

// ExportSpans implements [sdktrace.SpanExporter].
func (e *toldExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	outcome := "sent"
	if err != nil {
		outcome = "lost"
	}
	e.spans.WithLabelValues(outcome).Add(float64(len(spans)))
	switch failing := err != nil; {
	case failing && !e.failing.Swap(true):
		e.log.Warn("traces are not taken", "error", err)
	case !failing && e.failing.Swap(false):
		e.log.Info("traces are taken again")
	}
	return nil // it was told; the library would print it past our log
}
