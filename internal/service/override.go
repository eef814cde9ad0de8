package service

import "github.com/allot-dev/allot/internal/billing"

// SetOverride gives a customer its own terms for a feature: see
// [billing.Book.SetOverride]. The error may be CUSTOMER_NOT_FOUND, too.
func (u *Work) SetOverride(customer billing.CustomerID, code billing.Code, in billing.NewOverride) (billing.OverrideAt, []billing.Warning, billing.Revision, error) {
	b, err := u.lock(customer)
	if err != nil {
		return billing.OverrideAt{}, nil, billing.Revision{}, err
	}
	o, warnings, err := b.SetOverride(code, in)
	if err != nil {
		return billing.OverrideAt{}, nil, billing.Revision{}, err
	}
	rev, err := u.write(b)
	return b.OverrideAt(o), warnings, rev, err
}

// EndOverride ends a customer's own terms for a feature: see [billing.Book.EndOverride].
// The error may be CUSTOMER_NOT_FOUND, too.
func (u *Work) EndOverride(customer billing.CustomerID, code billing.Code) (billing.Revision, error) {
	b, err := u.lock(customer)
	if err != nil {
		return billing.Revision{}, err
	}
	if err := b.EndOverride(code); err != nil {
		return billing.Revision{}, err
	}
	return u.write(b)
}
