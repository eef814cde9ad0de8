package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	outbox "github.com/allot-dev/allot/internal/outbox/record"
)

var webhookTests = []test{
	{"a webhook is kept in every field", testWebhook},
	{"a delivery is kept in every field, once for its place", testDelivery},
	{"of what waits in a queue the first goes first", testQueue},
	{"an attempt is recorded once", testAttempt},
	{"attempts at many queues are recorded together", testAttempts},
	{"what is repeated waits again", testRepeat},
	{"deliveries go when they are old, and with their webhook", testSweepDeliveries},
}

func testWebhook(t *testing.T, st Store) {
	full := outbox.Webhook{
		ID: "w2", URL: "https://ü.example/?a=b", Format: outbox.Standard, Events: []string{"a", "b"}, Description: "ß",
		Secret: []byte{0, 0xff}, OldSecret: []byte{1}, OldUntil: on(1), State: outbox.Disabled, Reason: "gone", DisabledOn: on(2),
		FailingSince: on(3), Begin: 4, ReplayAfter: 5, ReplayUntil: 6, CreatedOn: on(7), ChangedOn: on(8),
	}
	bare := outbox.Webhook{ID: "w1", CreatedOn: on(1), ChangedOn: on(1)}
	for _, w := range []outbox.Webhook{full, bare} {
		update(t, st.ForWebhooks(), func(tx outbox.Tx) error { return tx.CreateWebhook(w) })
	}
	same(t, "webhooks", read(t, st.ForWebhooks(), outbox.Reader.Webhooks), []outbox.Webhook{bare, full})
	err := st.ForWebhooks().Update(t.Context(), func(tx outbox.Tx) error { return tx.CreateWebhook(full) })
	if !errors.Is(err, billing.ErrExists) {
		t.Errorf("a taken id: %v, want ErrExists", err)
	}
	changed := outbox.Webhook{
		ID: "w2", URL: "https://b", Format: "other", Description: "d", State: outbox.Enabled, Begin: 1, CreatedOn: on(9), ChangedOn: on(9),
	}
	update(t, st.ForWebhooks(), func(tx outbox.Tx) error {
		was, err := tx.LockWebhook("w2")
		same(t, "locked", was, full)
		return errors.Join(err, tx.UpdateWebhook(changed))
	})
	changed.Format, changed.CreatedOn = full.Format, full.CreatedOn
	same(t, "changed", read(t, st.ForWebhooks(), func(r outbox.Reader) (outbox.Webhook, error) { return r.Webhook("w2") }), changed)
	update(t, st.ForWebhooks(), func(tx outbox.Tx) error { return tx.DeleteWebhook("w2") })
	for name, err := range map[string]error{
		"read": readError(st.ForWebhooks(), func(r outbox.Reader) (outbox.Webhook, error) { return r.Webhook("w2") }),
		"lock": st.ForWebhooks().Update(t.Context(), func(tx outbox.Tx) error { _, err := tx.LockWebhook("w2"); return err }),
	} {
		if !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("%s one that is gone: %v", name, err)
		}
	}
}

func newDelivery(webhook string, seq int64, part int, scope billing.Scope) outbox.Delivery {
	return outbox.Delivery{
		Webhook: webhook, Place: outbox.Place{Seq: seq, Part: part}, Scope: scope, Type: "agreement.created",
		Status: outbox.Pending, CreatedOn: on(int(seq)),
	}
}

func addDeliveries(t *testing.T, st Store, at time.Time, all ...outbox.Delivery) {
	t.Helper()
	update(t, st.ForWebhooks(), func(tx outbox.Tx) error { return tx.AddDeliveries(all, at) })
}

func getDeliveries(webhook string, after outbox.Place, limit int) func(outbox.Reader) ([]outbox.Delivery, error) {
	return func(r outbox.Reader) ([]outbox.Delivery, error) { return r.Deliveries(webhook, after, limit) }
}

func getQueues(r outbox.Reader) ([]outbox.Queue, error) { return r.Queues("w", 9) }

func recordAttempt(t *testing.T, st Store, d outbox.Delivery, next time.Time, want bool) {
	t.Helper()
	update(t, st.ForWebhooks(), func(tx outbox.Tx) error {
		recorded, err := tx.RecordAttempts([]outbox.Attempt{{Delivery: d, Next: next}})
		same(t, "recorded", recorded, []bool{want})
		return err
	})
}

func testDelivery(t *testing.T, st Store) {
	one, two, three := newDelivery("w", 1, 0, "a"), newDelivery("w", 1, 1, "a"), newDelivery("w", 2, 0, "b")
	addDeliveries(t, st, on(5), three, two, one, newDelivery("v", 1, 0, "a"))
	done := one
	done.Status, done.Attempts, done.AttemptedOn, done.Took, done.Answer, done.Fault, done.DoneOn =
		outbox.Failed, 1, on(6), 1234*time.Microsecond, 500, "ß", on(7)
	recordAttempt(t, st, done, on(8), true)
	addDeliveries(t, st, on(9), one) // it is there
	same(t, "deliveries", read(t, st.ForWebhooks(), getDeliveries("w", outbox.Place{}, 9)), []outbox.Delivery{done, two, three})
	same(t, "behind the first", read(t, st.ForWebhooks(), getDeliveries("w", one.Place, 1)), []outbox.Delivery{two})
	before := read(t, st.ForWebhooks(), func(r outbox.Reader) ([]outbox.Delivery, error) { return r.DeliveriesBefore("w", three.Place, 9) })
	same(t, "before the last", before, []outbox.Delivery{two, done})
	same(t, "oldest", read(t, st.ForWebhooks(), func(r outbox.Reader) (time.Time, error) { return r.OldestPending("w") }), on(1))
}

func testQueue(t *testing.T, st Store) {
	addDeliveries(t, st, on(5), newDelivery("w", 2, 0, "a"), newDelivery("w", 3, 0, "b"))
	addDeliveries(t, st, on(4), newDelivery("w", 1, 0, "a"), newDelivery("w", 4, 0, "c"))
	want := []outbox.Queue{{Webhook: "w", Scope: "c", NextOn: on(4)}, {Webhook: "w", Scope: "a", NextOn: on(5)}, {Webhook: "w", Scope: "b", NextOn: on(5)}}
	same(t, "queues", read(t, st.ForWebhooks(), getQueues), want)
	heads := func(each int, scopes ...billing.Scope) []outbox.Delivery {
		return read(t, st.ForWebhooks(), func(r outbox.Reader) ([]outbox.Delivery, error) { return r.Heads("w", scopes, each) })
	}
	same(t, "head", heads(1, "a"), []outbox.Delivery{newDelivery("w", 1, 0, "a")})
	same(t, "heads", heads(2, "c", "a", "none"), []outbox.Delivery{newDelivery("w", 4, 0, "c"), newDelivery("w", 1, 0, "a"), newDelivery("w", 2, 0, "a")})
	update(t, st.ForWebhooks(), func(tx outbox.Tx) error { return tx.MakeDue("w", on(4)) })
	for i := range want {
		want[i].NextOn = on(4)
	}
	same(t, "made due", read(t, st.ForWebhooks(), getQueues), []outbox.Queue{want[1], want[2], want[0]})
}

func testAttempt(t *testing.T, st Store) {
	addDeliveries(t, st, on(1), newDelivery("w", 1, 0, "a"), newDelivery("w", 2, 0, "a"))
	queues := func(want ...outbox.Queue) {
		t.Helper()
		same(t, "queues", read(t, st.ForWebhooks(), getQueues), want)
	}
	first := newDelivery("w", 1, 0, "a")
	first.Attempts, first.AttemptedOn, first.Fault = 1, on(1), "timeout"
	recordAttempt(t, st, first, on(9), true)
	recordAttempt(t, st, first, on(3), false) // of another sender, which was late
	queues(outbox.Queue{Webhook: "w", Scope: "a", NextOn: on(9)})
	first.Attempts, first.Status, first.DoneOn = 2, outbox.Delivered, on(9)
	recordAttempt(t, st, first, on(9), true)
	recordAttempt(t, st, first, on(9), false)
	queues(outbox.Queue{Webhook: "w", Scope: "a", NextOn: on(9)})
	second := newDelivery("w", 2, 0, "a")
	second.Attempts, second.Status, second.DoneOn = 1, outbox.Failed, on(9)
	recordAttempt(t, st, second, on(9), true)
	queues()
	if err := readError(st.ForWebhooks(), func(r outbox.Reader) (time.Time, error) { return r.OldestPending("w") }); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("something waits: %v", err)
	}
}

// testAttempts records attempts at several deliveries of several queues of two webhooks at
// once: of some queues all that waits, of others a part, and one that another has recorded.
func testAttempts(t *testing.T, st Store) {
	const queues = 90
	var all []outbox.Delivery
	for seq := range int64(3 * queues) {
		all = append(all, newDelivery([]string{"v", "w"}[seq%2], seq/2+1, 0, billing.Scope(fmt.Sprintf("s%02d", seq%queues))))
	}
	addDeliveries(t, st, on(1), all...)
	late := all[4]
	late.Attempts, late.AttemptedOn = 1, on(2)
	recordAttempt(t, st, late, on(99), true)
	var attempts []outbox.Attempt
	var want []bool
	left := map[billing.Scope]int{}
	for i, d := range all {
		d.Attempts, d.AttemptedOn, d.Status, d.DoneOn = 1, on(5), outbox.Delivered, on(5)
		switch rank := i / queues; {
		case i%queues%3 == 0 && rank == 2: // the last of a third of the queues is not tried
			left[d.Scope] = 1
			continue
		case i%queues%3 == 1 && rank == 2: // of another third it fails
			d.Status, d.DoneOn = outbox.Pending, time.Time{}
			left[d.Scope] = 1
		}
		attempts, want = append(attempts, outbox.Attempt{Delivery: d, Next: on(6 + i/queues)}), append(want, i != 4)
		all[i] = d
	}
	left[late.Scope] = 1
	update(t, st.ForWebhooks(), func(tx outbox.Tx) error {
		recorded, err := tx.RecordAttempts(attempts)
		same(t, "recorded", recorded, want)
		return err
	})
	all[4] = late
	for _, w := range []string{"v", "w"} {
		same(t, "deliveries of "+w, read(t, st.ForWebhooks(), getDeliveries(w, outbox.Place{}, 999)),
			slices.DeleteFunc(slices.Clone(all), func(d outbox.Delivery) bool { return d.Webhook != w }))
		for _, q := range read(t, st.ForWebhooks(), func(r outbox.Reader) ([]outbox.Queue, error) { return r.Queues(w, 999) }) {
			next := on(8)
			if n := (int(q.Scope[1]-'0')*10 + int(q.Scope[2]-'0')) % 3; n == 0 {
				next = on(7)
			}
			if left[q.Scope]--; left[q.Scope] < 0 || !q.NextOn.Equal(next) {
				t.Errorf("of %s there is the queue %+v, want it from %v", w, q, next)
			}
		}
	}
	for scope, n := range left {
		if n != 0 {
			t.Errorf("of %s %d queues are gone", scope, n)
		}
	}
}

func testRepeat(t *testing.T, st Store) {
	done, fresh := newDelivery("w", 1, 0, "a"), newDelivery("w", 2, 0, "b")
	addDeliveries(t, st, on(1), done)
	done.Attempts, done.Status, done.DoneOn, done.AttemptedOn, done.Took, done.Answer = 1, outbox.Delivered, on(2), on(2), time.Second, 204
	recordAttempt(t, st, done, on(2), true)
	again := newDelivery("w", 1, 0, "a")
	again.CreatedOn = on(5)
	update(t, st.ForWebhooks(), func(tx outbox.Tx) error { return tx.RepeatDeliveries([]outbox.Delivery{again, fresh}, on(6)) })
	same(t, "deliveries", read(t, st.ForWebhooks(), getDeliveries("w", outbox.Place{}, 9)), []outbox.Delivery{again, fresh})
	same(t, "queues", read(t, st.ForWebhooks(), getQueues),
		[]outbox.Queue{{Webhook: "w", Scope: "a", NextOn: on(6)}, {Webhook: "w", Scope: "b", NextOn: on(6)}})
}

func testSweepDeliveries(t *testing.T, st Store) {
	addDeliveries(t, st, on(1), newDelivery("w", 1, 0, "a"), newDelivery("w", 2, 0, "a"), newDelivery("w", 3, 0, "a"), newDelivery("v", 3, 0, "a"))
	for seq := range int64(2) {
		d := newDelivery("w", seq+1, 0, "a")
		d.Attempts, d.Status, d.DoneOn = 1, outbox.Delivered, on(int(seq)+5)
		recordAttempt(t, st, d, on(1), true)
	}
	removed := func(want int, remove func(tx outbox.Tx) (int, error)) {
		t.Helper()
		update(t, st.ForWebhooks(), func(tx outbox.Tx) error {
			n, err := remove(tx)
			if n != want {
				t.Errorf("removed %d, want %d", n, want)
			}
			return err
		})
	}
	removed(1, func(tx outbox.Tx) (int, error) { return tx.SweepDeliveries(on(6), 9) })
	removed(0, func(tx outbox.Tx) (int, error) { return tx.SweepDeliveries(on(6), 9) })
	removed(1, func(tx outbox.Tx) (int, error) { return tx.RemoveDeliveries("w", 1) })
	removed(1, func(tx outbox.Tx) (int, error) { return tx.RemoveDeliveries("w", 9) })
	removed(0, func(tx outbox.Tx) (int, error) { return tx.RemoveDeliveries("w", 9) })
	if n := len(read(t, st.ForWebhooks(), getQueues)); n != 0 {
		t.Errorf("%d queues of one that is gone", n)
	}
	same(t, "of another", read(t, st.ForWebhooks(), getDeliveries("v", outbox.Place{}, 9)), []outbox.Delivery{newDelivery("v", 3, 0, "a")})
}
