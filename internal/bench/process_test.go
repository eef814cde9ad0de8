package bench

import "testing"

// A process under measure may show more than it is measured by: its metrics, say.
func TestListeningAt(t *testing.T) {
	for line, want := range map[string]string{
		`time=2026-11-30T20:55:12Z level=INFO msg=listening address=127.0.0.1:44773 url=http://127.0.0.1:44773`: "127.0.0.1:44773",
		`time=2026-11-30T20:55:12Z level=INFO msg=listening address=[::1]:80`:                                   "[::1]:80",
		`time=2026-11-30T20:55:12Z level=INFO msg="metrics are shown" address=127.0.0.1:9477`:                   "",
		`time=2026-11-30T20:55:12Z level=INFO msg=draining`:                                                     "",
	} {
		if got, ok := listeningAt(line); got != want || ok != (want != "") {
			t.Errorf("%s\nsays %q, %v, want %q", line, got, ok, want)
		}
	}
}
