package outbox

import (
	"context"
	"errors"
	"fmt"
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
	event    event.Happening
	kinde    *kindeData // of that format
	missing  bool       // what it is about is not there any more
}

// tell reads what a delivery is about.
func tell(r record.Reader, w *record.Webhook, d record.Delivery) (t told, err error) {
	t.delivery = d
	found, err := r.Happenings("", d.Seq-1, 1)
	if err != nil {
		return t, err
	}
	if len(found) == 0 || found[0].Seq != d.Seq {
		t.missing = true
		return t, nil
	}
	t.event = found[0]
	if w.Format == record.Kinde {
		t.kinde, err = readKinde(r, &t.event)
	}
	if errors.Is(err, billing.ErrNotFound) { // it must not hold up all others
		t.missing, err = true, nil
	}
	return t, err
}

// compose writes and signs what is sent.
func (o *Outbox) compose(ctx context.Context, w *record.Webhook, t *told) (message, error) {
	m := message{id: messageID(w.ID, t.delivery.Place)}
	if t.missing {
		return m, errNothing
	}
	if w.Format == record.Kinde {
		return o.kindeMessage(ctx, m, t.kinde.payload(t, o.now()))
	}
	body, ok := o.options.Body(t.event)
	if !ok {
		return m, errNothing
	}
	return o.standardMessage(w, m, body)
}

func (o *Outbox) standardMessage(w *record.Webhook, m message, body []byte) (message, error) {
	m.contentType, m.body = "application/json", body
	sealed := [][]byte{w.Secret}
	if o.now().Before(w.OldUntil) {
		sealed = append(sealed, w.OldSecret)
	}
	for _, s := range sealed {
		secret, err := o.options.Sealer.OpenSecret(w.ID, s)
		if err != nil {
			return m, err
		}
		m.secrets = append(m.secrets, secret)
	}
	return m, nil
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
// It changes nothing.
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
	if err != nil {
		return Tested{}, &billing.Error{Kind: billing.Internal, Err: err}
	}
	r := o.attempt(ctx, &w, m)
	return Tested{Delivered: r.outcome == delivered, Answer: r.status, Fault: r.fault, Took: r.took}, nil
}

func testBody(now time.Time) []byte {
	return fmt.Appendf(nil, `{"id":0,"type":%q,"on":%q,"actor":{"kind":"server","id":""},"data":{}}`, testType, now.Format(time.RFC3339Nano))
}
