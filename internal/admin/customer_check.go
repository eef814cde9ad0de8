package admin

import (
	"net/url"
	"slices"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// mostChecked is how many features one check may be about.
const mostChecked = 1000

// verdicts are what a check of one unit of each feature answers now; nil of another time,
// and of a deleted customer.
func (c *call) verdicts(p *customerPage) (map[string]api.Decision, error) {
	if p.Asked != "" || p.Deleted() || len(p.All) == 0 || !c.may(api.ScopeCheckEntitlements) {
		return nil, nil
	}
	codes := make([]string, len(p.All))
	for i, f := range p.All {
		codes[i] = f.Code
	}
	byCode := make(map[string]api.Decision, len(codes))
	for some := range slices.Chunk(codes, mostChecked) {
		decisions, err := c.api.CheckAll(c.Context(), client.CheckAllParams{CustomerID: p.ID, FeatureCodes: some})
		if err != nil {
			return nil, err
		}
		for _, d := range decisions {
			byCode[d.FeatureCode] = d
		}
	}
	return byCode, nil
}

// tryCheck asks what a check answers, if somebody wants to know.
func (c *call) tryCheck(p *customerPage, q url.Values) error {
	p.CheckOf = q.Get("check")
	if p.CheckOf == "" {
		return nil
	}
	units := api.Decimal(p.Units)
	d, err := c.api.Check(c.Context(), client.CheckParams{CustomerID: p.ID, FeatureCode: p.CheckOf, Units: units})
	if f, ok := faultsOf(err); ok {
		p.CheckNo = strings.Join(f.Rest, "; ")
		return nil
	} else if err != nil {
		return err
	}
	answer := p.names.say(d, units, p.liveOverride(p.CheckOf), p.Zone)
	p.Checked = &answer
	return nil
}
