package server

import (
	"crypto/tls"
	"log/slog"
	"sync/atomic"
)

// certificateFiles are what the server shows its clients: two files that may be
// read again while it runs.
type certificateFiles struct {
	certFile, keyFile string
	now               atomic.Pointer[tls.Certificate]
}

// read reads the files. If they are faulty, what was read before stays.
func (c *certificateFiles) read() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.now.Store(&pair)
	return nil
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
}
