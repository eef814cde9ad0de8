package cli

import (
	"cmp"
	"context"
	"io"
	"strconv"

	"github.com/allot-dev/allot/internal/server"
)

type verifyCommand struct {
	place `embed:""`
}

// verification is what was gone through, and all that does not agree.
type verification struct {
	Customers int     `json:"customers"`
	Counters  int     `json:"counters"`
	Drifts    []drift `json:"drifts"`
}

type drift struct {
	CustomerID string `json:"customer_id,omitempty"` // "" of the catalog
	Message    string `json:"message"`
}

func (c *verifyCommand) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		found, err := i.Verify(ctx)
		if err != nil {
			return err
		}
		v := verification{found.Customers, found.Counters, make([]drift, len(found.Drifts))}
		for i, d := range found.Drifts {
			v.Drifts[i] = drift{d.Of(), d.Message}
		}
		err = s.print(v, func(w io.Writer) {
			field(w, "customers", strconv.Itoa(v.Customers))
			field(w, "counters", strconv.Itoa(v.Counters))
			field(w, "drifts", strconv.Itoa(len(v.Drifts)))
			if len(v.Drifts) == 0 {
				return
			}
			row(w)
			row(w, "CUSTOMER", "DRIFT")
			for _, d := range v.Drifts {
				row(w, cmp.Or(d.CustomerID, "catalog"), d.Message)
			}
		})
		if err == nil && len(v.Drifts) > 0 {
			err = errNo
		}
		return err
	})
}
