package server

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/allot-dev/allot/client"
)

// receiver is a collector: OTLP over HTTP, in protobuf.
type receiver struct {
	*httptest.Server
	t     *testing.T
	mu    sync.Mutex
	raw   []byte
	asks  []http.Header
	spans []*spans.Span
	named map[string]string // attributes of the resource
	deny  bool
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, named: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	var in collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &in)
	}
	if err != nil || req.URL.Path != "/v1/traces" || r.deny {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	r.raw, r.asks = append(r.raw, body...), append(r.asks, req.Header)
	for _, of := range in.GetResourceSpans() {
		for k, v := range attributes(of.GetResource().GetAttributes()) {
			r.named[k] = v
		}
		for _, scope := range of.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	out, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
	_, _ = w.Write(out)
}

func attributes(of []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range of {
		if out[a.GetKey()] = a.GetValue().GetStringValue(); out[a.GetKey()] == "" {
			out[a.GetKey()] = a.GetValue().String()
		}
	}
	return out
}

// find is the one span of a name and a request id.
func (r *receiver) find(name, requestID string) *spans.Span {
	r.t.Helper()
	var found []*spans.Span
	for _, s := range r.spans {
		if id := attributes(s.GetAttributes())["allot.request_id"]; s.GetName() == name && (requestID == "" || id == requestID) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("%d spans %q of request %q in %v, want 1", len(found), name, requestID, r.spans)
	}
	return found[0]
}

// below are the spans right below one.
func (r *receiver) below(s *spans.Span) (found []*spans.Span) {
	for _, c := range r.spans {
		if string(c.GetParentSpanId()) == string(s.GetSpanId()) {
			found = append(found, c)
		}
	}
	return found
}

func (r *running) send(t *testing.T, method, path, token, id, parent, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-ID", id)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if parent != "" {
		req.Header.Set("Traceparent", parent)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestTraces(t *testing.T) {
	to := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=opensesame")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	r := start(t, Config{Traces: true, Version: "v1.2.3"})
	clientID, token := r.token(t)
	allot, err := client.New(r.URL(), client.WithToken(token), client.WithHTTPClient(r.http))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := allot.Catalog.Apply(t.Context(), ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	const trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	if status := r.send(t, "POST", "/v1/customers", token, "r-made", "00-"+trace+"-"+caller+"-01",
		`{"type":"organization","org_code":"org_private","email":"poison@example.com","name":"Poison"}`); status != http.StatusCreated {
		t.Fatal(status)
	}
	r.send(t, "GET", "/v1/customers/org_code:org_private?q=poison", token, "r-read", "", "")
	r.send(t, "GET", "/v1/customers/org_code:org_private", token, "r-unsampled", "00-1af7651916cd43dd8448eb211c80319c-"+caller+"-00", "")
	r.send(t, "GET", "/v1/customers/org_code:org_private", "wrong", "r-refused", "", "")
	r.send(t, "BREW", "/poison/path", token, "r-odd", "", "")
	r.stop()
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}

	made := to.find("POST /v1/customers", "r-made")
	if hex.EncodeToString(made.GetTraceId()) != trace || hex.EncodeToString(made.GetParentSpanId()) != caller {
		t.Errorf("the caller's trace is not gone on with: %v", made)
	}
	if a := attributes(made.GetAttributes()); a["http.route"] != "/v1/customers" || a["http.request.method"] != "POST" || a["http.response.status_code"] != "int_value:201" || made.GetKind() != spans.Span_SPAN_KIND_SERVER {
		t.Errorf("the span of a request: %v", made)
	}
	var updates int
	for _, s := range to.below(made) {
		if s.GetName() == "store update" && attributes(s.GetAttributes())["allot.store.outcome"] == "done" {
			updates++
		}
	}
	if updates != 1 {
		t.Errorf("%d transactions below the request that made a customer: %v", updates, to.below(made))
	}
	if read := to.find("GET /v1/customers/{id}", "r-read"); len(read.GetParentSpanId()) != 0 || len(to.below(read)) == 0 {
		t.Errorf("a request without a trace: %v", read)
	}
	refused := to.find("GET /v1/customers/{id}", "r-refused")
	if attributes(refused.GetAttributes())["error.type"] != "INVALID_CREDENTIALS" || refused.GetStatus().GetCode() == spans.Status_STATUS_CODE_ERROR {
		t.Errorf("a refusal: %v", refused)
	}
	to.find("_OTHER", "r-odd")
	for _, s := range to.spans {
		if attributes(s.GetAttributes())["allot.request_id"] == "r-unsampled" {
			t.Error("the caller wanted no span and there is one")
		}
		if len(s.GetParentSpanId()) == 0 && !strings.HasPrefix(s.GetName(), "GET ") && !strings.HasPrefix(s.GetName(), "P") && s.GetName() != "_OTHER" {
			t.Errorf("a span of nobody's request: %s", s.GetName())
		}
	}
	if to.named["service.name"] != "allot" || to.named["service.version"] != "v1.2.3" || to.named["deployment.environment.name"] != "test" {
		t.Errorf("who sends is %v", to.named)
	}
	if len(to.asks) == 0 || to.asks[0].Get("X-Collector-Key") != "opensesame" {
		t.Errorf("the collector's header is not sent: %v", to.asks)
	}
	for _, word := range []string{"poison", "Poison", "org_private", "customer_0", clientID, token, "BREW", "opensesame", "wrong"} {
		if strings.Contains(string(to.raw), word) {
			t.Errorf("the spans have %q", word)
		}
	}
	if strings.Contains(r.log.String(), "opensesame") {
		t.Error("the log has the collector's key")
	}
}

// A collector that takes nothing stops nothing, and is told of once.
func TestTracesAreNotTaken(t *testing.T) {
	to := newReceiver(t)
	to.deny = true
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", to.URL+"/v1/traces")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	r := start(t, Config{Traces: true})
	for range 3 {
		if status := r.send(t, "GET", "/healthz", "", "", "", ""); status != http.StatusOK {
			t.Fatal(status)
		}
		r.log.await(t, "traces are not taken")
	}
	r.stop()
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(r.log.String(), "traces are not taken"); n != 1 {
		t.Errorf("it is told %d times", n)
	}
}

func TestTracesAreWanted(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		on   bool
		want string // in the error
	}{
		{"nothing said", nil, false, ""},
		{"an endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, true, ""},
		{"one for traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/v1/traces"}, true, ""},
		{"disabled", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, false, ""},
		{"another use of the endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, false, ""},
		{"a faulty one that is not used", map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, ""},
		{"no scheme", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, false, "OTEL_EXPORTER_OTLP_ENDPOINT: want a URL such as"},
		{"gRPC", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, `OTEL_EXPORTER_OTLP_PROTOCOL "grpc": want http/protobuf`},
		{"to the console", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "console"}, false, `OTEL_TRACES_EXPORTER "console": want otlp or none`},
		{"sampled somehow", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_SAMPLER": "ratio"}, false, `OTEL_TRACES_SAMPLER "ratio": want one of always_on`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			on, err := wantsTraces()
			if on != c.on || c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, %v", on, err)
			}
			if invalid := (Config{Traces: true}).Validate(); (invalid != nil) != (c.want != "") {
				t.Errorf("the configuration: %v", invalid)
			}
		})
	}
}

// Without an endpoint nothing of it is there.
func TestNoTraces(t *testing.T) {
	r := start(t, Config{Traces: true})
	if r.traces != nil {
		t.Error("there are traces")
	}
	ctx, span := r.traces.transaction(t.Context(), "view")
	if ctx != t.Context() || span != nil {
		t.Error("a transaction is traced")
	}
}
