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
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil },
		NextProtos:     []string{"h2", "http/1.1"},
	}
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
