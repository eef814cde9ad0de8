package wire

import (
	"errors"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// What names a thing, as messages say it.
const (
	ACustomerID  = "the id of a customer, such as customer_01a202b2c50070008000000000000001"
	AnAgreement  = "the id of an agreement, such as agreement_01a202b2c64c7f3aa1b2c3d4e5f60000"
	AFeatureCode = "the code of a feature"
	APlanCode    = "the code of a published plan or add-on"
	ACode        = "a code: letters a to z, digits and, but for the first, _ . -"
	AUsageType   = "delta or absolute"
)

// CustomerID reads the id of a customer. One that is malformed names nothing, so
// the error is CUSTOMER_NOT_FOUND; those of other ids are alike.
func CustomerID(s string) (billing.CustomerID, error) {
	id, err := billing.ParseID[billing.CustomerID](s)
	if err != nil {
		return id, NotFound(api.CodeCustomerNotFound, "there is no customer with this customer_id; it is customer_ and 32 lower-case hex digits")
	}
	return id, nil
}

// AgreementID reads the id of an agreement from the parameter of a name.
func AgreementID(name, s string) (billing.AgreementID, error) {
	id, err := billing.ParseID[billing.AgreementID](s)
	if err != nil {
		return id, NotFound(api.CodeAgreementNotFound, "there is no agreement with this "+name+"; it is agreement_ and 32 lower-case hex digits")
	}
	return id, nil
}

// HoldID reads the id of a hold.
func HoldID(s string) (usage.HoldID, error) {
	id, err := usage.ParseHoldID(s)
	if err != nil {
		return id, NotFound(api.CodeHoldNotFound, "there is no hold with this id; it is hold_ and 64 lower-case hex digits")
	}
	return id, nil
}

// GrantID reads the id of a grant.
func GrantID(s string) (billing.GrantID, error) {
	id, err := billing.ParseGrantID(s)
	if err != nil {
		return id, NotFound(api.CodeGrantNotFound, "there is no grant with this id; it is grant_ and 64 lower-case hex digits")
	}
	return id, nil
}

// Code reads a code that is used as a cursor.
func Code(s string) (billing.Code, error) {
	if code := billing.Code(s); code.Valid() {
		return code, nil
	}
	return "", errors.New("not a code")
}

// CheckRevision returns an error if a text is no revision that an answer may have
// carried.
func CheckRevision(s string) error {
	_, err := billing.ParseRevision(s)
	return err
}

// Least reads the revision that a caller wants to see at least; zero if it
// asks for none.
func Least(s string) (rev billing.Revision) {
	if s != "" {
		rev, _ = billing.ParseRevision(s) // checked at the door
	}
	return rev
}

// NotFound is that a thing does not exist. A message never repeats what was asked
// for, which may be of any length.
func NotFound(code, message string) error {
	return &billing.Error{Kind: billing.NotFound, Code: code, Message: message}
}

// IsUnknown reports whether an error says that a thing which a request names does
// not exist.
func IsUnknown(err error) bool {
	e, ok := errors.AsType[*billing.Error](err)
	return ok && e.Kind == billing.NotFound
}

// AgreementUnknown is the error of looking up the agreement that a parameter names,
// in the words of that parameter.
func AgreementUnknown(err error, parameter string) error {
	if !IsUnknown(err) {
		return err
	}
	return NotFound(api.CodeAgreementNotFound, "there is no agreement with this "+parameter)
}

// Renamed is an error of a use case with the code, and what is then to say, of
// the parameter as a route names it. Other errors stay.
func Renamed(err error, code, parameter, what string) error {
	fix := func(e *billing.Error) *billing.Error {
		if e.Code != code {
			return e
		}
		return &billing.Error{Kind: billing.Invalid, Code: api.InvalidCode(parameter), Message: parameter + " must be " + what}
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
