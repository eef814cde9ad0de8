package outbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// plainSealer marks what it seals.
type plainSealer struct{}

func (plainSealer) SealSecret(webhook string, secret []byte) []byte {
	return append([]byte(webhook+":"), secret...)
}

func (plainSealer) OpenSecret(webhook string, sealed []byte) ([]byte, error) {
	secret, ok := bytes.CutPrefix(sealed, []byte(webhook+":"))
	if !ok {
		return nil, errors.New("sealed for another")
	}
	return secret, nil
}

// sent is a request that a receiver got.
type sent struct {
	url, id string
	event   int64 // in the format standard
	at      time.Time
}

// receivers are all endpoints, without a network. answer says what each request is answered;
// nil is 204 to all.
type receivers struct {
	mu     sync.Mutex
	got    []sent
	answer func(r *http.Request, s sent) (*http.Response, error)
}

func (r *receivers) RoundTrip(req *http.Request) (*http.Response, error) {
	s, _ := readSent(req)
	r.mu.Lock()
	r.got = append(r.got, s)
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		return answer(req, s)
	}
	return status(http.StatusNoContent), nil
}

// readSent is what was sent, and whose it is, as far as the body says so.
func readSent(req *http.Request) (sent, string) {
	body, _ := io.ReadAll(req.Body) // it is in memory
	var e struct {
		ID    int64
		Scope string
	}
	_ = json.Unmarshal(body, &e) // a JWT is none
	return sent{req.URL.String(), req.Header.Get("Webhook-Id"), e.ID, time.Now()}, e.Scope
}

func (r *receivers) set(answer func(r *http.Request, s sent) (*http.Response, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receivers) all() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]sent(nil), r.got...)
}

func status(code int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(bytes.NewReader(nil))}
}

// rig is an outbox on a store of its own.
type rig struct {
	*outbox.Outbox
	store *store.Store
	feed  *feed.Feed
	log   *syncBuffer
	receivers
	seq int
}

// syncBuffer is a log that several write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "allot.db") }

// newRig opens a store; the caller closes it, within its bubble.
func newRig(t testing.TB, url, holder string, configure ...func(*outbox.Options)) *rig {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	guard, err := outbox.NewGuard(false, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{store: st, log: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	r.feed = feed.New(feed.Options{Store: st.ForFeed(), Committed: st.Committed(), Nodes: st.Nodes(), Holder: holder, Log: log})
	o := outbox.Options{
		Store: st.ForWebhooks(), Feed: r.feed, Sealer: plainSealer{}, Guard: guard, Log: log,
		Sign:   func(_ context.Context, payload []byte) (string, error) { return string(payload), nil },
		Body:   func(h event.Happening) ([]byte, bool) { return fmt.Appendf(nil, `{"id":%d}`, h.Seq), true },
		Jitter: func() float64 { return 0.5 },
	}
	for _, f := range configure {
		f(&o)
	}
	r.Outbox = outbox.New(o)
	r.SetTransport(&r.receivers)
	r.SetPoll(time.Hour)
	return r
}

func (r *rig) close(t testing.TB) {
	t.Helper()
	if err := r.store.Close(); err != nil {
		t.Error(err)
	}
}

func (r *rig) update(t testing.TB, fn func(tx record.Tx) error) {
	t.Helper()
	if err := r.store.ForWebhooks().Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// webhook makes one.
func (r *rig) webhook(t testing.TB, url string, format record.Format, events ...string) (w record.Webhook, secret string) {
	t.Helper()
	r.update(t, func(tx record.Tx) (err error) {
		w, secret, err = r.Create(tx, outbox.Wish{URL: url, Format: format, Events: events}, time.Now().UTC().Truncate(time.Microsecond))
		return err
	})
	return w, secret
}

func scope(n int) billing.Scope { return billing.CustomerID{15: byte(n)}.Scope() }

// happen appends events of customers, gives them places and has them followed.
func (r *rig) happen(t testing.TB, customers ...int) {
	t.Helper()
	r.append(t, customers...)
	r.place(t)
}

func (r *rig) append(t testing.TB, customers ...int) {
	t.Helper()
	err := r.store.Update(t.Context(), func(tx service.Tx) error {
		for _, c := range customers {
			r.seq++
			e := event.Event{Scope: scope(c), Cause: fmt.Sprint("e", r.seq), Type: event.TrialEnded, On: time.UnixMicro(int64(r.seq))}
			if _, err := tx.AppendEvent(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// place gives places to what has none and has it followed.
func (r *rig) place(t testing.TB) {
	t.Helper()
	for {
		var entries []feed.Entry
		err := r.store.ForFeed().Update(t.Context(), func(tx feed.Tx) error {
			end, err := tx.FeedLength()
			if err != nil {
				return err
			}
			if _, err := tx.Sequence(100, time.Now()); err != nil {
				return err
			}
			entries, err = tx.Feed(end, 100)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return
		}
		if err := r.Follower().Follow(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
}

// run sends until the returned function is called.
func (r *rig) run(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Send(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); running.Wait() }
}

func (r *rig) deliveriesOf(t testing.TB, w record.Webhook) []record.Delivery {
	t.Helper()
	all, more, err := r.Deliveries(t.Context(), w.ID, outbox.Page{Size: 100_000})
	if err != nil || more {
		t.Fatalf("%d deliveries, more: %v, %v", len(all), more, err)
	}
	return all
}

func (r *rig) get(t testing.TB, w record.Webhook) record.Webhook {
	t.Helper()
	w, err := r.Get(t.Context(), w.ID)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
