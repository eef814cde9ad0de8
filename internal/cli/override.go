package cli

import (
	"context"
	"encoding/json"
	"io"

	"github.com/allot-dev/allot/api"
)

type overrideCommands struct {
	Set setOverride `cmd:"" help:"Give a customer its own terms for a feature, in place of those it had."`
	End endOverride `cmd:"" help:"End a customer's own terms for a feature."`
}

// featureOf names a feature of a customer.
type featureOf struct {
	customerArg `embed:""`
	Feature     name `arg:"" help:"Code of the feature."`
}

type setOverride struct {
	remote    `embed:""`
	featureOf `embed:""`
	Max       *limitArg `placeholder:"N" xor:"max,denied" help:"The limit, in place of the plan's."`
	Unlimited bool      `xor:"max,denied" help:"No limit, in place of the plan's."`
	AtLeast   *number   `placeholder:"N" xor:"max,denied" help:"The plan's limit, or this where that is lower."`
	Add       number    `placeholder:"N" xor:"added" help:"So much on top of the limit."`
	Value     []string  `placeholder:"VALUE" sep:"none" xor:"added" help:"Of a config feature: a text, a number, unlimited, true or false; of a list each by itself, or as JSON."`
	Deny      bool      `xor:"denied,added" help:"Take the feature away."`
	ExpiresOn string    `placeholder:"TIME" help:"When it ends; by default never."`
	Note      string    `help:"Why, for people."`
}

func (c *setOverride) Run(ctx context.Context, s *session) error {
	expires, err := instantArg("expires-on", c.ExpiresOn)
	if err != nil {
		return err
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	body := api.SetOverrideRequest{AtLeast: (*int64)(c.AtLeast), Add: int64(c.Add), Deny: c.Deny, Note: c.Note, ExpiresOn: expires}
	switch {
	case c.Unlimited:
		body.Max = api.Null[int64]()
	case c.Max != nil:
		body.Max = api.Some(int64(*c.Max))
	}
	if body.Value, err = c.value(); err != nil {
		return err
	}
	o, err := allot.Customers.SetOverride(ctx, id, string(c.Feature), body)
	if err != nil {
		return err
	}
	s.warnings(o.Warnings)
	return s.print(o, func(w io.Writer) {
		field(w, "id", o.ID)
		field(w, "feature", o.FeatureCode)
		switch {
		case o.Max.Null:
			field(w, "max", "unlimited")
		case o.Max.Set:
			field(w, "max", integer(&o.Max.Value))
		}
		field(w, "at least", integer(o.AtLeast))
		if o.Add != 0 {
			field(w, "add", integer(&o.Add))
		}
		if o.Deny {
			field(w, "deny", "yes")
		}
		if o.Value != nil {
			field(w, "value", configText(o.Value))
		}
		field(w, "note", o.Note)
		field(w, "starts", instant(&o.StartsOn))
		field(w, "expires", instant(o.ExpiresOn))
	})
}

// value is what is said of one: as JSON where it is JSON, else a text; several are a list.
func (c *setOverride) value() (*api.ConfigValue, error) {
	switch len(c.Value) {
	case 0:
		return nil, nil
	case 1:
		v := new(api.ConfigValue)
		if text := c.Value[0]; !json.Valid([]byte(text)) {
			v.Text = text
		} else if err := v.UnmarshalJSON([]byte(text)); err != nil {
			return nil, usagef(`such as --value 365, --value unlimited, --value '["de","en"]'`, "--value is %w", err)
		}
		return v, nil
	}
	return &api.ConfigValue{List: c.Value}, nil
}

type endOverride struct {
	remote    `embed:""`
	featureOf `embed:""`
}

func (c *endOverride) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	if err := allot.Customers.EndOverride(ctx, id, string(c.Feature)); err != nil {
		return err
	}
	ended := map[string]string{"customer_id": id, "feature_code": string(c.Feature)}
	return s.print(ended, func(w io.Writer) { field(w, "ended", string(c.Feature)) })
}
