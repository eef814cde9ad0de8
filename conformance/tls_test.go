package conformance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// An authority is a certificate authority of the test's own, and a server's
// certificate for localhost and 127.0.0.1 signed by it; all as PEM files.
type authority struct {
	cert       string // the authority's
	serverCert string
	serverKey  string
}

func newAuthority(t *testing.T) *authority {
	dir := t.TempDir()
	now := time.Now()
	caKey, serverKey := newKey(t), newKey(t)
	ca := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Allot conformance test"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	caDER := sign(t, ca, ca, caKey.Public(), caKey)
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    ca.NotBefore,
		NotAfter:     ca.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	serverDER := sign(t, server, ca, serverKey.Public(), caKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{
		cert:       writePEM(t, filepath.Join(dir, "ca.pem"), "CERTIFICATE", caDER),
		serverCert: writePEM(t, filepath.Join(dir, "server.pem"), "CERTIFICATE", serverDER),
		serverKey:  writePEM(t, filepath.Join(dir, "server-key.pem"), "PRIVATE KEY", keyDER),
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, cert, parent *x509.Certificate, public crypto.PublicKey, private crypto.Signer) []byte {
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t *testing.T, path, kind string, der []byte) string {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A proxy ends TLS in front of a server that speaks plain HTTP, as a load
// balancer does, and counts the requests by method and path.
type proxy struct {
	url string

	mu     sync.Mutex
	counts map[string]int
}

func newProxy(t *testing.T, ca *authority, backendPort string) *proxy {
	certificate, err := tls.LoadX509KeyPair(ca.serverCert, ca.serverKey)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{counts: map[string]int{}}
	backend := &url.URL{Scheme: "http", Host: "127.0.0.1:" + backendPort}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(backend)
		r.SetXForwarded()
	}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.counts[r.Method+" "+r.URL.Path]++
		p.mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p.url = "https://localhost:" + port
	return p
}

func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.counts)
}

func (p *proxy) want(t *testing.T, request string, count int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts[request] != count {
		t.Errorf("%s: %d requests, want %d; all: %v", request, p.counts[request], count, p.counts)
	}
}
