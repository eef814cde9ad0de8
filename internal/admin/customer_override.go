package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// overrideOf fills in the override that there is.
func overrideOf(f *changeForm) {
	o := f.liveOverride(f.Get("feature_code"))
	if o == nil {
		f.Values.Set("terms", cmp.Or(f.Get("terms"), map[string]string{api.FeatureConfig: "value", api.FeatureUnmetered: "unlimited"}[f.FeatureType()], "max"))
		return
	}
	set := func(terms, field string, n int64) {
		f.Values.Set("terms", terms)
		f.Values.Set(field, fmt.Sprint(n))
	}
	switch {
	case o.Deny:
		f.Values.Set("terms", "deny")
	case o.Max.Set && o.Max.Null:
		f.Values.Set("terms", "unlimited")
	case o.Max.Set:
		set("max", "max", o.Max.Value)
	case o.AtLeast != nil:
		set("at_least", "at_least", *o.AtLeast)
	case o.Value != nil:
		f.Values.Set("terms", "value")
		f.Values.Set("value", strings.ReplaceAll(valueText(o.Value), ",", ""))
		if o.Value.List != nil {
			f.Values.Set("value", strings.Join(o.Value.List, ", "))
		}
	default:
		f.Values.Set("terms", "max")
	}
	if o.Add != 0 {
		f.Values.Set("add", fmt.Sprint(o.Add))
		if !o.Max.Set && o.AtLeast == nil {
			f.Values.Set("terms", "add")
		}
	}
	f.Values.Set("note", o.Note)
	if o.ExpiresOn != nil {
		f.Values.Set("expires_on", o.ExpiresOn.In(f.Zone).Format(localTime))
	}
}

// LiveOverride says what the override of the form's feature does now; "" if there is none.
func (f *changeForm) LiveOverride() string {
	if o := f.liveOverride(f.Get("feature_code")); o != nil {
		return upper(f.names.override(o, f.Zone))
	}
	return ""
}

// PlanCalled is what a plan is called.
func (f *changeForm) PlanCalled(code string) string { return f.names.plan(code) }

// FeatureType is the type of the form's feature; "" while none is chosen.
func (f *changeForm) FeatureType() string { return f.names.features[f.Get("feature_code")].Type }

// Feature is what the form's feature is called.
func (f *changeForm) Feature() string { return f.names.feature(f.Get("feature_code")) }

func setOverride(c *call, f *changeForm, _ ...client.CallOption) (outcome, error) {
	feature := f.Get("feature_code")
	body := api.SetOverrideRequest{Note: f.Get("note"), ExpiresOn: f.instant("expires_on")}
	must := func(field string) *int64 {
		n := f.integer(field)
		if n == nil && f.Fault(field) == "" {
			f.fault(field, "how many?")
		}
		return n
	}
	switch f.Get("terms") {
	case "unlimited":
		body.Max = api.Null[int64]()
	case "max":
		if n := must("max"); n != nil {
			body.Max = api.Some(*n)
		}
	case "at_least":
		body.AtLeast = must("at_least")
	case "add":
		must("add")
	case "deny":
		body.Deny = true
	case "value":
		body.Value = f.value(feature)
	default:
		f.fault("max", "what is it to be?")
	}
	if n := f.integer("add"); n != nil && f.Get("terms") != "deny" && f.Get("terms") != "value" {
		body.Add = *n
	}
	if feature == "" {
		f.fault("feature_code", "which feature?")
	}
	if err := f.faulty(); err != nil {
		return outcome{}, err
	}
	o, err := c.api.Customers.SetOverride(c.Context(), f.ID, feature, body)
	if err != nil {
		return outcome{}, err
	}
	says := f.Feature() + ": " + f.names.override(o, f.Zone) + "."
	return outcome{warnings: o.Warnings, says: []string{says}, notice: "Done. " + says}, nil
}

// value is what a config feature is to be set to, by what the feature is of.
func (f *changeForm) value(feature string) *api.ConfigValue {
	text := f.Get("value")
	switch f.names.features[feature].Of {
	case api.ConfigNumber:
		if text == api.ConfigUnlimited {
			return &api.ConfigValue{Text: text}
		}
		if number := strings.ReplaceAll(text, ",", ""); json.Valid([]byte(number)) && strings.Trim(number, "0123456789.") == "" {
			return &api.ConfigValue{Number: json.Number(number)}
		}
		f.fault("value", "a number, or the word unlimited")
	case api.ConfigFlag:
		switch strings.ToLower(text) {
		case "yes", "true":
			return &api.ConfigValue{Flag: new(true)}
		case "no", "false":
			return &api.ConfigValue{Flag: new(false)}
		}
		f.fault("value", "yes or no")
	case api.ConfigList:
		list := []string{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return &api.ConfigValue{List: list}
	}
	return &api.ConfigValue{Text: text}
}

func endOverride(c *call, f *changeForm, _ ...client.CallOption) (outcome, error) {
	if err := c.api.Customers.EndOverride(c.Context(), f.ID, f.Get("feature_code")); err != nil {
		return outcome{}, err
	}
	says := f.Feature() + " goes by the plan again."
	return outcome{says: []string{says}, notice: says}, nil
}
