package outbox_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/service"
)

// Of history that was brought along nobody is told, and in Kinde's format of little else
// than agreements.
func TestWhatIsNotTold(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		standard, _ := r.webhook(t, hook, record.Standard)
		kinde, _ := r.webhook(t, hook+"/kinde", record.Kinde)
		customer := billing.CustomerID{15: 1}
		agreement := func(n byte, more ...string) map[string]string {
			facts := map[string]string{"agreement_id": billing.AgreementID{13: n}.String(), "plan_code": "pro", "kind": "plan"}
			for i := 0; i < len(more); i += 2 {
				facts[more[i]] = more[i+1]
			}
			return facts
		}
		err := r.store.Update(t.Context(), func(tx service.Tx) error {
			err := tx.CreateCustomer(billing.Customer{ID: customer, Type: billing.Organization, Status: billing.Active, CreatedOn: time.Now()})
			for _, c := range []billing.Change{
				{Kind: billing.AgreementCreated, After: agreement(1, "origin", "import")},
				{Kind: billing.AgreementCreated, After: agreement(2)},
				{Kind: "override.set", After: map[string]string{"override_id": "o"}},
				{Kind: "agreement.withdrawn", Before: agreement(2)},
			} {
				c.Scope, c.On = customer.Scope(), time.Now()
				_, appendErr := tx.AppendChange(c)
				err = errors.Join(err, appendErr)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r.place(t)
		for _, test := range []struct {
			w    record.Webhook
			want []string
		}{
			{standard, []string{"agreement.created", "override.set", "agreement.cancelled"}},
			{kinde, []string{"customer.agreement_created", "customer.plan_assigned", "customer.agreement_cancelled"}},
		} {
			var got []string
			for _, d := range r.deliveriesOf(t, test.w) {
				got = append(got, d.Type)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s is told of %v, want %v", test.w.Format, got, test.want)
			}
		}
		// What is followed again is there already.
		before := len(r.deliveriesOf(t, standard))
		err = r.store.ForFeed().View(t.Context(), func(f feed.Reader) error {
			entries, err := f.Feed(0, 100)
			return errors.Join(err, r.Follower().Follow(t.Context(), entries))
		})
		if n := len(r.deliveriesOf(t, standard)); err != nil || n != before {
			t.Errorf("again: %d, %v", n, err)
		}
	})
}

// A secret that was rotated signs as well until its time is over.
func TestRotation(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		w, first := r.webhook(t, hook, record.Standard)
		second := ""
		r.update(t, func(tx record.Tx) (err error) {
			_, second, err = r.Rotate(tx, w.ID, time.Hour, time.Now().UTC().Truncate(time.Microsecond))
			return err
		})
		if first == second || first == "" || second == "" {
			t.Fatalf("secrets %q, %q", first, second)
		}
		if n := r.signatures(t, w); n != 2 {
			t.Errorf("within the hour there are %d signatures", n)
		}
		time.Sleep(time.Hour)
		if n := r.signatures(t, w); n != 1 {
			t.Errorf("after the hour there are %d signatures", n)
		}
	})
}

// anotherSealer opens nothing that a plainSealer sealed, as another key file does.
type anotherSealer struct{ plainSealer }

func (s anotherSealer) SealSecret(webhook string, secret []byte) []byte {
	return s.plainSealer.SealSecret("another "+webhook, secret)
}

func (s anotherSealer) OpenSecret(webhook string, sealed []byte) ([]byte, error) {
	return s.plainSealer.OpenSecret("another "+webhook, sealed)
}

// After a lost key file a secret that is rotated signs, and the one before it, which nobody can
// open, keeps no message from being sent.
func TestRotationAfterALostKeyFile(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		before := newRig(t, url, "a")
		w, _ := before.webhook(t, hook, record.Standard)
		before.close(t)
		r := newRig(t, url, "a", func(o *outbox.Options) { o.Sealer = anotherSealer{} })
		defer r.close(t)
		_, err := r.Test(t.Context(), w.ID)
		if e, ok := errors.AsType[*billing.Error](err); !ok || e.Kind != billing.Conflict || e.Code != "WEBHOOK_SECRET_LOST" ||
			!strings.Contains(e.Message, w.ID+"/rotate") {
			t.Errorf("a test that nothing can sign: %v", err)
		}
		stop := r.run(t)
		r.happen(t, 1)
		time.Sleep(time.Second)
		stop()
		if all := r.deliveriesOf(t, w); len(all) != 1 || all[0].Fault != "its secret was sealed with another key file: rotate it" {
			t.Errorf("the deliveries are %+v", all)
		}
		r.update(t, func(tx record.Tx) error {
			_, _, err := r.Rotate(tx, w.ID, time.Hour, time.Now().UTC().Truncate(time.Microsecond))
			return err
		})
		if n := r.signatures(t, w); n != 1 {
			t.Errorf("there are %d signatures", n)
		}
	})
}

// signatures are how many a message to a webhook has.
func (r *rig) signatures(t *testing.T, w record.Webhook) (n int) {
	t.Helper()
	r.set(func(req *http.Request, _ sent) (*http.Response, error) {
		n = len(strings.Fields(req.Header.Get("Webhook-Signature")))
		return status(200), nil
	})
	if tested, err := r.Test(t.Context(), w.ID); err != nil || !tested.Delivered {
		t.Errorf("tested: %+v, %v", tested, err)
	}
	return n
}

// The first webhook begins at the end of the feed: what was before it, however much, is not
// gone through.
func TestFirstWebhook(t *testing.T) {
	r := newRig(t, sqliteURL(t), "a")
	defer r.close(t)
	r.happen(t, 1, 2, 3)
	place := func() (at int64) {
		err := r.store.ForFeed().View(t.Context(), func(f feed.Reader) (err error) { at, err = f.Place("webhooks"); return err })
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	before := place()
	r.webhook(t, hook, record.Standard)
	first := place()
	r.happen(t, 1)
	r.webhook(t, hook, record.Standard)
	if before != 0 || first != 3 || place() != 3 {
		t.Errorf("the follower is at %d, then %d, then %d", before, first, place())
	}
}
