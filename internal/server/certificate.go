package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// lookAtCertificate is how often it is looked whether the files have changed. They
	// are read once they have stayed the same for as long: two files cannot be replaced
	// at once.
	lookAtCertificate = time.Second
	// endsSoon is how long before its end a certificate is warned of, once a day.
	endsSoon = 14 * 24 * time.Hour
)

// certificateFiles are what the server shows its clients: two files that may be
// read again while it runs.
type certificateFiles struct {
	certFile, keyFile string
	now               atomic.Pointer[tls.Certificate]
	seen              atomic.Pointer[string] // the look that the files had when they were read last
}

// read reads the files. If they are faulty, what was read before stays.
func (c *certificateFiles) read() error {
	look := c.look() // before, so that what changes meanwhile is read again
	c.seen.Store(&look)
	certs, err := os.ReadFile(c.certFile)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certs, key)
	if err != nil {
		return c.explain(certs, key, err)
	}
	for i := 1; i < len(pair.Certificate); i++ {
		signed, err := x509.ParseCertificate(pair.Certificate[i-1])
		if err != nil {
			return fmt.Errorf("%s: certificate %d: %w", c.certFile, i, err)
		}
		signer, err := x509.ParseCertificate(pair.Certificate[i])
		if err != nil {
			return fmt.Errorf("%s: certificate %d: %w", c.certFile, i+1, err)
		}
		if !bytes.Equal(signed.RawIssuer, signer.RawSubject) {
			return fmt.Errorf("%s: certificate %d is not that of who signed number %d: put them into order, the server's first, each before the one that signed it", c.certFile, i+1, i)
		}
	}
	c.now.Store(&pair)
	return nil
}

// explain says what is wrong with files that make no pair.
func (c *certificateFiles) explain(certs, key []byte, err error) error {
	block, _ := pem.Decode(key)
	switch {
	case block == nil:
		return fmt.Errorf("%s: want a private key, PEM", c.keyFile)
	case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return fmt.Errorf("%s: the private key is encrypted, and there is nobody to ask for its password: write it without one (openssl pkey -in FILE -out FILE) and keep the file to its owner", c.keyFile)
	case block.Type == "CERTIFICATE":
		return fmt.Errorf("%s: this is a certificate: want its private key, PEM; are the two files exchanged?", c.keyFile)
	}
	public := publicOf(block)
	if public == nil {
		return fmt.Errorf("%s, %s: %w", c.certFile, c.keyFile, err)
	}
	if block, _ := pem.Decode(certs); block == nil {
		return fmt.Errorf("%s: want certificates, PEM, the server's first", c.certFile)
	}
	for n := 1; ; n++ {
		var block *pem.Block
		if block, certs = pem.Decode(certs); block == nil {
			return fmt.Errorf("%s: the private key does not match any certificate in %s", c.keyFile, c.certFile)
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil && public.Equal(cert.PublicKey) {
			if n == 1 {
				return fmt.Errorf("%s, %s: %w", c.certFile, c.keyFile, err)
			}
			return fmt.Errorf("%s: the certificate of the private key is number %d: put it first, each before the one that signed it", c.certFile, n)
		}
	}
}

// publicOf is the public part of a private key, nil if it cannot be read.
func publicOf(block *pem.Block) interface{ Equal(crypto.PublicKey) bool } {
	var private any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	signer, ok := private.(crypto.Signer)
	if err != nil || !ok {
		return nil
	}
	public, _ := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return public
}

// config is that of a listener whose connections are shown what was read last.
func (c *certificateFiles) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   suites,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil },
		NextProtos:     []string{"h2", "http/1.1"},
	}
}

// fault says why clients do not take the certificate, or soon will not: "" if they do.
func (c *certificateFiles) fault(now time.Time) string {
	switch leaf := c.now.Load().Leaf; {
	case now.Before(leaf.NotBefore):
		return "the certificate is not valid yet: clients refuse it"
	case now.After(leaf.NotAfter):
		return "the certificate has ended: clients refuse it"
	case now.After(leaf.NotAfter.Add(-endsSoon)):
		return "the certificate ends soon: renew it; the files are read again by themselves"
	}
	return ""
}

// look is what tells files from those that they were before.
func (c *certificateFiles) look() string {
	var text strings.Builder
	for _, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			fmt.Fprint(&text, errors.Is(err, fs.ErrNotExist), ";")
			continue
		}
		fmt.Fprint(&text, info.Size(), " ", info.ModTime().UnixNano(), ";")
	}
	return text.String()
}

// suites are those of TLS 1.2 that have forward secrecy and authenticate what they encrypt.
// Those of 1.3 all do.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Reload reads the certificate again, for connections that begin from now on. One
// that is faulty is logged, and the one before stays. Without TLS there is nothing
// to do.
func (s *Server) Reload() {
	if s.certificate == nil {
		return
	}
	if err := s.certificate.read(); err != nil {
		s.log.Error("the certificate is faulty, the one before stays", "error", err)
		return
	}
	leaf := s.certificate.now.Load().Leaf
	s.log.Info("the certificate was read again", slog.Any("names", leaf.DNSNames), slog.Time("ends", leaf.NotAfter))
	s.warnOfCertificate()
}

func (s *Server) warnOfCertificate() {
	if fault := s.certificate.fault(time.Now()); fault != "" {
		leaf := s.certificate.now.Load().Leaf
		s.log.Warn(fault, slog.Any("names", leaf.DNSNames), slog.Time("begins", leaf.NotBefore), slog.Time("ends", leaf.NotAfter))
	}
}

// watchCertificate reads the certificate again when its files have changed, and warns
// of its end each day, until ctx ends. Without TLS it does nothing.
func (s *Server) watchCertificate(ctx context.Context) {
	if s.certificate == nil {
		return
	}
	s.warnOfCertificate()
	warned := time.Now()
	tick := time.NewTicker(lookAtCertificate)
	defer tick.Stop()
	for last := s.certificate.look(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		is := s.certificate.look()
		if is != *s.certificate.seen.Load() && is == last {
			s.Reload()
		}
		last = is
		if time.Since(warned) >= 24*time.Hour {
			warned = time.Now()
			s.warnOfCertificate()
		}
	}
}
