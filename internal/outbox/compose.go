package outbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/outbox/record"
)

// errNothing is a delivery of something that is told no more.
var errNothing = errors.New("there is nothing to tell")

// told is what a delivery is about, as it was read: a message is made of it outside of the
// transaction.
type told struct {
	delivery record.Delivery
	event    *body      // nil if it is not there any more
	kinde    *kindeData // of that format
}

// body is something that happened, written once for all who are told of it.
type body struct {
	event.Happening
	once sync.Once
	text []byte
	ok   bool
}

func (b *body) write(o *Outbox) ([]byte, bool) {
	b.once.Do(func() { b.text, b.ok = o.options.Body(b.Happening) })
	return b.text, b.ok
}

// happened is what some places of the feed have: nil until it is read, and where there is
// nothing.
type happened map[int64]*body

// want has what deliveries are about read.
func (h happened) want(deliveries []record.Delivery) {
	for i := range deliveries {
		h[deliveries[i].Seq] = nil
	}
}

// near is how far apart places are that are read together, with what is between them.
const near = 4

// read reads all that is wanted, places that are near each other together.
func (h happened) read(r record.Reader) error {
	wanted := slices.Sorted(maps.Keys(h))
	for len(wanted) > 0 {
		n := 1
		for n < len(wanted) && wanted[n]-wanted[n-1] <= near {
			n++
		}
		first, last := wanted[0], wanted[n-1]
		wanted = wanted[n:]
		found, err := r.Happenings("", first-1, int(last-first+1))
		if err != nil {
			return err
		}
		for _, f := range found {
			if _, ok := h[f.Seq]; ok {
				h[f.Seq] = &body{Happening: f}
			}
		}
	}
	return nil
}

// tell says what a delivery is about.
func (h happened) tell(r record.Reader, w *record.Webhook, t *told) (err error) {
	if t.event = h[t.delivery.Seq]; t.event == nil || w.Format != record.Kinde {
		return nil
	}
	t.kinde, err = readKinde(r, &t.event.Happening)
	if errors.Is(err, billing.ErrNotFound) { // it must not hold up all others
		t.event, err = nil, nil
	}
	return err
}

// compose writes and signs what is sent.
func (o *Outbox) compose(ctx context.Context, w *record.Webhook, t *told) (message, error) {
	m := message{id: messageID(w.ID, t.delivery.Place)}
	if t.event == nil {
		return m, errNothing
	}
	if w.Format == record.Kinde {
		return o.kindeMessage(ctx, m, t.kinde.payload(t, o.now()))
	}
	body, ok := t.event.write(o)
	if !ok {
		return m, errNothing
	}
	return o.standardMessage(w, m, body)
}

// standardMessage is signed with the secrets of a webhook. The error is that of [secretLost].
func (o *Outbox) standardMessage(w *record.Webhook, m message, body []byte) (message, error) {
	m.contentType, m.body = "application/json", body
	sealed := [][]byte{w.Secret}
	if w.OldSigns(o.now()) {
		sealed = append(sealed, w.OldSecret)
	}
	for _, s := range sealed {
		secret, err := o.options.Sealer.OpenSecret(w.ID, s)
		if err != nil {
			return m, secretLost(w.ID, err)
		}
		m.secrets = append(m.secrets, secret)
	}
	return m, nil
}

// secretLost is a secret that this server's key file does not open, as after that was lost and
// made anew: there is nothing to sign with until it is rotated.
func secretLost(webhook string, cause error) error {
	return &billing.Error{Kind: billing.Conflict, Code: codeLost, Err: cause, Message: fmt.Sprintf(
		"the secret of %s was sealed with another key file, so that nothing can be signed for it: rotate it by POST /v1/webhooks/%[1]s/rotate, and give the receiver the new one", webhook)}
}

func isSecretLost(err error) bool {
	e, ok := errors.AsType[*billing.Error](err)
	return ok && e.Code == codeLost
}

// testType is that of a message that shows how messages are, and is none of the feed's.
const testType = "webhook.test"

// Tested is what came of a test.
type Tested struct {
	Delivered bool
	Answer    int // the HTTP status; 0: none came
	Fault     string
	Took      time.Duration
}

// Test sends a message that says it is a test, once, also to a webhook that is disabled.
// It changes nothing. It is refused, WEBHOOK_SECRET_LOST, if there is no secret to sign it with.
func (o *Outbox) Test(ctx context.Context, id string) (Tested, error) {
	var w record.Webhook
	err := o.options.Store.View(ctx, func(r record.Reader) (err error) {
		w, err = shown(r.Webhook(id))
		return err
	})
	if err != nil {
		return Tested{}, err
	}
	now := o.now()
	m := message{id: digest("msg_test_", fmt.Sprint(w.ID, now))}
	if w.Format == record.Kinde {
		m, err = o.kindeMessage(ctx, m, kindePayload{Type: testType, Source: kindeAdmin, EventTime: stamp(now), Time: stamp(now), Data: map[string]any{}})
	} else {
		m, err = o.standardMessage(&w, m, testBody(now))
	}
	if isSecretLost(err) {
		return Tested{}, err
	}
	if err != nil {
		return Tested{}, &billing.Error{Kind: billing.Internal, Err: err}
	}
	r := o.attempt(ctx, &w, m)
	return Tested{Delivered: r.outcome == delivered, Answer: r.status, Fault: r.fault, Took: r.took}, nil
}

func testBody(now time.Time) []byte {
	return fmt.Appendf(nil, `{"id":0,"type":%q,"on":%q,"actor":{"kind":"server","id":""},"data":{}}`, testType, now.Format(time.RFC3339Nano))
}
