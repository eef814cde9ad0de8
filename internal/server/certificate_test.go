package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	r.Reload()
	if !trusted(roots) || trusted(old) {
		t.Error("the renewed certificate is not shown")
	}
}

// Without being told, too, once both files have been replaced.
func TestCertificateIsReadAgainByItself(t *testing.T) {
	cert, key, _ := certificate(t)
	r := start(t, Config{TLSCert: cert, TLSKey: key})
	renewed, renewedKey, roots := certificate(t)
	for file, with := range map[string]string{cert: renewed, key: renewedKey} {
		if err := os.Rename(with, file); err != nil {
			t.Fatal(err)
		}
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	for end := time.Now().Add(time.Minute); ; {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err == nil {
			resp.Body.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not after a minute: %v\n%s", err, r.log)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// signedBy makes a certificate and its key, PEM, signed by another or by itself.
func signedBy(t *testing.T, name string, signer *x509.Certificate, with *ecdsa.PrivateKey, ends time.Time) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends,
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if signer == nil {
		signer, with = template, private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, private.Public(), with)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, private
}

// Each fault of the files is named, with the file and what to do.
func TestFaultyCertificateFiles(t *testing.T) {
	dir := t.TempDir()
	year := time.Now().AddDate(1, 0, 0)
	root, rootKey := signedBy(t, "root", nil, nil, year)
	middle, middleKey := signedBy(t, "middle", root, rootKey, year)
	leaf, leafKey := signedBy(t, "leaf", middle, middleKey, year)
	chain := func(certs ...*x509.Certificate) (text []byte) {
		for _, c := range certs {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
		}
		return text
	}
	der, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, c := range map[string]struct {
		cert, key []byte
		want      string // "" is none
	}{
		"in order":               {chain(leaf, middle, root), key, ""},
		"alone":                  {chain(leaf), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), ""},
		"leaf last":              {chain(root, middle, leaf), key, "cert.pem: the certificate of the private key is number 3: put it first"},
		"leaf second":            {chain(middle, leaf), key, "is number 2"},
		"signers exchanged":      {chain(leaf, root, middle), key, "cert.pem: certificate 2 is not that of who signed number 1"},
		"another's key":          {chain(middle, root), key, "key.pem: the private key does not match any certificate in"},
		"encrypted":              {chain(leaf), pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der[9:]}), "key.pem: the private key is encrypted"},
		"encrypted, the old way": {chain(leaf), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: der[9:]}), "key.pem: the private key is encrypted"},
		"exchanged":              {key, chain(leaf), "exchanged"},
		"no PEM":                 {chain(leaf), []byte("x"), "key.pem: want a private key, PEM"},
		"no certificate":         {[]byte("x"), key, "cert.pem: want certificates, PEM"},
		"nothing":                {nil, key, "cert.pem: want certificates, PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			files := certificateFiles{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
			if err := errors.Join(os.WriteFile(files.certFile, c.cert, 0o600), os.WriteFile(files.keyFile, c.key, 0o600)); err != nil {
				t.Fatal(err)
			}
			err := files.read()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want it to say %q", err, c.want)
			}
		})
	}
}

// A certificate that clients do not take, or soon will not, is warned of.
func TestEndOfTheCertificateIsWarnedOf(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		at   time.Time
		want string
	}{
		"long before": {now.AddDate(0, 11, 0), ""},
		"soon":        {now.AddDate(1, 0, -13), "ends soon"},
		"over":        {now.AddDate(1, 0, 1), "has ended"},
		"not yet":     {now.AddDate(0, 0, -3), "not valid yet"},
	} {
		cert, key := signedBy(t, "x", nil, nil, now.AddDate(1, 0, 0))
		files := certificateFiles{}
		files.now.Store(&tls.Certificate{Leaf: cert, PrivateKey: key})
		if got := files.fault(c.at); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want it to say %q", name, got, c.want)
		}
	}
	cert, key, _ := certificate(t) // ends in an hour
	r := start(t, Config{TLSCert: cert, TLSKey: key})
	for end := time.Now().Add(time.Minute); !strings.Contains(r.log.String(), "level=WARN msg=\"the certificate ends soon"); {
		if time.Now().After(end) {
			t.Fatalf("the log does not warn of its end:\n%s", r.log)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestReloadWithoutTLS(t *testing.T) {
	r := start(t, Config{})
	r.Reload()
	if status, _ := r.get(t, "/readyz", ""); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}
