package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

var answerTests = []test{
	{"an answer is kept in every field", testAnswerRoundTrip},
	{"old answers go when new ones come", testAnswersExpire},
}

// newAnswer is one with every field set.
func newAnswer(scope billing.Scope, key string) billing.StoredAnswer {
	return billing.StoredAnswer{
		Scope: scope, Key: key, Fingerprint: []byte{0, 1, 0xff}, CreatedOn: on(0),
		Answer: billing.Answer{Status: 201, Body: []byte("{\"a\":\"ö\x00\"}"), Revision: "1.2"},
	}
}

func getAnswer(scope billing.Scope, key string) func(billing.Reader) (billing.StoredAnswer, error) {
	return func(r billing.Reader) (billing.StoredAnswer, error) { return r.Answer(scope, key) }
}

func createAnswers(t *testing.T, st billing.Store, answers ...billing.StoredAnswer) {
	t.Helper()
	for _, a := range answers {
		update(t, st, func(tx billing.Tx) error { return tx.CreateAnswer(a) })
	}
}

func testAnswerRoundTrip(t *testing.T, st billing.Store) {
	one := customerID(1).Scope() // need not be there
	answers := []billing.StoredAnswer{
		newAnswer(one, "a"), newAnswer(one, "A"), newAnswer(customerID(2).Scope(), "a"), newAnswer(billing.ScopeNone, "a"),
		{Scope: one, Key: "bare"},
	}
	for i := range answers[:4] {
		answers[i].Status += i
	}
	answers[1].Body = []byte(strings.Repeat("long", 1<<18))
	createAnswers(t, st, answers...)
	for _, want := range answers {
		same(t, "answer", read(t, st, getAnswer(want.Scope, want.Key)), want)
	}
	again := newAnswer(one, "a")
	again.Status = 500
	err := st.Update(t.Context(), func(tx billing.Tx) error { return tx.CreateAnswer(again) })
	if !errors.Is(err, billing.ErrExists) {
		t.Errorf("a used key: %v, want ErrExists", err)
	}
	same(t, "the first answer", read(t, st, getAnswer(one, "a")), answers[0])
	for _, get := range []func(billing.Reader) (billing.StoredAnswer, error){
		getAnswer(one, "b"), getAnswer(customerID(3).Scope(), "a"),
	} {
		if err := readError(st, get); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("an unknown key: %v, want ErrNotFound", err)
		}
	}
}

func testAnswersExpire(t *testing.T, st billing.Store) {
	one, two := customerID(1).Scope(), customerID(2).Scope()
	const old = 70
	at := func(scope billing.Scope, key string, on time.Time) billing.StoredAnswer {
		a := newAnswer(scope, key)
		a.CreatedOn = on
		return a
	}
	for n := range old {
		createAnswers(t, st, at(one, fmt.Sprint("old ", n), on(0).Add(-time.Microsecond)))
	}
	createAnswers(t, st, at(two, "old", on(0).Add(-time.Microsecond)), at(one, "kept", on(0)))
	left := func() (n int) {
		view(t, st, func(r billing.Reader) error {
			for i := range old {
				_, err := r.Answer(one, fmt.Sprint("old ", i))
				if err == nil {
					n++
				} else if !errors.Is(err, billing.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		return n
	}
	late := on(0).Add(billing.AnswerLifetime)
	createAnswers(t, st, at(two, "new", late), at(one, "earlier", late.Add(-time.Microsecond)))
	if n := left(); n != old {
		t.Errorf("%d of %d are left before their time", n, old)
	}
	before := old
	for i := range old {
		createAnswers(t, st, at(one, fmt.Sprint("new ", i), late))
		n := left()
		if n > before || before > 0 && (n == before || before-n > 50) {
			t.Fatalf("one new answer makes %d old ones %d: want fewer, but not at once", before, n)
		}
		before = n
	}
	if before != 0 {
		t.Errorf("%d old answers stay", before)
	}
	for _, key := range []string{"kept", "earlier", "new 0"} {
		if err := readError(st, getAnswer(one, key)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := readError(st, getAnswer(two, "old")); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("an old answer of another scope: %v", err)
	}
}
