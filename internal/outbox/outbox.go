package outbox

import (
	"context"
	crypto "crypto/rand"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/outbox/record"
)

// Options are what an [Outbox] is made of.
type Options struct {
	Store record.Store
	// Feed is what is followed.
	Feed *feed.Feed
	// Sealer keeps secrets so that a copy of the store alone cannot sign.
	Sealer Sealer
	// Sign makes a payload a JWT that the server's published keys verify.
	Sign func(ctx context.Context, payload []byte) (string, error)
	// Body is how an event is written in the format standard; false if it tells nothing.
	Body func(event.Happening) ([]byte, bool)
	// Guard says where requests may go.
	Guard *Guard
	// Clock tells the time; nil is time.Now.
	Clock func() time.Time
	// Random is where ids and secrets come from; nil is crypto/rand.
	Random io.Reader
	// Jitter is a number from 0 to 1 by which retries are spread; nil is a random one.
	Jitter func() float64
	Log    *slog.Logger
	// Agent is the User-Agent of requests.
	Agent string
}

// Sealer encrypts secrets for the store. What was sealed for one webhook opens for no other.
type Sealer interface {
	SealSecret(webhook string, secret []byte) []byte
	OpenSecret(webhook string, sealed []byte) ([]byte, error)
}

// Outbox tells webhooks of what happens. It is safe for concurrent use.
type Outbox struct {
	options Options
	client  http.RoundTripper
	woken   chan struct{} // receives when there may be something to send
	poll    time.Duration // how long what another node did may go unseen
	counts  counts
}

// New makes an outbox that sends nothing yet: see [Outbox.Run].
func New(o Options) *Outbox {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = crypto.Reader
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Outbox{options: o, client: o.Guard.transport(), woken: make(chan struct{}, 1), poll: pollInterval}
}

const (
	// pollInterval is how long what another node did may go unseen, such as a webhook that
	// was enabled there.
	pollInterval = time.Second
	// chore is the name under which one node at a time sends.
	chore = "webhooks"
	// gather is how long events gather that are told together.
	gather = 10 * time.Millisecond
)

// Run follows the feed and sends until ctx ends, on one of the nodes that run it at a time.
// While there are no webhooks it does neither, so that a server without writes nothing for
// them. Faults are logged when they begin and when they end, and tried again.
func (o *Outbox) Run(ctx context.Context) {
	tick := time.NewTicker(o.poll)
	defer tick.Stop()
	failing := false
	for {
		wanted, err := o.wanted(ctx)
		if wanted {
			_, err = o.options.Feed.Alone(ctx, chore, o.work)
		}
		switch {
		case ctx.Err() != nil:
		case err != nil && !failing:
			o.options.Log.Error("webhooks are not sent", "error", err)
		case err == nil && failing:
			o.options.Log.Info("webhooks are looked for again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// wanted reports whether there are webhooks.
func (o *Outbox) wanted(ctx context.Context) (found bool, err error) {
	err = o.options.Store.View(ctx, func(r record.Reader) error {
		all, err := r.Webhooks()
		found = len(all) > 0
		return err
	})
	return found, err
}

// work follows and sends, on this node, until ctx ends or there are no webhooks.
func (o *Outbox) work(ctx context.Context) error {
	following, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.options.Feed.Follow(following, follower{o}, gather)
	}()
	defer func() { stop(); <-done }()
	return o.send(ctx)
}

// Wake has it look for something to send.
func (o *Outbox) Wake() { hint(o.woken) }

// now is the instant, as precise as it is kept.
func (o *Outbox) now() time.Time { return o.options.Clock().UTC().Truncate(time.Microsecond) }

// Now is the instant by which secrets sign.
func (o *Outbox) Now() time.Time { return o.now() }

// Stats are what an outbox has done since it was made, on this node.
type Stats struct {
	// Attempts are counted by what came of them.
	Delivered, Refused, Unreachable, TimedOut, Forbidden, Faulty uint64
	// Failed are deliveries of which there was no attempt left, Disabled the webhooks that
	// were disabled because they failed.
	Failed, Disabled uint64
	// Lag is how long the oldest delivery has waited; 0 if nothing waits, or another node
	// sends.
	Lag time.Duration
}

// counts are what Stats shows.
type counts struct {
	attempts         [outcomes]atomic.Uint64
	failed, disabled atomic.Uint64
	oldest           atomic.Int64 // in microseconds; 0: nothing waits
}

// Stats are the present ones.
func (o *Outbox) Stats() Stats {
	c := &o.counts
	s := Stats{
		Delivered: c.attempts[delivered].Load(), Refused: c.attempts[refused].Load(), Unreachable: c.attempts[unreachable].Load(),
		TimedOut: c.attempts[timedOut].Load(), Forbidden: c.attempts[forbidden].Load(), Faulty: c.attempts[faulty].Load(),
		Failed: c.failed.Load(), Disabled: c.disabled.Load(),
	}
	if oldest := c.oldest.Load(); oldest != 0 {
		s.Lag = max(o.now().Sub(time.UnixMicro(oldest)), 0)
	}
	return s
}
