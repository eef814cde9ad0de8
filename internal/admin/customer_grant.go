package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

func giveGrant(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	if pack := f.Get("pack"); pack != "" {
		buy := client.BuyParams{Pack: pack, ExternalID: f.Get("external_id")}
		if n := f.integer("quantity"); n != nil && *n > 0 {
			buy.Quantity = *n
		} else if n != nil {
			f.fault("quantity", "how many, from 1 on?")
		}
		if f.Get("feature_code") != "" || f.Get("amount") != "" {
			f.fault("pack", "a pack, or an amount of a feature: one of them")
		}
		if err := f.faulty(); err != nil {
			return outcome{}, err
		}
		bought, err := c.api.Grants.Buy(c.Context(), f.ID, buy, opts...)
		if err != nil {
			return outcome{}, err
		}
		out := outcome{warnings: bought.Warnings, notice: f.names.plan(pack) + " is given."}
		for i := range bought.Grants {
			out.says = append(out.says, f.grantSays(&bought.Grants[i]))
		}
		return out, nil
	}
	body := api.CreateGrantRequest{
		FeatureCode: f.Get("feature_code"), Amount: api.Decimal(strings.ReplaceAll(f.Get("amount"), ",", "")), Kind: f.Get("kind"),
		EffectiveOn: f.instant("effective_on"), ExpiresOn: f.instant("expires_on"), Priority: f.integer("priority"),
		CostBasis: json.Number(f.Get("cost_basis")), Note: f.Get("note"), ExternalID: f.Get("external_id"),
	}
	if body.FeatureCode == "" {
		f.fault("feature_code", "which feature, or which pack?")
	}
	if body.CostBasis != "" && (!json.Valid([]byte(body.CostBasis)) || strings.Trim(string(body.CostBasis), "0123456789.eE+-") != "") {
		f.fault("cost_basis", "a number of minor units, such as 0.5")
	}
	if err := f.faulty(); err != nil {
		return outcome{}, err
	}
	g, err := c.api.Grants.Create(c.Context(), f.ID, body, opts...)
	if err != nil {
		return outcome{}, err
	}
	return outcome{on: g.EffectiveOn.Time, warnings: g.Warnings, says: []string{f.grantSays(g)}, notice: "Given: " + f.grantSays(g)}, nil
}

// grantSays is what a grant is, or would be.
func (f *changeForm) grantSays(g *api.Grant) string {
	return fmt.Sprintf("%s of %s, from %s %s.", f.names.units(string(g.Amount), g.FeatureCode), f.names.feature(g.FeatureCode),
		web.Instant(g.EffectiveOn.Time, f.Zone), until(g.ExpiresOn, f.Zone))
}

func voidGrant(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	g := &api.Grant{}
	if id := f.Get("grant"); id != "" {
		var err error
		if g, err = c.api.Grants.Get(c.Context(), id); err != nil {
			return outcome{}, err
		}
	}
	if g.CustomerID != f.ID { // the preview is about nobody else
		return outcome{}, &client.Error{Status: http.StatusNotFound, Errors: []api.Error{{
			Code: "GRANT_NOT_FOUND", Message: "this customer has no such grant",
		}}}
	}
	voided, err := c.api.Grants.Void(c.Context(), g.ID, api.VoidGrantRequest{ClawBack: f.Get("claw_back") == "yes"}, opts...)
	if err != nil {
		return outcome{}, err
	}
	feature := voided.Grant.FeatureCode
	out := outcome{warnings: voided.Grant.Warnings, notice: "The grant is void."}
	out.says = []string{fmt.Sprintf("A grant of %s: %s were left.", f.names.units(string(voided.Grant.Amount), feature), f.names.units(string(voided.Refundable.Units), feature))}
	if !none(voided.Debt) {
		out.says = append(out.says, fmt.Sprintf("%s that were drawn are a debt.", f.names.units(string(voided.Debt), feature)))
	}
	return out, nil
}
