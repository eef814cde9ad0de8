package outbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ErrForbidden is an address that requests may not go to.
var ErrForbidden = errors.New("forbidden address")

// Guard says where requests may go. An address is judged when it is dialed, and the address
// that was judged is the one that is dialed: a name that resolves to another one the next
// time gains nothing.
type Guard struct {
	// AllowHTTP permits http beside https.
	AllowHTTP bool
	allowed   []netip.Prefix
	hosts     []string // whose addresses are not looked at
	resolver  *net.Resolver
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
}

// NewGuard makes a guard that permits addresses of the public Internet, and those in allow:
// networks such as 10.1.0.0/16, addresses, or names of hosts. The errors name what is wrong.
func NewGuard(allowHTTP bool, allow []string) (*Guard, error) {
	g := &Guard{AllowHTTP: allowHTTP, resolver: net.DefaultResolver, dial: (&net.Dialer{Timeout: dialTimeout}).DialContext}
	var errs []error
	for _, text := range allow {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			g.allowed = append(g.allowed, prefix.Masked())
		} else if addr, err := netip.ParseAddr(text); err == nil {
			g.allowed = append(g.allowed, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
		} else if isHostname(text) {
			g.hosts = append(g.hosts, strings.ToLower(strings.TrimSuffix(text, ".")))
		} else {
			errs = append(errs, fmt.Errorf("%q: want a network such as 10.1.0.0/16, an address, or the name of a host", text))
		}
	}
	return g, errors.Join(errs...)
}

const (
	dialTimeout = 5 * time.Second
	// idleTimeout is how long a connection is kept for the next request.
	idleTimeout = 30 * time.Second
)

// transport sends requests where the guard permits. Neither proxies of the environment nor
// redirects can lead elsewhere.
func (g *Guard) transport() http.RoundTripper {
	return &http.Transport{
		Proxy: nil, DialContext: g.dialContext, ForceAttemptHTTP2: true, DisableCompression: true,
		TLSHandshakeTimeout: attemptTimeout, ResponseHeaderTimeout: attemptTimeout, IdleConnTimeout: idleTimeout,
		MaxIdleConns: 256, MaxIdleConnsPerHost: perWebhook, MaxResponseHeaderBytes: 64 << 10,
	}
}

// dialContext resolves a host and dials the first of its addresses that is permitted and
// answers.
func (g *Guard) dialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := g.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	known := slices.Contains(g.hosts, strings.ToLower(strings.TrimSuffix(host, ".")))
	err = ErrForbidden
	for _, addr := range addrs {
		if !known && !g.permits(addr) {
			continue
		}
		conn, dialErr := g.dial(ctx, network, net.JoinHostPort(addr.String(), port))
		if dialErr == nil {
			return conn, nil
		}
		err = dialErr
	}
	return nil, err
}

func (g *Guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	return g.resolver.LookupNetIP(ctx, "ip", host)
}

// permits reports whether requests may go to an address.
func (g *Guard) permits(addr netip.Addr) bool {
	if addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	for _, p := range g.allowed {
		if p.Contains(addr) {
			return true
		}
	}
	return isPublic(addr)
}

// isPublic reports whether an address is one of the public Internet, in any form: an IPv4
// address within an IPv6 one is looked at as well.
func isPublic(addr netip.Addr) bool {
	if addr.Is4() {
		return !within(addr, private4)
	}
	if inner, ok := embedded(addr); ok && !isPublic(inner) {
		return false
	}
	return nat64.Contains(addr) || global6.Contains(addr) && !within(addr, private6)
}

func within(addr netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// After the registries of special-purpose addresses (RFC 6890) and of IPv6 address space.
// All of IPv6 that is not global unicast is refused without being named: loopback,
// link-local, site-local, unique local, multicast, IPv4-compatible and IPv4-translated.
var (
	private4 = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"168.63.129.16/32", // a cloud's services for its own machines, in public space
	)
	global6  = netip.MustParsePrefix("2000::/3")
	private6 = prefixes("2001::/23", "2001:db8::/32", "3fff::/20") // Teredo, benchmarks and ORCHID are in the first
	nat64    = netip.MustParsePrefix("64:ff9b::/96")
	sixToFor = netip.MustParsePrefix("2002::/16")
)

// embedded is the IPv4 address that an IPv6 one leads to, by NAT64, by 6to4 or by ISATAP.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	b := addr.As16()
	at := -1
	switch {
	case sixToFor.Contains(addr):
		at = 2
	case nat64.Contains(addr):
		at = 12
	default:
		// ISATAP (RFC 5214): the universal bit may be set or not.
		if id := binary.BigEndian.Uint32(b[8:12]); id&^(1<<25) == 0x00005efe {
			at = 12
		}
	}
	if at < 0 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(b[at : at+4])), true
}
