package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// What others wrote is what they gave out, byte for byte.
func TestVendored(t *testing.T) {
	entries, err := files.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, v := range Vendored {
		listed[v.File] = v.SHA256
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "allot") || e.Name() == "favicon.svg" { // our own
			continue
		}
		text, err := files.ReadFile("static/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != listed[e.Name()] {
			t.Errorf("%s has the checksum %s, listed is %q", e.Name(), got, listed[e.Name()])
		}
		delete(listed, e.Name())
	}
	for name := range listed {
		t.Errorf("%s is listed and not there", name)
	}
}

func TestMoney(t *testing.T) {
	for _, c := range []struct{ amount, currency, want string }{
		{"2500", "usd", "25.00 USD"}, {"0", "usd", "0.00 USD"}, {"5", "eur", "0.05 EUR"}, {"123456789", "usd", "1,234,567.89 USD"},
		{"0.04", "usd", "0.0004 USD"}, {"12.5", "usd", "0.125 USD"}, {"100.50", "usd", "1.005 USD"},
		{"2500", "jpy", "2,500 JPY"}, {"0.5", "jpy", "0.5 JPY"}, {"2500", "kwd", "2.500 KWD"}, {"-250", "usd", "−2.50 USD"}, {"9007199254740991", "usd", "90,071,992,547,409.91 USD"},
	} {
		if got := Money(c.amount, c.currency); got != c.want {
			t.Errorf("%s %s is %q, want %q", c.amount, c.currency, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "1234567.000001": "1,234,567.000001", "-1000.5": "−1,000.5", "9000000000000": "9,000,000,000,000"} {
		if got := Number(in); got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}

// A screen that names what is not there is no half page.
func TestScreens(t *testing.T) {
	screens := Screens(fstest.MapFS{
		"s/_row.html": {Data: []byte(`{{define "cell"}}<td>{{.}}</td>{{end}}`)},
		"s/one.html":  {Data: []byte(`{{define "content"}}{{template "cell" .Data}}{{end}}`)},
		"s/two.html":  {Data: []byte(`{{define "content"}}{{.Data.Missing}}{{end}}`)},
	}, "s", nil)
	rec := httptest.NewRecorder()
	if err := screens.Write(rec, http.StatusOK, "one", &Page{Title: "One", Data: "<b>"}); err != nil || !strings.Contains(rec.Body.String(), "<td>&lt;b&gt;</td>") {
		t.Errorf("%v: %s", err, rec.Body)
	}
	for _, name := range []string{"two", "three", "_row"} {
		rec := httptest.NewRecorder()
		if err := screens.Write(rec, http.StatusOK, name, &Page{Data: struct{}{}}); err == nil || rec.Body.Len() > 0 {
			t.Errorf("%s: %v, and %d bytes are sent", name, err, rec.Body.Len())
		}
	}
}

func TestAmount(t *testing.T) {
	for _, c := range []struct{ decimal, noun, want string }{
		{"1", "seat", "1 seat"}, {"1500", "call", "1,500 calls"}, {"3", "GB", "3 GB"}, {"26", "summary", "26 summaries"}, {"0", "day", "0 days"},
		{"2", "box", "2 boxes"}, {"2", "search", "2 searches"}, {"2", "credits", "2 credits"}, {"0.5", "hour", "0.5 hours"}, {"7", "", "7"},
	} {
		if got := Amount(c.decimal, c.noun); got != c.want {
			t.Errorf("%s %s is %q, want %q", c.decimal, c.noun, got, c.want)
		}
	}
}
