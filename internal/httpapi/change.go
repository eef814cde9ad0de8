package httpapi

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// change is what a request asks to be done, read and found well formed.
type change struct {
	// whose is the customer that the request names; zero if it names none, or one
	// that is yet to be made.
	whose billing.CustomerID
	// records is how many records of usage it may make, if that is all it does;
	// else 0.
	records int
	// features are those that the records may be of.
	features []billing.Code
	// do does it in one transaction. It may run more than once.
	do func(*billing.Unit) (answer, error)
	// apart, in place of do, does what is no single transaction: nothing but
	// reading, or work for many customers. Done again, it does nothing twice.
	apart func() (answer, error)
}

// changes is the handler of a route that changes something, or that is a POST
// and so may be repeated under a key. What prepare refuses is a fault of the
// request and not the outcome of any work.
func changes(prepare func(*adapter, *call) (change, error)) handler {
	return reads(func(a *adapter, c *call) (answer, error) {
		c.actor = a.actor(c.by)
		if c.key != "" {
			return a.once(c, prepare)
		}
		todo, err := prepare(a, c)
		if err != nil {
			return answer{}, err
		}
		if todo.apart != nil {
			return todo.apart()
		}
		var ans answer
		do := func(u *billing.Unit) (err error) {
			ans, err = todo.do(u)
			return err
		}
		if todo.records > 0 {
			err = a.Billing.Count(c.Context(), c.actor, billing.Counting{
				Customer: todo.whose, Features: todo.features, Records: todo.records,
			}, do)
		} else {
			err = a.Billing.Do(c.Context(), c.actor, do)
		}
		return ans, err
	})
}

// errNotDone is work that has no answer yet.
var errNotDone = errors.New("not done yet")

// once does the work of a request that brings a key, or says again what was said
// when it was done.
func (a *adapter) once(c *call, prepare func(*adapter, *call) (change, error)) (answer, error) {
	text, err := readText(c.Request)
	if err != nil {
		return answer{}, err
	}
	c.Body = io.NopCloser(bytes.NewReader(text))
	todo, err := prepare(a, c)
	if err != nil {
		return answer{}, err
	}
	once := billing.Once{
		Customer: todo.whose, Records: todo.records, Features: todo.features,
		Key: c.scopedKey(), Fingerprint: fingerprint(text), Refusal: c.outcome,
	}
	run := func(work func(*billing.Unit) (billing.Answer, error)) (answer, error) {
		said, replayed, err := a.Billing.Once(c.Context(), c.actor, once, work)
		if err != nil {
			return answer{}, err
		}
		return repeated(said, replayed), nil
	}
	if todo.do != nil {
		return run(func(u *billing.Unit) (billing.Answer, error) {
			ans, err := todo.do(u)
			if err != nil {
				return billing.Answer{}, err
			}
			return spoken(ans)
		})
	}
	ans, err := run(func(*billing.Unit) (billing.Answer, error) { return billing.Answer{}, errNotDone })
	if !errors.Is(err, errNotDone) {
		return ans, err
	}
	ans, err = todo.apart()
	var said billing.Answer
	if err == nil {
		said, err = spoken(ans)
	} else if refusal, kept := c.outcome(err); kept {
		said, err = refusal, nil
	}
	if err != nil {
		return answer{}, err
	}
	return run(func(*billing.Unit) (billing.Answer, error) { return said, nil })
}

// outcome is the answer that an error of the work makes, if it is what the work
// came to: not a fault of ours, not faults of the request (which come as
// [billing.Errors]), not that it is about nobody, and nothing that is said of the
// key itself. What is wrong with the request, or names a thing that is not there,
// can be put right under the same key; what the state of things refuses is kept.
func (c *call) outcome(err error) (billing.Answer, bool) {
	if _, faulty := errors.AsType[billing.Errors](err); faulty {
		return billing.Answer{}, false
	}
	refused, ok := errors.AsType[*billing.Error](err)
	if !ok || refused.Kind == billing.Internal {
		return billing.Answer{}, false
	}
	wrong := strings.HasSuffix(refused.Code, "_INVALID") || strings.HasSuffix(refused.Code, "_REQUIRED")
	switch {
	case refused.Code == api.CodeIdempotencyKeyReused,
		refused.Kind == billing.NotFound,
		wrong && refused.Code != "METER_VALUE_INVALID": // which is about what was used before
		return billing.Answer{}, false
	}
	status, body := refusal(c.dialect, "", named(c.Pattern, err))
	said, err := spoken(answer{status: status, body: body})
	return said, err == nil
}

// spoken is an answer as it goes over the wire.
func spoken(ans answer) (billing.Answer, error) {
	text, err := encode(ans.body)
	if err != nil {
		return billing.Answer{}, fmt.Errorf("encode the answer: %w", err)
	}
	return billing.Answer{Status: cmp.Or(ans.status, http.StatusOK), Body: text, Revision: ans.revision}, nil
}

// repeated is what was spoken, as an answer again.
func repeated(said billing.Answer, replayed bool) answer {
	ans := answer{status: said.Status, revision: said.Revision, body: document{contentTypeJSON, said.Body}, replayed: replayed}
	if said.Status >= http.StatusBadRequest {
		var refused api.Errors
		if err := json.Unmarshal(said.Body, &refused); err == nil && len(refused.Errors) > 0 {
			ans.code = refused.Errors[0].Code
		}
	}
	return ans
}

// readKey reads the caller's name for the work.
func (c *call) readKey() error {
	values := c.Header.Values(api.HeaderIdempotencyKey)
	if c.Method != http.MethodPost || len(values) == 0 || len(values) == 1 && values[0] == "" {
		return nil
	}
	key := values[0]
	unprintable := strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
	if len(values) > 1 || len(key) > api.MaxIdempotencyKey || unprintable {
		return invalid(api.InvalidCode("idempotency_key"), "Idempotency-Key must be given once and be 1 to %d characters of printable ASCII", api.MaxIdempotencyKey)
	}
	c.key = key
	return nil
}

// scopedKey is the key with all that it is scoped to but the customer. Quoted,
// no two differ only in where one part ends.
func (c *call) scopedKey() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q", c.by.Issuer, c.by.ClientID, c.Pattern, c.URL.Path, c.key)
	return hex.EncodeToString(h.Sum(nil))
}

// fingerprint is of a body as JSON: the order of keys and white space do not
// matter.
func fingerprint(text []byte) []byte {
	var body any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&body); err == nil {
		if canonical, err := json.Marshal(body); err == nil {
			text = canonical
		}
	}
	sum := sha256.Sum256(bytes.TrimSpace(text))
	return sum[:]
}
