package door

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
)

// Change is what a request asks to be done, read and found well formed. U is the
// unit of work that the use cases give.
type Change[U any] struct {
	// Whose is the customer that the request names; zero if it names none, or one
	// that is yet to be made.
	Whose [16]byte
	// Records is how many records of usage it may make, if that is all it does;
	// else 0.
	Records int
	// Features are the codes of those that the records may be of.
	Features []string
	// Do does it in one transaction. It may run more than once.
	Do func(U) (Answer, error)
	// Apart, in place of Do, does what is no single transaction: nothing but
	// reading, or work for many customers. Done again, it does nothing twice.
	Apart func() (Answer, error)
	// Gone, if not nil, says of the id of what Do made whether that is no more. An
	// answer that is given again then says so.
	Gone func(id string) (bool, error)
	// Done, if not nil, is called when what Do did is committed, and not when its
	// answer is given again.
	Done func()
}

// Asks lets a handler of [Changes] that changes nothing take as long as one of [Reads].
func Asks(h Handler) Handler {
	h.patience = readTime
	return h
}

// Worker does work in transactions, and keeps what was said of it. It is what
// the use cases are to the door.
type Worker[U any] interface {
	// Do runs fn in one transaction. It may run more than once. If ctx has a [Trial] it
	// takes all back, and fills that in.
	Do(ctx context.Context, w Work, fn func(U) error) error
	// Once runs fn, and keeps what it says under a key, in one transaction, or
	// returns what was said the first time. Of racing calls with one key one does
	// the work.
	Once(ctx context.Context, w Work, key Key, fn func(U) (Said, error)) (said Said, replayed bool, err error)
	// Said is what is kept under a key, and whether anything is.
	Said(ctx context.Context, w Work, key Key) (said Said, found bool, err error)
}

// Work says who does work, and what work it is: see [Change].
type Work struct {
	By       string
	Whose    [16]byte
	Records  int
	Features []string
	// Until is by when the caller is to be answered, whatever comes of it: before the server
	// gives the connection up.
	Until time.Time
	Turn  Turn // of a request whose usage is written
}

// Turn is that of a request to compute. It is paused while the request waits for what others
// write for it.
type Turn interface {
	Pause(records int)
	Resume()
}

// Key is what a caller calls its work.
type Key struct {
	Name string // with all that it is scoped to but the customer
	// Fingerprint is of what was asked. The same name with another one is refused.
	Fingerprint []byte
	// Outcome is what is said of an error of the work, and whether that is kept.
	Outcome func(error) (Said, bool)
}

// Said is an answer as it goes over the wire.
type Said struct {
	Status   int
	Body     []byte
	Revision string
}

// Changes is the handler of a route that changes something, or that is a POST
// and so may be repeated under a key. What prepare refuses is a fault of the
// request and not the outcome of any work.
func Changes[U any](worker Worker[U], prepare func(*Call) (Change[U], error)) Handler {
	h := Reads(func(c *Call) (Answer, error) {
		c.Actor, c.until = c.door.actor(c.By), c.came().Add(answerTime)
		trial := TrialOf(c.Context())
		if c.key != "" && trial == nil {
			return once(c, worker, prepare)
		}
		todo, err := prepare(c)
		if err != nil {
			return Answer{}, err
		}
		if todo.Apart != nil {
			if trial != nil {
				return Answer{}, errNoTrial
			}
			return todo.Apart()
		}
		var ans Answer
		err = worker.Do(c.Context(), todo.work(c), func(u U) (err error) {
			ans, err = todo.Do(u)
			return err
		})
		if err == nil && todo.Done != nil && trial == nil {
			todo.Done()
		}
		return ans, err
	})
	h.patience = answerTime
	return h
}

// How long a change may take, and a request that changes nothing, from when it came; and what of
// it is left for the keeping of what was said of a change that is no single transaction.
const (
	answerTime = 40 * time.Second
	readTime   = 35 * time.Second
	keepTime   = 5 * time.Second
)

// errNoTrial is a fault of ours: who tries a change knows which.
var errNoTrial = errors.New("work that is no single transaction cannot be tried")

func (todo Change[U]) work(c *Call) Work {
	return Work{By: c.Actor, Whose: todo.Whose, Records: todo.Records, Features: todo.Features, Until: c.until, Turn: c.Turn()}
}

// once does the work of a request that brings a key, or says again what was said
// when it was done.
func once[U any](c *Call, worker Worker[U], prepare func(*Call) (Change[U], error)) (Answer, error) {
	text, err := ReadText(c.Request)
	if err != nil {
		return Answer{}, err
	}
	c.Body = &held{text: text}
	todo, err := prepare(c)
	if err != nil {
		return Answer{}, err
	}
	work, key := todo.work(c), Key{Name: c.Key(), Fingerprint: fingerprint(text), Outcome: c.outcome}
	do := func(u U) (Said, error) {
		ans, err := todo.Do(u)
		if err != nil {
			return Said{}, err
		}
		return c.spoken(ans)
	}
	if todo.Apart != nil {
		said, found, err := worker.Said(c.Context(), work, key)
		if err != nil {
			return Answer{}, err
		}
		if found {
			return c.repeated(said, true, nil)
		}
		c.until = c.until.Add(-keepTime)
		said, kept, err := c.apart(todo.Apart)
		if err != nil {
			return Answer{}, err
		}
		if !kept {
			return c.repeated(said, false, nil)
		}
		// If a twin was quicker, what it said is the first.
		first, replayed, err := worker.Once(c.Context(), work, key, func(U) (Said, error) { return said, nil })
		if err != nil && c.isOurs(err) {
			// The work is done, whatever becomes of keeping what was said of it.
			c.Note("an answer is not kept under its Idempotency-Key", slog.String("error", err.Error()))
			first, replayed, err = said, false, nil
		}
		if err != nil {
			return Answer{}, err
		}
		return c.repeated(first, replayed, todo.Gone)
	}
	said, replayed, err := worker.Once(c.Context(), work, key, do)
	if err != nil {
		return Answer{}, err
	}
	if todo.Done != nil && !replayed && said.Status < http.StatusBadRequest {
		todo.Done()
	}
	return c.repeated(said, replayed, todo.Gone)
}

// apart is what work says that is no single transaction, and whether that is to be kept. An
// error is one that is not.
func (c *Call) apart(do func() (Answer, error)) (said Said, kept bool, err error) {
	ans, err := do()
	if err == nil {
		said, err = c.spoken(ans)
		return said, !ans.Passing, err
	}
	if refusal, kept := c.outcome(err); kept {
		return refusal, true, nil
	}
	return Said{}, false, err
}

// isOurs reports whether an error is none of the request: a fault of ours, or of the database.
func (c *Call) isOurs(err error) bool {
	errs := c.Errors(err)
	return len(errs) == 0 || errs[0].Kind == Internal || errs[0].Kind == Unavailable
}

// outcome is the answer that an error of the work makes, if it is what the work
// came to: one error by itself that says so. Faults of ours and of the request,
// and that a thing is not there, can be put right under the same key.
func (c *Call) outcome(err error) (Said, bool) {
	if errs := c.Errors(err); len(errs) != 1 || !errs[0].Outcome {
		return Said{}, false
	}
	status, body := c.door.refusal(c.route, "", err)
	said, err := c.spoken(Answer{Status: status, Body: body})
	return said, err == nil
}

// sealMark begins a body that is kept sealed. No JSON begins so.
const sealMark = "sealed:"

// spoken is an answer as it goes over the wire, sealed if it has a secret.
func (c *Call) spoken(ans Answer) (Said, error) {
	text, err := Encode(ans.Body)
	if err != nil {
		return Said{}, fmt.Errorf("encode the answer: %w", err)
	}
	if ans.Secret {
		text = append([]byte(sealMark), c.door.Sealer.SealAnswer(text)...)
	}
	return Said{Status: cmp.Or(ans.Status, http.StatusOK), Body: text, Revision: ans.Revision}, nil
}

// repeated is what was spoken, as an answer again. What it made may be gone since.
func (c *Call) repeated(said Said, replayed bool, gone func(id string) (bool, error)) (Answer, error) {
	if sealed, ok := bytes.CutPrefix(said.Body, []byte(sealMark)); ok {
		var err error
		if said.Body, err = c.door.Sealer.OpenAnswer(sealed); err != nil {
			return Answer{}, err
		}
	}
	if replayed && c.route.Dialect.Details && string(bytes.TrimSpace(said.Body)) == "{}" {
		body, err := Encode(map[string][]api.Warning{"warnings": {{Code: api.CodeThingGone, Message: purged}}})
		return Answer{Status: said.Status, Body: Document{ContentTypeJSON, body}, replayed: true}, err
	}
	if replayed && gone != nil && said.Status < http.StatusBadRequest {
		var err error
		if said.Body, err = warnIfGone(said.Body, gone); err != nil {
			return Answer{}, err
		}
	}
	ans := Answer{Status: said.Status, Revision: said.Revision, Body: Document{ContentTypeJSON, said.Body}, replayed: replayed}
	if said.Status >= http.StatusBadRequest {
		var refused api.Errors
		if err := json.Unmarshal(said.Body, &refused); err == nil && len(refused.Errors) > 0 {
			ans.code = refused.Errors[0].Code
		}
	}
	return ans, nil
}

// purged is said in the place of an answer that was erased with its customer.
const purged = "this was answered before to the same Idempotency-Key; the customer was purged since, and the answer with it"

// warnIfGone is the body of an answer, with a warning if what it is about is gone.
// Warnings are the last field of every answer that may have some.
func warnIfGone(body []byte, gone func(id string) (bool, error)) ([]byte, error) {
	var of struct {
		ID       string        `json:"id"`
		Warnings []api.Warning `json:"warnings"`
	}
	if err := json.Unmarshal(body, &of); err != nil {
		return nil, fmt.Errorf("an answer that was kept: %w", err)
	}
	if is, err := gone(of.ID); err != nil || !is {
		return body, err
	}
	end := bytes.LastIndex(body, []byte(`,"warnings":[`))
	if of.Warnings == nil || end < 0 {
		end = bytes.LastIndexByte(body, '}')
	}
	warnings, err := Encode(append(of.Warnings, api.Warning{
		Code:    api.CodeThingGone,
		Message: "this was answered before to the same Idempotency-Key, and " + of.ID + " is no more; use a new key to make another",
	}))
	if err != nil {
		return nil, err
	}
	out := append(bytes.Clone(body[:end]), `,"warnings":`...)
	return append(append(out, bytes.TrimSpace(warnings)...), "}\n"...), nil
}

// readKey reads the caller's name for the work.
func (c *Call) readKey() error {
	values := c.Header[api.HeaderIdempotencyKey]
	if c.Method != http.MethodPost || len(values) == 0 || len(values) == 1 && values[0] == "" {
		return nil
	}
	key := values[0]
	unprintable := strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
	if len(values) > 1 || len(key) > api.MaxIdempotencyKey || unprintable {
		return Fault(api.InvalidCode("idempotency_key"), "Idempotency-Key must be given once and be 1 to %d characters of printable ASCII", api.MaxIdempotencyKey)
	}
	c.key = key
	return nil
}

// Key is the caller's key with all that it is scoped to but the customer; "" if
// it gave none. Quoted, no two differ only in where one part ends.
func (c *Call) Key() string {
	if c.key == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q", c.By.Issuer, c.By.ClientID, c.Pattern, c.URL.Path, c.key)
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
