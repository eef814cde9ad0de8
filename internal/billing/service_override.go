package billing

import (
	"strconv"
	"time"
)

// NewOverride asks for a customer's own terms for a feature.
type NewOverride struct {
	HasMax    bool
	Max       *int64
	Add       int64
	Deny      bool
	ExpiresOn time.Time // zero: no end
	Note      string
}

// maxNote is the longest note, in characters.
const maxNote = 1000

// SetOverride gives a customer its own terms for a feature, in place of those
// it had.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND and <PARAMETER>_INVALID.
func (u *Unit) SetOverride(customer CustomerID, code Code, in NewOverride) (Override, Revision, error) {
	fail := func(err error) (Override, Revision, error) { return Override{}, Revision{}, err }
	b, err := u.lock(customer)
	if err != nil {
		return fail(err)
	}
	feature, ok := b.catalog.Features[code]
	if !ok {
		return fail(unknownFeature())
	}
	if errs := checkOverride(feature, in, b.now); len(errs) > 0 {
		return fail(errs)
	}
	for _, o := range b.overrides {
		if o.Feature == code && o.Live(b.now) && o.says(in) {
			return o, b.revision(), nil // the same terms keep their id
		}
	}
	o := Override{
		CustomerID: customer, Feature: code, HasMax: in.HasMax, Max: in.Max, Add: in.Add, Deny: in.Deny,
		Note: in.Note, By: b.by, StartsOn: b.now, ExpiresOn: in.ExpiresOn,
	}
	id, err := newID[OverrideID](u.service.random(), b.stamp())
	if err != nil {
		return fail(err)
	}
	id[14], id[15] = 0, 0
	o.ID = id
	before, err := b.endOverride(code)
	if err != nil {
		return fail(err)
	}
	if err := u.tx.CreateOverride(o); err != nil {
		return fail(err)
	}
	b.overrides = append(b.overrides, o)
	if err := b.append(OverrideSet, before, overrideFacts(&o)); err != nil {
		return fail(err)
	}
	if err := b.save(); err != nil {
		return fail(err)
	}
	return o, b.revision(), nil
}

// EndOverride ends a customer's own terms for a feature. Errors:
// CUSTOMER_NOT_FOUND, OVERRIDE_NOT_FOUND.
func (u *Unit) EndOverride(customer CustomerID, code Code) (Revision, error) {
	b, err := u.lock(customer)
	if err != nil {
		return Revision{}, err
	}
	before, err := b.endOverride(code)
	if err != nil {
		return Revision{}, err
	}
	if before == nil {
		return Revision{}, notFound("OVERRIDE_NOT_FOUND", "the customer has no override of this feature")
	}
	if err := b.append(OverrideEnded, before, nil); err != nil {
		return Revision{}, err
	}
	if err := b.save(); err != nil {
		return Revision{}, err
	}
	return b.revision(), nil
}

// endOverride ends the live override of a feature, if there is one.
func (b *book) endOverride(code Code) (map[string]string, error) {
	for i := range b.overrides {
		o := &b.overrides[i]
		if o.Feature != code || !o.Live(b.now) {
			continue
		}
		before := overrideFacts(o)
		o.ExpiresOn = b.now
		return before, b.tx.UpdateOverride(*o)
	}
	return nil, nil
}

// says reports whether an override has the terms that are asked for.
func (o *Override) says(in NewOverride) bool {
	return o.HasMax == in.HasMax && equalLimit(o.Max, in.Max) && o.Add == in.Add && o.Deny == in.Deny &&
		o.Note == in.Note && o.ExpiresOn.Equal(in.ExpiresOn)
}

func checkOverride(f *Feature, in NewOverride, now time.Time) (errs Errors) {
	add := func(code, format string, args ...any) { errs = append(errs, invalidf(code, format, args...)) }
	if f.Type == Charge && !in.Deny {
		add("FEATURE_CODE_INVALID", "feature %s is a charge; an override can only deny it", f.Code)
	}
	if f.Type != Metered && (in.HasMax || in.Add != 0) {
		add("MAX_INVALID", "feature %s is %s and has no limit; leave out max and add", f.Code, f.Type)
	}
	if f.Type == Metered && !in.Deny && !in.HasMax && in.Add == 0 {
		add("MAX_REQUIRED", "give max (a number, or null for unlimited), add or deny")
	}
	if in.Deny && (in.HasMax || in.Add != 0) {
		add("DENY_INVALID", "deny takes the feature away; leave out max and add")
	}
	if in.Max != nil && (*in.Max < 0 || *in.Max > MaxAmount) {
		add("MAX_INVALID", "max must be a whole number from 0 to %d, or null for unlimited", int64(MaxAmount))
	}
	if in.Add < 0 || in.Add > MaxAmount {
		add("ADD_INVALID", "add must be a whole number from 1 to %d", int64(MaxAmount))
	}
	if !in.ExpiresOn.IsZero() && (!in.ExpiresOn.After(now) || !plausible(in.ExpiresOn)) {
		add("EXPIRES_ON_INVALID", "expires_on must be in the future and before the year %d", lastYear)
	}
	if !goodText(in.Note, maxNote) {
		add("NOTE_INVALID", "note must be text of at most %d characters without control characters", maxNote)
	}
	return errs
}

func overrideFacts(o *Override) map[string]string {
	f := map[string]string{"override_id": o.ID.String(), "feature_code": string(o.Feature)}
	switch {
	case o.Deny:
		f["deny"] = "true"
	case o.HasMax && o.Max == nil:
		f["max"] = "unlimited"
	case o.HasMax:
		f["max"] = strconv.FormatInt(*o.Max, 10)
	}
	if o.Add > 0 {
		f["add"] = strconv.FormatInt(o.Add, 10)
	}
	if !o.ExpiresOn.IsZero() {
		f["expires_on"] = o.ExpiresOn.Format(time.RFC3339Nano)
	}
	return f
}
