package outbox

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/allot-dev/allot/internal/feed"
)

// Send works queues off until ctx ends, on this node whoever else does.
func (o *Outbox) Send(ctx context.Context) error { return o.send(ctx) }

// Follower is what makes deliveries of the feed.
func (o *Outbox) Follower() feed.Follower { return follower{o} }

// SetTransport has requests go another way than over the network.
func (o *Outbox) SetTransport(t http.RoundTripper) { o.client = t }

// SetPoll sets how long what another node did may go unseen.
func (o *Outbox) SetPoll(d time.Duration) { o.poll = d }

// Resolve has names resolved by another resolver.
func (g *Guard) Resolve(r *net.Resolver) { g.resolver = r }

// Dial has connections made in another way, once their address is permitted.
func (g *Guard) Dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	g.dial = dial
}

// Transport is how requests are sent.
func (g *Guard) Transport() http.RoundTripper { return g.transport() }

// Permits reports whether requests may go to an address.
func (g *Guard) Permits(addr netip.Addr) bool { return g.permits(addr) }

// URLFault says what is wrong with a webhook's URL.
func (g *Guard) URLFault(text string) string { return g.urlFault(text) }

const (
	// PerWebhook is how many requests to one webhook are under way at most.
	PerWebhook = perWebhook
	// Linger is how long the result of an attempt waits at most to be stored.
	Linger = linger
	// Stay is for how long a worker stays with one customer.
	Stay = stay
)
