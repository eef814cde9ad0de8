package server

import (
	"net/url"
	"time"
)

// watchedWithin is how long ago somebody must have asked whether the server is ready, for
// it to be worth telling them that it is not any more.
const watchedWithin = time.Minute

// leave is the first step of an end. Those who ask whether the server is ready are told no
// and send others elsewhere, while the port is still open; where nobody asks there is
// nothing to wait for. Then the port closes.
func (s *Server) leave(delay time.Duration) {
	if asked := time.Unix(0, s.watched.Load()); delay > 0 && time.Since(asked) < watchedWithin {
		s.log.Info("the port stays open for those who do not know yet", "drain_delay", delay)
		time.Sleep(delay)
	}
	s.listener.finish()
}

// headers are what every answer has. That a browser must come by TLS is not said of a name
// of the own machine, which other servers have too.
func (s *Server) headers() map[string][]string {
	h := map[string][]string{"X-Content-Type-Options": {"nosniff"}}
	if u, err := url.Parse(s.url); err == nil && u.Scheme == "https" && !loopbackName(u.Hostname()) {
		h["Strict-Transport-Security"] = []string{"max-age=31536000"}
	}
	return h
}
