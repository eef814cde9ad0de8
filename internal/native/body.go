package native

import (
	"net/http"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
)

// body reads what several of these routes have in their bodies.
type body struct{ *door.Body }

func readBody(r *http.Request, f *door.Faults) (body, error) {
	b, err := door.ReadBody(r, f)
	return body{b}, err
}

// readBodyIfAny is readBody of a request that may do without one.
func readBodyIfAny(r *http.Request, f *door.Faults) (body, error) {
	b, err := door.ReadBodyIfAny(r, f)
	return body{b}, err
}

// amount is an amount of usage; nil if it is absent.
func (b body) amount(name string) *billing.Units {
	return door.Decimal(b.Body, name, billing.ParseUnits)
}

// units are the field units, an amount above 0; nil if it is absent.
func (b body) units() *billing.Units {
	units := b.amount("units")
	if units != nil && *units <= 0 {
		b.Refuse("units", "above 0")
		return nil
	}
	return units
}

const aWhen = "now or period_end"

// when is when a change takes effect; "" if it is absent.
func (b body) when() billing.When {
	return billing.When(b.OneOf("when", aWhen, string(billing.WhenNow), string(billing.WhenPeriodEnd)))
}
