package billing

import "time"

// OverrideID is written override_<32 hex>. As with agreements, the last two
// bytes make room for the id of the entitlement that an override alone grants.
type OverrideID [16]byte

// Override is a customer's own terms for one feature. It survives changes of
// plan and counts while the customer has a plan. It never changes: setting
// another ends it, and the history stays.
type Override struct {
	ID         OverrideID
	CustomerID CustomerID
	Feature    Code

	// HasMax says that Max takes the place of the plan's limit; nil is unlimited
	// then. Add-ons still count on top.
	HasMax bool
	Max    *int64
	// Add counts on top of the plan's limit.
	Add int64
	// AtLeast lifts the plan's part of the limit to itself where that is lower; nil:
	// it does not.
	AtLeast *int64
	// Deny takes the feature away, whatever grants it.
	Deny bool
	// Value, of a config feature, is joined with those of the plan and the add-ons: see
	// value.go. Nil of another feature, and of one that is denied.
	Value *Value

	Note string
	By   Actor

	// StartsOn and ExpiresOn bound the half-open life; zero is no end.
	StartsOn  time.Time
	ExpiresOn time.Time
}

// OverrideAt is an override with the feature that it is of.
type OverrideAt struct {
	Override
	Of *Feature
}

// OverrideAt is an override of the customer as it is shown.
func (s *Snapshot) OverrideAt(o Override) OverrideAt {
	return OverrideAt{o, s.Catalog.Features[o.Feature]}
}

// Live reports whether StartsOn ≤ now < ExpiresOn.
func (o *Override) live(now time.Time) bool {
	return !now.Before(o.StartsOn) && (o.ExpiresOn.IsZero() || now.Before(o.ExpiresOn))
}

func (o *Override) ended(now time.Time) bool {
	return !o.ExpiresOn.IsZero() && !now.Before(o.ExpiresOn)
}

// NewOverride asks for a customer's own terms for a feature.
type NewOverride struct {
	HasMax    bool
	Max       *int64
	Add       int64
	AtLeast   *int64
	Deny      bool
	Value     *ValueSpec // of a config feature; nil: none is named
	ExpiresOn time.Time  // zero: no end
	Note      string

	value *Value // that the feature has it as
}

// maxNote is the longest note, in characters.
const maxNote = 1000

// says reports whether an override has the terms that are asked for.
func (o *Override) says(in NewOverride) bool {
	return o.HasMax == in.HasMax && equalLimit(o.Max, in.Max) && o.Add == in.Add && equalLimit(o.AtLeast, in.AtLeast) && o.Deny == in.Deny &&
		equalValue(o.Value, in.value) && o.Note == in.Note && o.ExpiresOn.Equal(in.ExpiresOn)
}

// checkOverride says what is wrong with the terms that are asked for, and reads the value.
func checkOverride(f *Feature, in *NewOverride, now time.Time) (errs Errors) {
	add := func(code, format string, args ...any) { errs = append(errs, Invalid.Errorf(code, format, args...)) }
	if f.Type == Charge && !in.Deny {
		add("FEATURE_CODE_INVALID", "feature %s is a charge; an override can only deny it", f.Code)
	}
	if f.Type != Metered && (in.HasMax || in.Add != 0 || in.AtLeast != nil) {
		add("MAX_INVALID", "feature %s is %s and has no limit; leave out max, at_least and add", f.Code, f.Type)
	}
	if f.Type == Metered && !in.Deny && !in.HasMax && in.Add == 0 && in.AtLeast == nil {
		add("MAX_REQUIRED", "give max (a number, or null for unlimited), at_least, add or deny")
	}
	if in.Deny && (in.HasMax || in.Add != 0 || in.AtLeast != nil) {
		add("DENY_INVALID", "deny takes the feature away; leave out max, at_least and add")
	}
	errs = append(errs, checkValue(f, in)...)
	if in.AtLeast != nil && in.HasMax {
		add("AT_LEAST_INVALID", "give either max, which replaces what the plan gives, or at_least, which lifts it")
	}
	if in.AtLeast != nil && (*in.AtLeast < 1 || *in.AtLeast > MaxAmount) {
		add("AT_LEAST_INVALID", "at_least must be a whole number from 1 to %d", int64(MaxAmount))
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
	if !OneLine(in.Note, maxNote) {
		add("NOTE_INVALID", "note must be text of at most %d characters without control characters", maxNote)
	}
	return errs
}

// checkValue says what is wrong with the value that is asked for, and reads it.
func checkValue(f *Feature, in *NewOverride) (errs Errors) {
	add := func(code, format string, args ...any) { errs = append(errs, Invalid.Errorf(code, format, args...)) }
	switch {
	case in.Value != nil && f.Type != Config:
		add("VALUE_INVALID", "feature %s is %s and has no value; leave out value", f.Code, f.Type)
	case in.Value != nil && in.Deny:
		add("DENY_INVALID", "deny takes the feature away; leave out value")
	case in.Value != nil:
		var right string
		if in.value, right = f.setting(in.Value); right != "" {
			add("VALUE_INVALID", "this is no value of feature %s; %s", f.Code, right)
			break
		}
		for _, text := range append([]string{in.value.Text}, in.value.List...) {
			if !OneLine(text, maxValueText) {
				add("VALUE_INVALID", "texts of a value have at most %d characters, and none that control", maxValueText)
				break
			}
		}
	case f.Type == Config && !in.Deny:
		add("VALUE_REQUIRED", "give value or deny: %s", f.Of.example())
	}
	return errs
}
