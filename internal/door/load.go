package door

import (
	"errors"
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admission"
	"github.com/allot-dev/allot/internal/auth"
)

var (
	// errBusy is a request of a client that asks for more than its share.
	errBusy = newShed(http.StatusTooManyRequests, api.CodeTooManyRequests,
		"the server has more to do than it can, and most of it for this client: send fewer requests at a time, and this one again")
	// errFull is one of a client that does not.
	errFull = newShed(http.StatusServiceUnavailable, api.CodeOverloaded,
		"the server has more to do than it can, for many clients: send this request again in a moment")
	// errStranger is a request from an address that sends too much without good
	// credentials.
	errStranger = newShed(http.StatusTooManyRequests, api.CodeTooManyRequests,
		"too many requests without good credentials come from this address: wait, and send fewer")
	// errBodies is a body for which there is no room.
	errBodies = newShed(http.StatusServiceUnavailable, api.CodeOverloaded,
		"the server reads as many large bodies as it can: send this one again in a moment")
)

// errGone is a request whose caller did not wait for its turn.
var errGone = newShed(http.StatusServiceUnavailable, api.CodeOverloaded, "the request was given up")

// errUnreachable is one that could not be let in in time, since the store does not say who may be.
var errUnreachable = &Error{Kind: Unavailable, Code: api.CodeStoreUnreachable, Message: "the database cannot be reached: try again in a moment"}

// shed is a request that did not get in for want of room. There may be many: what it is told
// is written once.
type shed struct {
	status        int
	code, message string
	body          Document
}

func newShed(status int, code, message string) *shed {
	text, _ := Encode(oneError(code, message)) // two strings
	return &shed{status, code, message, Document{ContentType: ContentTypeJSON, Text: text}}
}

func (s *shed) Error() string { return s.message }

// stranger lets in a request without credentials, as its address still may.
func (d *door) stranger(x *exchange, r *http.Request, kind admission.Kind) error {
	if d.Control == nil {
		return nil
	}
	x.kind, x.address = kind, admission.Address(r.RemoteAddr)
	if !d.Control.Ask(kind, x.address, 1) {
		return d.overspent(x, r)
	}
	return d.enterStranger(x, r)
}

// enterStranger waits for a stranger's turn.
func (d *door) enterStranger(x *exchange, r *http.Request) (err error) {
	x.pass, err = d.Control.Strangers.Enter(r.Context(), admission.Flow{Address: x.address})
	if errors.Is(err, admission.ErrBusy) || errors.Is(err, admission.ErrFull) {
		d.Control.Shed(admission.Stranger)
		return errStranger
	}
	return err
}

// overspent refuses a stranger, not too soon: see [admission.Control.Pause].
func (d *door) overspent(x *exchange, r *http.Request) error {
	d.Control.Shed(admission.Stranger)
	began := time.Now()
	if !d.Control.Pause(r.Context(), d.Ending) {
		x.Header()["Connection"] = connectionClose
	}
	x.waited += time.Since(began)
	return errStranger
}

// unproved is what a request is refused with that has no good credentials: err, or that
// there were too many of them. To look at it cost nothing.
func (d *door) unproved(x *exchange, r *http.Request, err error) error {
	if d.Control == nil || !errors.Is(err, auth.ErrInvalidCredentials) {
		return err
	}
	if !d.Control.Ask(admission.Open, admission.Address(r.RemoteAddr), 1) {
		return d.overspent(x, r)
	}
	return err
}

// verify finds out whose a token is. One that is known to be good is looked up; to verify
// another is work done for a stranger.
func (d *door) verify(x *exchange, r *http.Request, token string) (*auth.Principal, error) {
	if d.Control == nil {
		return d.Verifier.Verify(r.Context(), token)
	}
	if by, known, err := d.Verifier.Recall(r.Context(), token); known {
		if err != nil { // its client was revoked
			return nil, d.unproved(x, r, err)
		}
		return by, nil
	}
	x.address = admission.Address(r.RemoteAddr)
	if !d.Control.Ask(admission.Bearer, x.address, 1) && !d.Control.Claim(x.address, auth.Claimed(token)) {
		return nil, d.overspent(x, r)
	}
	if err := d.enterStranger(x, r); err != nil {
		return nil, err
	}
	proof, err := d.Verifier.Prove(r.Context(), token)
	x.pass.Leave() // what is waited for from here on takes no processor
	switch {
	case errors.Is(err, auth.ErrKeyUnknown):
		return d.verifyUnknown(x, r, token)
	case err != nil:
		return nil, err
	}
	// It is no forgery, whatever the store says of it, or does not say.
	d.Control.Proved(admission.Bearer, x.address)
	by, err := d.Verifier.Admit(r.Context(), proof)
	if errors.Is(err, auth.ErrInvalidCredentials) { // its client was revoked
		d.Control.Charge(admission.Bearer, x.address, 1)
		return nil, err
	}
	x.address = ""
	return by, err
}

// mostUnknown is how many tokens are waited with for keys that are to be read, and keyPatience for
// how long others wait to be one of them.
const (
	mostUnknown = 16
	keyPatience = 2 * time.Second
)

// verifyUnknown is verify of a token whose key is not in memory. Anybody may invent one, so few
// wait for the store at a time, and none of them in a turn that others need to be told apart.
func (d *door) verifyUnknown(x *exchange, r *http.Request, token string) (*auth.Principal, error) {
	timer := time.NewTimer(keyPatience)
	defer timer.Stop()
	select {
	case d.unknown <- struct{}{}:
		defer func() { <-d.unknown }()
	case <-timer.C:
		d.Control.Shed(admission.Stranger)
		return nil, errStranger
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	by, err := d.Verifier.Verify(r.Context(), token)
	if err == nil {
		d.Control.Proved(admission.Bearer, x.address)
		x.address = ""
	}
	return by, err
}

// flow is the client whose share a request is of. Users of an issuer that does not name
// clients have one each.
func flow(by *auth.Principal) admission.Flow {
	if by.ClientID == "" {
		return admission.Flow{Issuer: by.Issuer, Address: "user " + by.Subject}
	}
	return admission.Flow{Issuer: by.Issuer, Client: by.ClientID}
}

// enter waits for the turn of a client's request.
func (d *door) enter(x *exchange, c *Call) (err error) {
	if d.Control == nil {
		return nil
	}
	switch x.pass, err = d.Control.Clients.Enter(c.Context(), flow(c.By)); {
	case errors.Is(err, admission.ErrBusy):
		d.Control.Shed(admission.Client)
		return errBusy
	case errors.Is(err, admission.ErrFull):
		d.Control.Shed(admission.Server)
		return errFull
	}
	return err
}

// byteOfCost is how many bytes of an answer cost a stranger as much as a request does.
const byteOfCost = 16 << 10

// charge is called before an answer of so many bytes is sent. Nothing else is waited for
// from then on, so the turn is over.
func (d *door) charge(x *exchange, n int) {
	x.pass.Leave()
	if d.Control != nil && x.address != "" && x.kind == admission.Open && n > byteOfCost {
		d.Control.Charge(x.kind, x.address, float64(n/byteOfCost))
	}
}
