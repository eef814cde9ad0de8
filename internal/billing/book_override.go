package billing

// SetOverride gives the customer its own terms for a feature, in place of those
// it had; the same terms keep their id.
//
// Errors: FEATURE_NOT_FOUND and <FIELD>_INVALID.
func (b *Book) SetOverride(code Code, in NewOverride) (Override, []Warning, error) {
	feature, ok := b.Catalog.Features[code]
	if !ok {
		return Override{}, nil, UnknownFeature(code)
	}
	if errs := checkOverride(feature, &in, b.Now); len(errs) > 0 {
		return Override{}, nil, errs
	}
	if in.AtLeast != nil {
		if err := b.Catalog.waits("AT_LEAST_INVALID", "at_least"); err != nil {
			return Override{}, nil, err
		}
	}
	if in.value != nil {
		if err := b.Catalog.waits("VALUE_INVALID", "value"); err != nil {
			return Override{}, nil, err
		}
	}
	for _, o := range b.Overrides {
		if o.Feature == code && o.live(b.Now) && o.says(in) {
			return o, b.overrideWarnings(&o), nil
		}
	}
	o := Override{
		CustomerID: b.Customer.ID, Feature: code, HasMax: in.HasMax, Max: in.Max, Add: in.Add, AtLeast: in.AtLeast, Deny: in.Deny, Value: in.value,
		Note: in.Note, By: b.by, StartsOn: b.Now, ExpiresOn: in.ExpiresOn,
	}
	id, err := NewID[OverrideID](b.random, b.stamp())
	if err != nil {
		return Override{}, nil, err
	}
	id[14], id[15] = 0, 0
	o.ID = id
	var before map[string]string
	if ended := b.endOverride(code); ended != nil {
		before = ended.before // it ended at the instant of the change
	}
	b.Overrides = append(b.Overrides, o)
	b.diff.OverridesCreated = append(b.diff.OverridesCreated, o)
	b.log(overrideSet, before, b.Customer.overrideFacts(&o))
	if err := b.settle(); err != nil {
		return Override{}, nil, err
	}
	return o, b.overrideWarnings(&o), nil
}

// overrideWarnings are what one would not expect of an override.
func (b *Book) overrideWarnings(o *Override) []Warning {
	plan := b.live("")
	if plan == nil {
		return []Warning{warning(warnOverrideWithoutPlan, "the customer has no plan now; the override of %s counts only beside one", o.Feature)}
	}
	feature := b.Catalog.Features[o.Feature]
	al := b.Allowance(feature, b.Now)
	switch {
	case o.Value != nil && al.Value != nil && al.Value.Encoded() != o.Value.Encoded():
		return []Warning{warning(warnOverrideJoined, "the value of %s is %s: what the override gives is joined with what the plan and add-ons give, and takes nothing away",
			o.Feature, al.Value.JSON(feature.Of))}
	case o.Add != 0 && al.Granted && al.Limit.Max == nil:
		return []Warning{warning(warnOverrideIdle, "%s has no limit now, so add changes nothing", o.Feature)}
	}
	return b.hides(o, plan)
}

// EndOverride ends the customer's own terms for a feature. The error is
// OVERRIDE_NOT_FOUND.
func (b *Book) EndOverride(code Code) error {
	ended := b.endOverride(code)
	if ended == nil {
		return NotFound.Errorf("OVERRIDE_NOT_FOUND", "the customer has no override of this feature")
	}
	b.log(overrideEnded, ended.before, ended.after)
	return b.settle()
}

// image is what the change log says of a row before and after a change.
type image struct{ before, after map[string]string }

// endOverride ends the live override of a feature, if there is one, and answers
// what the change log says of it.
func (b *Book) endOverride(code Code) *image {
	for i := range b.Overrides {
		o := &b.Overrides[i]
		if o.Feature != code || !o.live(b.Now) {
			continue
		}
		before := b.Customer.overrideFacts(o)
		o.ExpiresOn = b.Now
		b.diff.OverridesEnded = append(b.diff.OverridesEnded, *o)
		return &image{before, b.Customer.overrideFacts(o)}
	}
	return nil
}
