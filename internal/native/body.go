package native

import (
	"net/http"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
)

// body reads what several of these routes have in their bodies. It is closed: a
// field that the handler does not ask for is refused.
type body struct{ *door.Body }

func readBody(r *http.Request, f *door.Faults) (body, error) {
	return closed(door.ReadBody(r, f))
}

// readBodyIfAny is readBody of a request that may do without one.
func readBodyIfAny(r *http.Request, f *door.Faults) (body, error) {
	return closed(door.ReadBodyIfAny(r, f))
}

// noBody refuses what a request says in a body that its route has no use for: a
// caller would take it for done.
func noBody(r *http.Request) error {
	var f door.Faults
	if _, err := readBodyIfAny(r, &f); err != nil {
		return err
	}
	return f.Err()
}

// parseBody is readBody of an object within a body.
func parseBody(text []byte, f *door.Faults) (body, error) {
	return closed(door.ParseBody(text, f))
}

func closed(b *door.Body, err error) (body, error) {
	if err != nil {
		return body{}, err
	}
	b.Close()
	return body{b}, nil
}

// amount is an amount of usage; nil if it is absent.
func (b body) amount(name string) *billing.Units {
	return door.Decimal(b.Body, name, billing.ParseUnits)
}

// units are the field units, an amount above 0; nil if it is absent.
func (b body) units() *billing.Units {
	return b.above("units")
}

// above is an amount above 0; nil if it is absent.
func (b body) above(name string) *billing.Units {
	units := b.amount(name)
	if units != nil && *units <= 0 {
		b.Refuse(name, "above 0")
		return nil
	}
	return units
}

const aWhen = "now or period_end"

// when is when a change takes effect; "" if it is absent.
func (b body) when() billing.When {
	return billing.When(b.OneOf("when", aWhen, string(billing.WhenNow), string(billing.WhenPeriodEnd)))
}

// yes reports whether a field is true; absent, it is not.
func (b body) yes(name string) bool {
	v := b.Boolean(name)
	return v != nil && *v
}

// imported reads the id that a thing is to have; the zero value if none is given. The one
// of zeros alone is none.
func imported[ID comparable](b body, what string, parse func(string) (ID, error)) (id ID) {
	text := b.Text("id", what)
	if text == "" {
		return id
	}
	read, err := parse(text)
	if err != nil || read == id {
		b.Refuse("id", what)
	}
	return read
}
