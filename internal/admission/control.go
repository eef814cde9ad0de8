package admission

import (
	"context"
	"errors"
	"net/netip"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrBusy is a request that did not get its turn in time, since its flow asks for more than
	// its share.
	ErrBusy = errors.New("busy: the flow asks for more than its share")
	// ErrFull is one that did not, though its flow asks for little: all together ask for too
	// much.
	ErrFull = errors.New("busy: there is more to do than can be done")
)

// Limits are the bounds of a [Control].
type Limits struct {
	// Procs is how many processors there are.
	Procs int
	// Requests is how many requests may run at a time.
	Requests int
	// Bodies is how many bytes of requests' bodies there may be at a time.
	Bodies int64
	// StrangerRate is how many requests a second may come from an address without good
	// credentials. 0: as many as there are.
	StrangerRate int
}

// Reason is why a request was not let in.
type Reason int

// The reasons.
const (
	Client   Reason = iota // its client asks for more than its share
	Server                 // all clients together ask for more than can be done
	Stranger               // its address sends too much without good credentials
	Body                   // there are too many bytes of bodies
	reasons
)

func (r Reason) String() string { return [...]string{"client", "server", "stranger", "body"}[r] }

// Reasons are all there are.
func Reasons() []Reason { return []Reason{Client, Server, Stranger, Body} }

// Control is all that decides whether a request is let in.
type Control struct {
	// Clients is the gate of requests with good credentials, by client.
	Clients *Gate
	// Strangers is that of all others, by address, and of what it costs to find out
	// whether credentials are good.
	Strangers *Gate
	// Bodies is what bodies take.
	Bodies *Bytes

	asked   *budget // by kind of question and address
	claimed *budget // by address and the client that a token claims to be of
	claims  *budget // by address, of what claimed allows

	shed     [reasons]atomic.Uint64
	unknown  atomic.Uint64
	pausing  atomic.Int64
	pauseCap int64
}

// New makes a control. It is to be closed once no request comes any more.
func New(l Limits) *Control {
	c := newControl(l)
	for _, g := range []*Gate{c.Clients, c.Strangers} {
		g.bell = newBell(g.heard)
	}
	return c
}

// Close ends what runs for a control.
func (c *Control) Close() {
	c.Clients.bell.close()
	c.Strangers.bell.close()
}

func newControl(l Limits) *Control {
	rate := float64(l.StrangerRate)
	return &Control{
		Clients:   newGate(8*l.Procs, l.Requests, 2, l.Procs, runnable),
		Strangers: newGate(max(1, l.Procs/2), 2*l.Procs, 1, l.Procs, runnable),
		Bodies:    newBytes(l.Bodies),
		asked:     newBudget(5*rate, rate),
		claimed:   newBudget(20, min(2, rate)),
		claims:    newBudget(100, min(50, rate)),
		pauseCap:  maxPausing,
	}
}

// Kind is what a stranger asks for. Each kind has a budget of its own, so that one who
// shares an address with a forger still gets a token.
type Kind string

// The kinds.
const (
	Open   Kind = "open"   // what anybody may read, and what does not exist
	Token  Kind = "token"  // a token
	Bearer Kind = "bearer" // to be let in with a token that was not seen before
)

// Ask spends a stranger's budget, and reports whether there was any.
func (c *Control) Ask(kind Kind, address string, cost float64) bool {
	c.unknown.Add(1)
	return c.asked.Spend(string(kind)+" "+address, cost)
}

// Charge spends what turned out to be the cost of what a stranger asked for.
func (c *Control) Charge(kind Kind, address string, cost float64) {
	c.asked.Spend(string(kind)+" "+address, cost)
}

// Claim is for a token that was not seen before, from an address whose budget is spent. A
// client that shares the address still gets in, a few times a second, by what the token
// claims to be; whoever makes many claims spends what all of the address have for that.
func (c *Control) Claim(address, client string) bool {
	return c.claims.Spend(address, 1) && c.claimed.Spend(address+" "+client, 1)
}

// Proved gives back what was spent on credentials that turned out to be good.
func (c *Control) Proved(kind Kind, address string) {
	c.asked.Return(string(kind)+" "+address, 1)
}

// Shed counts a request that was not let in.
func (c *Control) Shed(r Reason) { c.shed[r].Add(1) }

// Refused is how many requests were not let in, for a reason.
func (c *Control) Refused(r Reason) uint64 { return c.shed[r].Load() }

// Unknown is how many requests came without credentials that were known to be good.
func (c *Control) Unknown() uint64 { return c.unknown.Load() }

// pause is for how long a stranger that sends too much waits for its refusal, and longer
// the more of them wait. It has one request under way on each connection, so that is what
// bounds what it can send.
const (
	pause        = 250 * time.Millisecond
	pauseForEach = time.Millisecond / 2
	longestPause = 3 * time.Second
	maxPausing   = 20_000
)

// Pause waits before a stranger is refused. It reports false if too many wait, or ctx
// ended: then the connection is better closed.
func (c *Control) Pause(ctx context.Context, ending <-chan struct{}) bool {
	defer c.pausing.Add(-1)
	others := c.pausing.Add(1)
	if others > c.pauseCap {
		return false
	}
	timer := time.NewTimer(min(longestPause, pause+time.Duration(others)*pauseForEach))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-ending:
	}
	return false
}

// Address is whose a remote address is: of IPv6, a whole network of 64 bits is one
// owner's.
func Address(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, _ := ip.Prefix(64) // of IPv6 there is always one
	return network.String()
}

// samples are for reading the runtime's metrics.
var samples = sync.Pool{New: func() any {
	return &[1]metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
}}

// runnable is how many goroutines wait for a processor.
func runnable() int {
	s := samples.Get().(*[1]metrics.Sample)
	defer samples.Put(s)
	metrics.Read(s[:])
	return int(s[0].Value.Uint64())
}
