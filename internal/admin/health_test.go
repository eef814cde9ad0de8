package admin_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// The checks are those of /readyz, with what to do.
func TestHealth(t *testing.T) {
	w := newWorld(t, time.Time{})
	w.settled()
	w.get("/console/health").Wants(http.StatusOK).Says("All is well", "Database file", "Reading", "Writing and signing", "Change feed", "SQLite "+server.SQLiteVersion, "every change has its place", "Customers kept")

	// A database that is not the one that was opened is no longer written to.
	data := w.data
	if err := os.Rename(filepath.Join(data, "allot.db"), filepath.Join(data, "moved.db")); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Rename(filepath.Join(data, "moved.db"), filepath.Join(data, "allot.db")); err != nil {
			t.Fatal(err)
		}
	}()
	until(t, "it is noticed", func() bool { return strings.Contains(w.get("/console/health").Said(), api.CodeFileReplaced) })
	p := w.get("/console/health").Wants(http.StatusOK).Says("1 thing needs attention", api.CodeFileReplaced, "What to do")
	runbook := w.get("/console/health/runbook").Wants(http.StatusOK).Says("First of all, whatever it is")
	_, id, _ := strings.Cut(p.Link("What to do"), "#")
	if len(runbook.All("section", "id", id)) != 1 {
		t.Errorf("the runbook has no part %q", id)
	}
	w.get("/console/").Wants(http.StatusOK).Says(api.CodeFileReplaced)
}

// All that is stored is verified in the background, once at a time.
func TestVerify(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	b.settled()
	const path = "/console/health/verify"
	b.get("/console/health").Says("Nothing was verified from here")
	b.post(path, b.get("/console/health").Form(path)).Wants(http.StatusSeeOther)
	var said string
	until(t, "it is verified", func() bool {
		said = b.get("/console/health").Wants(http.StatusOK).Said()
		return strings.Contains(said, "No drift")
	})
	if !strings.Contains(said, "3 customers") || !strings.Contains(said, "by ada") || !strings.Contains(said, "Head of the feed") {
		t.Errorf("it says %s", said)
	}
	b.post(path, nil).Wants(http.StatusSeeOther)
}

// Each part of the runbook that a code leads to is there, and no mark is left in its text.
func TestRunbook(t *testing.T) {
	w := newWorld(t, time.Time{})
	p := w.get("/console/health/runbook").Wants(http.StatusOK)
	for _, id := range []string{"AllotDown", "AllotNotReady", "AllotFeedLost", "AllotStoreFails", "AllotStoreSlow", "AllotWebhookDisabled"} {
		if len(p.All("section", "id", id)) != 1 {
			t.Errorf("there is no part %s", id)
		}
	}
	for _, a := range p.All("a", "href", "") {
		href, _ := webtest.Attribute(a, "href")
		if id, ok := strings.CutPrefix(href, "#"); ok && id != "main" && len(p.All("section", "id", id)) != 1 {
			t.Errorf("a link leads to %s, which is not there", href)
		}
	}
	if said := p.Said(); strings.ContainsAny(said, "`") || strings.Contains(said, "**") || strings.Contains(said, "](") {
		t.Errorf("marks are left: %s", said)
	}
	if n := len(p.All("li", "", "")); n < 10 {
		t.Errorf("%d steps", n)
	}
}
