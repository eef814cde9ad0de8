package oauth

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/auth"
)

const (
	failedAttempts = 10  // of a client id from an address in a window, before more are 429
	failedInAll    = 100 // of all ids from an address
	failedWindow   = time.Minute
)

// Server gives tokens and publishes what others verify them with. Its handlers
// are ServeToken, ServeJWKS and ServeDiscovery.
type Server struct {
	dir       *Directory
	keys      *Keyring
	issuer    string
	audiences []string
	life      time.Duration
	log       *slog.Logger
	failures  *auth.Failures
	onToken   func(ctx context.Context, token string)
}

// Options are what a [Server] is made of.
type Options struct {
	Directory *Directory
	Keyring   *Keyring
	// Issuer is the base URL by which clients reach the server, without a slash
	// at the end: https://allot.example.com.
	Issuer string
	// Audiences are accepted beside those of the issuer; see [Audiences].
	Audiences []string
	// TokenLife is how long tokens last, in whole seconds; 0 means MaxTokenLife.
	TokenLife time.Duration
	Log       *slog.Logger
}

// NewServer returns an error for an issuer that is no base URL, and for a token
// life that is out of bounds.
func NewServer(o Options) (*Server, error) {
	audiences, err := Audiences(o.Issuer, o.Audiences)
	if err != nil {
		return nil, err
	}
	if o.TokenLife == 0 {
		o.TokenLife = MaxTokenLife
	}
	if o.TokenLife < time.Second || o.TokenLife > MaxTokenLife || o.TokenLife%time.Second != 0 {
		return nil, fmt.Errorf("token life %s: want whole seconds from 1s to %s", o.TokenLife, MaxTokenLife)
	}
	return &Server{
		dir: o.Directory, keys: o.Keyring, issuer: o.Issuer, audiences: audiences, life: o.TokenLife, log: o.Log,
		failures: auth.NewFailures(auth.FailureLimits{Pair: failedAttempts, Address: failedInAll, Window: failedWindow}, o.Directory.now),
		onToken:  func(context.Context, string) {},
	}, nil
}

// OnToken has f called with each token that ServeToken gives, before the client has
// it. It is for whoever is about to be asked to verify it. Call OnToken before
// anything is served; f takes the place of the one given before.
func (s *Server) OnToken(f func(ctx context.Context, token string)) { s.onToken = f }

// Issuer is what an [auth.Verifier] needs to verify the server's own tokens.
func (s *Server) Issuer() auth.Issuer {
	return auth.Issuer{
		URL: s.issuer, Audiences: slices.Clone(s.audiences), Key: s.dir.key, Known: s.dir.known, Check: s.dir.check,
	}
}

// Audiences are all that a token for this server may be asked for with, in the
// odd spellings that Kinde's clients make of the address they are given. The
// first is that of a token which names none. Extra ones are taken as they are;
// if they are URLs, or bare hosts such as allot.example.com and localhost:8080,
// the spellings of their hosts are accepted too. A word without a dot or a port is
// no host, but for localhost.
//
// In which case a host is written does not matter: see [auth.Issuer.Accepts].
// All names of the own machine are one host: where a URL has one of them, those
// with the others are accepted too.
//
// It returns an error if the issuer is not an http or https URL without query
// and without a slash at the end.
func Audiences(issuer string, extra []string) ([]string, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		strings.ContainsAny(issuer, "?#") || strings.HasSuffix(issuer, "/") {
		return nil, fmt.Errorf("issuer %q: want a URL of the form https://host[:port], without a slash at the end", issuer)
	}
	audiences := []string{issuer + "/api"}
	for _, u := range sameHost(u) {
		audiences = append(audiences, u.String()+"/api")
		audiences = append(audiences, spellings(u)...)
	}
	for _, e := range extra {
		if e == "" {
			continue
		}
		audiences = append(audiences, e)
		if u, ok := hostOf(e); ok {
			for _, u := range sameHost(u) {
				audiences = append(audiences, spellings(u)...)
			}
		}
	}
	return unique(audiences), nil
}

// loopback are the names that people and programs give the own machine.
var loopback = []string{"localhost", "127.0.0.1", "::1"}

// sameHost is a URL, and those with the other names of its host.
func sameHost(u *url.URL) []*url.URL {
	urls := []*url.URL{u}
	if !isLoopback(u.Hostname()) {
		return urls
	}
	for _, name := range loopback {
		other := *u
		other.Host = name
		if strings.Contains(name, ":") {
			other.Host = "[" + name + "]"
		}
		if port := u.Port(); port != "" {
			other.Host = net.JoinHostPort(name, port)
		}
		urls = append(urls, &other)
	}
	return urls
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// hostOf reads an audience as a URL, or as what stands for one: its bare host.
func hostOf(audience string) (*url.URL, bool) {
	if u, err := url.Parse(audience); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" {
		return u, true
	}
	u, err := url.Parse("https://" + audience)
	if err != nil || u.Host != audience || u.Hostname() == "" {
		return nil, false
	}
	return u, u.Port() != "" || strings.Contains(u.Hostname(), ".") || strings.EqualFold(u.Hostname(), "localhost")
}

// Kinde: each of these is what an SDK makes of a domain, with or without scheme.
func spellings(u *url.URL) []string {
	return []string{
		"https://" + u.Host + "/api",                   // Python, PHP, .NET, management-api-js
		"http://" + u.Host + "/api",                    // management-api-js with a URL
		"https://" + withoutPort(u) + ".kinde.com/api", // Go drops the port and adds the domain
		"https://http://" + u.Host + "/api",            // management-api-js with a URL in KINDE_DOMAIN
		"https://https://" + u.Host + "/api",
	}
}

// withoutPort is the host of a URL as a URL has it, an IPv6 address in brackets.
func withoutPort(u *url.URL) string {
	return strings.TrimSuffix(u.Host, ":"+u.Port())
}

// unique keeps the first of each.
func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
