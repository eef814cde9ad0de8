package httpapi

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// faults collects what is wrong with the parameters of a request.
type faults struct {
	missing, wrong billing.Errors
}

// require notes a parameter that is missing; what says what it would be.
func (f *faults) require(name, what string) {
	f.missing = append(f.missing, invalid(api.RequiredCode(name), "%s is required: %s", name, what))
}

// refuse notes a parameter that cannot be accepted; what says what would be.
func (f *faults) refuse(name, what string) {
	f.wrong = append(f.wrong, invalid(api.InvalidCode(name), "%s must be %s", name, what))
}

// add notes a fault with a code of its own.
func (f *faults) add(code, message string) {
	f.wrong = append(f.wrong, invalid(code, "%s", message))
}

// err is nil, or all faults as [billing.Errors], the missing ones first.
func (f *faults) err() error {
	if len(f.missing)+len(f.wrong) == 0 {
		return nil
	}
	return append(f.missing[:len(f.missing):len(f.missing)], f.wrong...)
}

func invalid(code, format string, args ...any) *billing.Error {
	return &billing.Error{Kind: billing.Invalid, Code: code, Message: fmt.Sprintf(format, args...)}
}

func notFound(code, message string) *billing.Error {
	return &billing.Error{Kind: billing.NotFound, Code: code, Message: message}
}

// What can be named by an id. One that is malformed names nothing.

func parseCustomerID(s string) (billing.CustomerID, error) {
	id, err := billing.ParseCustomerID(s)
	if err != nil {
		return id, notFound(api.CodeCustomerNotFound, "there is no customer with this customer_id; it is customer_ and 32 lower-case hex digits")
	}
	return id, nil
}

func parseAgreementID(name, s string) (billing.AgreementID, error) {
	id, err := billing.ParseAgreementID(s)
	if err != nil {
		return id, notFound(api.CodeAgreementNotFound, "there is no agreement with this "+name+"; it is agreement_ and 32 lower-case hex digits")
	}
	return id, nil
}

func parseHoldID(s string) (billing.HoldID, error) {
	id, err := billing.ParseHoldID(s)
	if err != nil {
		return id, notFound(api.CodeHoldNotFound, "there is no hold with this id; it is hold_ and 64 lower-case hex digits")
	}
	return id, nil
}

// storable reports whether a store can be asked for a text.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// isNotFound reports whether an error says that a thing does not exist.
func isNotFound(err error) bool {
	e, ok := errors.AsType[*billing.Error](err)
	return ok && e.Kind == billing.NotFound
}

// renamed is an error of a use case with the code, and what is then to say, of
// the parameter as this route names it. Other errors stay.
func renamed(err error, code, parameter, what string) error {
	fix := func(e *billing.Error) *billing.Error {
		if e.Code != code {
			return e
		}
		return invalid(api.InvalidCode(parameter), "%s must be %s", parameter, what)
	}
	if several, ok := errors.AsType[billing.Errors](err); ok {
		for i := range several {
			several[i] = fix(several[i])
		}
		return several
	}
	if one, ok := errors.AsType[*billing.Error](err); ok {
		return fix(one)
	}
	return err
}

// What a parameter would be.
const (
	aCustomerID  = "the id of a customer, such as customer_01a202b2c50070008000000000000001"
	anAgreement  = "the id of an agreement, such as agreement_01a202b2c64c7f3aa1b2c3d4e5f60000"
	aFeatureCode = "the code of a feature"
	aPlanCode    = "the code of a published plan or add-on"
	aWhen        = "now or period_end"
	aTime        = "a time in ISO 8601 of the years 2 to 9998, such as 2026-11-22T10:00:00Z"
	someText     = "text"
	trueOrFalse  = "true or false"
	anAmount     = "a decimal number such as 12.5: at most 6 digits after the point, size below 10^12, no exponent, as text or number"
	aType        = "delta or absolute"
	someMetadata = "an object whose values are text"
)
