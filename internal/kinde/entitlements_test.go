package kinde

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/door"
)

const acme = "customer_01a202b2c50070008000000000000001"

// Whatever a query is, it is read or refused: with at least one error, each with
// a code of one of its parameters, and what is read is within bounds.
func FuzzEntitlementsQuery(f *testing.F) {
	for _, raw := range []string{
		"", "customer_id=" + acme, "customer_id=a&page_size=0&max_value=x&expand=y", "page_size=1&page_size=1", "&&=&%", "%zz=%zz&max_value=%ff",
		"customer_id=a;b&starting_after=entitlement_01a202b2c50070008000000000000001", "customer_id=%00&page_size=500&max_value=9007199254740991&expand=plans",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := &http.Request{URL: &url.URL{RawQuery: raw}}
		customer, in, err := readEntitlementsQuery(door.ReadQuery(r, new(door.Faults)))
		if err == nil {
			if customer == "" || in.Page.Size < 1 || in.Page.Size > api.MaxPageSize || in.Page.After != nil && in.Page.Before != nil ||
				in.MaxValue != nil && (*in.MaxValue < 0 || *in.MaxValue > api.MaxInteger) {
				t.Fatalf("%q is read as %+v", raw, in)
			}
			return
		}
		if several, refused := errors.AsType[door.Errors](err); !refused || several[0].Kind != door.Invalid {
			t.Fatalf("%q: %v is no fault of the request", raw, err)
		}
	})
}
