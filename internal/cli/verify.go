package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/allot-dev/allot/internal/server"
)

type verifyCommand struct {
	place `embed:""`
	Head  *string `placeholder:"HASH" help:"A head that verify has printed before, HASH or SEQ:HASH: the feed must have it still."`
}

// verification is what was gone through, and all that does not agree.
type verification struct {
	Customers int    `json:"customers"`
	Counters  int    `json:"counters"`
	Places    int64  `json:"places"`
	Unhashed  int64  `json:"unhashed,omitempty"`
	Head      string `json:"head"`

	Drifts []drift `json:"drifts"`
}

type drift struct {
	CustomerID string `json:"customer_id,omitempty"`
	Of         string `json:"of,omitempty"` // what it is of, if it is no customer's
	Message    string `json:"message"`
}

func (c *verifyCommand) Run(ctx context.Context, s *session) error {
	var head string
	if c.Head != nil {
		if head = *c.Head; head == "" { // such as of a variable that is not set
			return &usageError{err: &server.VerifyHeadError{}}
		}
	}
	return c.with(ctx, func(i *server.Installation) error {
		p := s.newProgress(-1)
		found, err := i.Verify(ctx, server.VerifyOptions{Head: head, Progress: func(what string, done, of int64) {
			text := what
			switch {
			case of > 0:
				text = fmt.Sprintf("%s: %d of %d", what, done, of)
			case done > 0:
				text = fmt.Sprintf("%s: %d", what, done)
			}
			p.at(done, text)
		}})
		p.end()
		if wrong, ok := errors.AsType[*server.VerifyHeadError](err); ok {
			return &usageError{err: wrong}
		}
		if err != nil {
			return err
		}
		return s.verified(&found)
	})
}

// verified prints what was found; if that is something the command fails.
func (s *session) verified(found *server.Verification) error {
	v := verification{
		Customers: found.Customers, Counters: found.Counters, Places: found.Places, Unhashed: found.Unhashed, Head: found.Head,
		Drifts: make([]drift, len(found.Drifts)),
	}
	for i, d := range found.Drifts {
		v.Drifts[i] = drift{CustomerID: d.Whose(), Message: d.Message}
		if v.Drifts[i].CustomerID == "" {
			v.Drifts[i].Of = cmp.Or(d.Of, "catalog")
		}
	}
	err := s.print(v, func(w io.Writer) {
		field(w, "customers", strconv.Itoa(v.Customers))
		field(w, "counters", strconv.Itoa(v.Counters))
		field(w, "places", strconv.FormatInt(v.Places, 10))
		if v.Unhashed > 0 {
			field(w, "unhashed", fmt.Sprintf("%d: they get their hashes from a server that runs", v.Unhashed))
		}
		field(w, "head", cmp.Or(v.Head, "none"))
		field(w, "drifts", strconv.Itoa(len(v.Drifts)))
		if len(v.Drifts) == 0 {
			return
		}
		row(w)
		row(w, "OF", "DRIFT")
		for _, d := range v.Drifts {
			row(w, cmp.Or(d.CustomerID, d.Of), d.Message)
		}
	})
	if err == nil && len(v.Drifts) > 0 {
		err = errNo
	}
	return err
}
