package outbox

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL bounds a webhook's URL.
const maxURL = 2048

// urlFault says what is wrong with a webhook's URL, as what would be right; "" if nothing
// is. Where its host's addresses may lie is looked at when it is dialed, not here.
func (g *Guard) urlFault(text string) string {
	const want = "a URL such as https://app.example.com/webhooks"
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Opaque != "" || u.Hostname() == "" || strings.ContainsFunc(text, isSpace) {
		return want
	}
	switch {
	case u.Scheme == "http" && !g.AllowHTTP:
		return "an https URL (the server is not run with --webhook-allow-http)"
	case u.Scheme != "https" && u.Scheme != "http":
		return want
	case u.User != nil:
		return want + ", without a user name or a password"
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return want + ", without a fragment"
	case !sanePort(u):
		return want + ", with the port 80 or 443 or one from 1024 to 65535, if any"
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	switch {
	case err == nil && strings.Contains(u.Host, "[") != addr.Is6():
		return want
	case err == nil && !g.permits(addr) && !g.knows(host):
		return "a URL with a public address (the server may be run with --webhook-allow)"
	case err != nil && !isHostname(host):
		return want + ", with the name of a host, or an address as 192.0.2.1 is written"
	}
	return ""
}

func (g *Guard) knows(host string) bool {
	for _, h := range g.hosts {
		if strings.EqualFold(h, strings.TrimSuffix(host, ".")) {
			return true
		}
	}
	return false
}

func isSpace(r rune) bool { return r <= ' ' || r == 0x7f }

func sanePort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && (port == 80 || port == 443 || port >= 1024)
}

// isHostname reports whether a text is the name of a host, in ASCII, and nothing that a resolver might
// take for an address: its last label is no number, in no base.
func isHostname(text string) bool {
	name := strings.TrimSuffix(text, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" ||
			strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	last := labels[len(labels)-1]
	_, err := strconv.ParseUint(last, 0, 64)
	return err != nil && strings.Trim(last, "0123456789") != ""
}
