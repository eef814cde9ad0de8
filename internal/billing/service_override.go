package billing

// SetOverride gives a customer its own terms for a feature: see
// [Book.SetOverride]. The error may be CUSTOMER_NOT_FOUND, too.
func (u *Unit) SetOverride(customer CustomerID, code Code, in NewOverride) (Override, Revision, error) {
	b, err := u.lock(customer)
	if err != nil {
		return Override{}, Revision{}, err
	}
	o, err := b.SetOverride(code, in)
	if err != nil {
		return Override{}, Revision{}, err
	}
	rev, err := u.write(b)
	return o, rev, err
}

// EndOverride ends a customer's own terms for a feature: see [Book.EndOverride].
// The error may be CUSTOMER_NOT_FOUND, too.
func (u *Unit) EndOverride(customer CustomerID, code Code) (Revision, error) {
	b, err := u.lock(customer)
	if err != nil {
		return Revision{}, err
	}
	if err := b.EndOverride(code); err != nil {
		return Revision{}, err
	}
	return u.write(b)
}
