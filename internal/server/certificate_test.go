package server

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"
)

// A renewed certificate is shown once it was read again, and a faulty one never.
func TestCertificateIsReadAgain(t *testing.T) {
	cert, key, old := certificate(t)
	r := start(t, Config{TLSCert: cert, TLSKey: key})
	trusted := func(roots *x509.CertPool) bool {
		t.Helper()
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
		defer transport.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil
	}
	renewed, renewedKey, roots := certificate(t)
	replace := func(file, with string) {
		t.Helper()
		data, err := os.ReadFile(with)
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	replace(cert, renewed) // which the key does not belong to yet
	r.Reload()
	if !trusted(old) {
		t.Error("a faulty certificate has replaced the one before")
	}
	if log := r.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "private key does not match") {
		t.Errorf("the log does not say that it is faulty:\n%s", log)
	}

	replace(key, renewedKey)
	if trusted(roots) {
		t.Error("the renewed certificate is shown without having been asked for")
	}
	r.Reload()
	if !trusted(roots) || trusted(old) {
		t.Error("the renewed certificate is not shown")
	}
}

func TestReloadWithoutTLS(t *testing.T) {
	r := start(t, Config{})
	r.Reload()
	if status, _ := r.get(t, "/readyz", ""); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}
