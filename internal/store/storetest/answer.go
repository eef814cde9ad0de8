package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

var answerTests = []test{
	{"an answer is kept in every field", testAnswerRoundTrip},
	{"old answers of all scopes are swept", testSweepAnswers},
}

// newAnswer is one with every field set.
func newAnswer(scope billing.Scope, key string) service.StoredAnswer {
	return service.StoredAnswer{
		Scope: scope, Key: key, Fingerprint: []byte{0, 1, 0xff}, CreatedOn: on(0),
		Answer: service.Answer{Status: 201, Body: []byte("{\"a\":\"ö\x00\"}"), Revision: "1.2"},
	}
}

func getAnswer(scope billing.Scope, key string) func(service.Reader) (service.StoredAnswer, error) {
	return func(r service.Reader) (service.StoredAnswer, error) { return r.Answer(scope, key) }
}

func createAnswers(t *testing.T, st service.Store, answers ...service.StoredAnswer) {
	t.Helper()
	for _, a := range answers {
		update(t, st, func(tx service.Tx) error { return tx.CreateAnswers(a) })
	}
}

func testAnswerRoundTrip(t *testing.T, st Store) {
	one := customerID(1).Scope() // need not be there
	answers := []service.StoredAnswer{
		newAnswer(one, "a"), newAnswer(one, "A"), newAnswer(customerID(2).Scope(), "a"), newAnswer(service.ScopeNone, "a"),
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
	err := st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateAnswers(again) })
	if !errors.Is(err, billing.ErrExists) {
		t.Errorf("a used key: %v, want ErrExists", err)
	}
	same(t, "the first answer", read(t, st, getAnswer(one, "a")), answers[0])
	for _, get := range []func(service.Reader) (service.StoredAnswer, error){
		getAnswer(one, "b"), getAnswer(customerID(3).Scope(), "a"),
	} {
		if err := readError(st, get); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("an unknown key: %v, want ErrNotFound", err)
		}
	}
}

func testSweepAnswers(t *testing.T, st Store) {
	one, two := customerID(1).Scope(), customerID(2).Scope()
	at := func(scope billing.Scope, key string, hour int) service.StoredAnswer {
		a := newAnswer(scope, key)
		a.CreatedOn = on(hour)
		return a
	}
	answers := []service.StoredAnswer{
		at(one, "a", 4), at(two, "a", 1), at(service.ScopeNone, "a", 2), at(one, "b", 3), at(two, "b", 5),
	}
	createAnswers(t, st, answers...)
	for _, step := range []struct{ want, left int }{{2, 3}, {1, 2}, {0, 2}} {
		update(t, st, func(tx service.Tx) error {
			n, err := tx.SweepAnswers(on(4), 2)
			if n != step.want {
				t.Errorf("%d answers swept, want %d", n, step.want)
			}
			return err
		})
		left := 0
		for _, a := range answers {
			switch err := readError(st, getAnswer(a.Scope, a.Key)); {
			case err == nil:
				left++
			case !errors.Is(err, billing.ErrNotFound):
				t.Fatal(err)
			}
		}
		if left != step.left {
			t.Errorf("%d answers are left, want %d", left, step.left)
		}
	}
	for _, a := range []service.StoredAnswer{answers[0], answers[4]} {
		same(t, "young answer", read(t, st, getAnswer(a.Scope, a.Key)), a)
	}
}
