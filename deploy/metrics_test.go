package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// shown are the metrics of a server that has served, with the labels of each; those of a
// histogram have its names too.
func shown(t *testing.T) map[string]map[string]bool {
	t.Helper()
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(collector.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	read, write := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	address := make(chan string, 1)
	go func() {
		lines, pattern := "", regexp.MustCompile(`metrics are shown" address=(\S+)\s`)
		for part := make([]byte, 4096); ; {
			n, err := read.Read(part)
			if lines += string(part[:n]); err != nil {
				return
			}
			if m := pattern.FindStringSubmatch(lines); m != nil {
				select {
				case address <- m[1]:
				default:
				}
			}
		}
	}()
	s, err := server.Start(ctx, server.Config{
		Place: server.Place{Data: t.TempDir()}, Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", Traces: true, Version: "v1",
		Log: slog.New(slog.NewTextHandler(write, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := s.Wait(); err != nil {
			t.Error(err)
		}
		write.Close()
	})
	c, secret, err := s.CreateClient(t.Context(), "test", []string{server.AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	allot, err := client.New(s.URL(), client.WithCredentials(c.ID, secret))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := allot.Catalog.Apply(t.Context(), server.ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + <-address + "/metrics") //nolint:noctx // on this machine
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]bool{"up": {}}
	label := regexp.MustCompile(`(\w+)="`)
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, "#") || name == "" {
			continue
		}
		name, labels, _ := strings.Cut(name+" "+rest, "{")
		name, _, _ = strings.Cut(name, " ")
		if all[name] == nil {
			all[name] = map[string]bool{"job": true, "instance": true} // which Prometheus gives
		}
		for _, m := range label.FindAllStringSubmatch(labels, -1) {
			all[name][m[1]] = true
		}
	}
	all["up"]["job"], all["up"]["instance"] = true, true
	return all
}

var (
	metricName = regexp.MustCompile(`\b(up|(?:allot|go|process)_[a-z0-9_]+)\b(?:\{([^}]*)\})?`)
	labelName  = regexp.MustCompile(`(\w+)\s*[=!]~?"`)
	grouped    = regexp.MustCompile(`\b(?:by|on) ?\(([^)]*)\)`)
	ofLegend   = regexp.MustCompile(`\{\{ ?(?:\$labels\.)?(\w+) ?\}\}`)
)

// wrong are the faults of an expression: names of metrics, and labels, that there are not.
func wrong(expression string, metrics map[string]map[string]bool) (faults []string) {
	labels := map[string]bool{}
	for _, m := range metricName.FindAllStringSubmatch(expression, -1) {
		of, ok := metrics[m[1]]
		if !ok {
			faults = append(faults, "no metric "+m[1])
			continue
		}
		maps.Copy(labels, of)
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if !of[l[1]] {
				faults = append(faults, fmt.Sprintf("no label %s of %s", l[1], m[1]))
			}
		}
	}
	for _, g := range grouped.FindAllStringSubmatch(expression, -1) {
		for name := range strings.SplitSeq(g[1], ",") {
			if name = strings.TrimSpace(name); !labels[name] {
				faults = append(faults, "no label "+name)
			}
		}
	}
	return faults
}

type rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	read(t, "prometheus/allot.rules.yaml", &file)
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) < 15 {
		t.Fatalf("the rules are not read: %v", file)
	}
	return file.Groups[0].Rules
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil && strings.HasSuffix(name, ".json") {
		err = json.Unmarshal(text, into)
	} else if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Alerts and dashboard ask for metrics and labels that a server that has served shows, and
// the dashboard and the guide leave none of ours out.
func TestMetricsAreThere(t *testing.T) {
	metrics := shown(t)
	if faults := wrong(`sum by (kind) (allot_store_retries_total{poison="x"}) + allot_poison`, metrics); len(faults) != 3 {
		t.Fatalf("the test does not see what is wrong: %v", faults)
	}
	for _, r := range rules(t) {
		for _, fault := range wrong(r.Expr, metrics) {
			t.Errorf("%s: %s", r.Alert, fault)
		}
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	read(t, "grafana/allot.json", &dashboard)
	used, ids := "", map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] {
			t.Errorf("panel %q: its id is another's too", panel.Title)
		}
		ids[panel.ID] = true
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			used += target.Expr + "\n"
			for _, fault := range wrong(target.Expr, metrics) {
				t.Errorf("panel %q: %s", panel.Title, fault)
			}
			for _, l := range ofLegend.FindAllStringSubmatch(target.LegendFormat, -1) {
				if strings.Contains(target.Expr, "by (") && !strings.Contains(target.Expr, l[1]) {
					t.Errorf("panel %q: the legend has %s, which the sum does not keep", panel.Title, l[1])
				}
			}
		}
	}
	guide, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if !strings.HasPrefix(base, "allot_") {
			continue
		}
		if !strings.Contains(used, base) {
			t.Errorf("no panel shows %s", base)
		}
		if !strings.Contains(string(guide), base) && !abbreviated(string(guide), base) {
			t.Errorf("docs/operations.md does not say what %s is", base)
		}
	}
}

// abbreviated reports whether a guide names a metric by its end, as "…_misses_total".
func abbreviated(guide, name string) bool {
	for i := range name {
		if name[i] == '_' && i > len("allot_") && strings.Contains(guide, "`…"+name[i:]+"`") {
			return true
		}
	}
	return false
}

// Each alert wakes the right person and leads to what to do, and there is nothing to do
// for an alert that there is not.
func TestRunbook(t *testing.T) {
	text, err := os.ReadFile("../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for _, m := range regexp.MustCompile(`(?m)^### (\w+)\n\n\S`).FindAllStringSubmatch(string(text), -1) {
		headings = append(headings, m[1])
	}
	var alerts []string
	for _, r := range rules(t) {
		alerts = append(alerts, r.Alert)
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if want := "docs/runbook.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want || r.Annotations["summary"] == "" {
			t.Errorf("%s: %v", r.Alert, r.Annotations)
		}
		for _, l := range ofLegend.FindAllStringSubmatch(r.Annotations["summary"], -1) {
			if by := grouped.FindStringSubmatch(r.Expr); by != nil && !strings.Contains(by[1], l[1]) {
				t.Errorf("%s: its summary has %s, which the expression does not keep", r.Alert, l[1])
			}
		}
	}
	if !slices.Equal(alerts, headings) {
		t.Errorf("alerts and what to do:\n%v\n%v", alerts, headings)
	}
	for _, m := range regexp.MustCompile(`\]\(#(\w+)\)`).FindAllStringSubmatch(string(text), -1) {
		if !slices.ContainsFunc(headings, func(h string) bool { return strings.ToLower(h) == m[1] }) {
			t.Errorf("a link leads to #%s, which is not there", m[1])
		}
	}
}
