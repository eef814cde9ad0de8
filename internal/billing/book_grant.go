package billing

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/govalues/decimal"
)

// NewGrant asks for a grant. Zero fields take the default.
type NewGrant struct {
	Feature Code
	Amount  Units
	// EffectiveOn may be in the past; zero is now. ExpiresOn: zero is never.
	EffectiveOn, ExpiresOn time.Time
	Priority               *int      // nil: [DefaultPriority]
	Kind                   GrantKind // "": paid
	Only                   []Code
	CostBasis              *decimal.Decimal // minor units for a unit
	Note                   string
	ExternalID             string
}

// NewPurchase asks for a pack.
type NewPurchase struct {
	Pack       Code
	Quantity   int64 // 0: 1, or the least that there is
	ExternalID string
}

// Granted is what came of a request for grants.
type Granted struct {
	Grants []Grant
	// Made is false if the same was asked for before: then nothing has changed.
	Made     bool
	Warnings []Warning
}

const (
	maxPriority = 100
	// maxGrants is how many grants of a feature a customer may have that are neither set
	// aside nor over; from manyGrants on it is said.
	maxGrants, manyGrants = 100, 80
)

// maxCostBasis bounds the price of a unit, in minor units.
var maxCostBasis = decimal.MustNew(1e12, 0)

// Grant gives the customer an amount of a feature beside its allowances. Under an
// external id it does so once: the same request again is answered with the first grant.
//
// Errors: FEATURE_NOT_FOUND, FEATURE_NOT_METERED, GRANT_EXISTS, GRANTS_TOO_MANY and
// <FIELD>_INVALID.
func (b *Book) Grant(in NewGrant) (Granted, error) {
	feature, ok := b.Catalog.Features[in.Feature]
	switch {
	case !ok:
		return Granted{}, UnknownFeature(in.Feature)
	case feature.Type != Metered:
		return Granted{}, Invalid.Errorf("FEATURE_NOT_METERED", "feature %s is %s; grants are of metered features", feature.Code, feature.Type)
	}
	g := Grant{
		Feature: in.Feature, Amount: in.Amount, EffectiveOn: in.EffectiveOn, ExpiresOn: in.ExpiresOn, Priority: DefaultPriority,
		Kind: in.Kind, Note: in.Note, ExternalID: in.ExternalID,
	}
	if g.EffectiveOn.IsZero() {
		g.EffectiveOn = b.Now
	}
	if in.Priority != nil {
		g.Priority = *in.Priority
	}
	if g.Kind == "" {
		g.Kind = Paid
	}
	if in.CostBasis != nil {
		g.CostBasis = new(in.CostBasis.Trim(0))
	}
	if len(in.Only) > 0 {
		g.Only = slices.Compact(slices.Sorted(slices.Values(in.Only)))
	}
	if errs := b.checkGrant(feature, &g); len(errs) > 0 {
		return Granted{}, errs
	}
	g.Asked = g.digest()
	return b.grant([]Grant{g}, in.ExternalID, func(first []Grant) bool {
		same := len(first) == 1 && first[0].Asked == g.Asked
		return same && (in.EffectiveOn.IsZero() || in.EffectiveOn.Equal(first[0].EffectiveOn)) &&
			(in.ExpiresOn.IsZero() || in.ExpiresOn.Equal(first[0].ExpiresOn))
	})
}

// BuyPack gives the customer a grant for each line of a pack's grants, times a quantity.
// It is repeated as [Book.Grant] is.
//
// Errors: PLAN_NOT_FOUND, PLAN_NOT_PUBLISHED, PLAN_NOT_AVAILABLE, PACK_INVALID,
// QUANTITY_INVALID, EXTERNAL_ID_INVALID, GRANT_EXISTS and GRANTS_TOO_MANY.
func (b *Book) BuyPack(in NewPurchase) (Granted, error) {
	if !OneLine(in.ExternalID, maxTextRunes) {
		return Granted{}, errExternalID()
	}
	asked := digestOf("pack %q %d", in.Pack, max(in.Quantity, 1))
	same := func(first []Grant) bool { return first[0].Asked == asked }
	// What was bought before is answered, whatever became of the pack.
	if first, err := b.repeated(in.ExternalID, same); err != nil || first != nil {
		return Granted{Grants: first, Warnings: voidedSince(first)}, err
	}
	lines, err := b.packLines(in)
	if err != nil {
		return Granted{}, err
	}
	for i := range lines {
		lines[i].Line, lines[i].Asked = i, asked
	}
	return b.grant(lines, in.ExternalID, same)
}

// packLines are the grants of a purchase.
func (b *Book) packLines(in NewPurchase) ([]Grant, error) {
	plan, ok := b.Catalog.Plans[in.Pack]
	switch {
	case !ok:
		return nil, NotFound.Errorf("PLAN_NOT_FOUND", "there is no pack with this code")
	case plan.Kind != KindPack:
		return nil, Invalid.Errorf("PACK_INVALID", "%s is no pack but of kind %s; subscribe to it with POST /v1/customers/{ref}/agreements", plan.Code, plan.Kind)
	case plan.Status != Published:
		return nil, Refused.Errorf("PLAN_NOT_PUBLISHED", "pack %s is a draft; publish it before anybody buys it", plan.Code)
	case plan.Archived:
		return nil, Refused.Errorf("PLAN_NOT_AVAILABLE", "pack %s is archived and is not sold any more", plan.Code)
	case b.Catalog.Groups[plan.Group].CustomerType != b.Customer.Type:
		return nil, Refused.Errorf("PLAN_NOT_AVAILABLE", "pack %s is for customers of type %s; this one is of type %s",
			plan.Code, b.Catalog.Groups[plan.Group].CustomerType, b.Customer.Type)
	}
	terms := plan.Latest()
	quantity, least, most := in.Quantity, terms.least(), int64(maxRecord/OneUnit)-1
	if terms.Quantity != nil && terms.Quantity.Max != nil {
		most = min(most, *terms.Quantity.Max)
	}
	if quantity == 0 {
		quantity = least
	}
	if quantity < least || quantity > most {
		return nil, Invalid.Errorf("QUANTITY_INVALID", "quantity must be a whole number from %d to %d", least, most)
	}
	var lines []Grant
	for i := range terms.Items {
		for _, line := range terms.Items[i].Grants {
			if line.Amount > (maxRecord-1)/Units(quantity) {
				return nil, Invalid.Errorf("QUANTITY_INVALID", "%d times %s of %s is more than a grant can be, which is below 10^12",
					quantity, line.Amount, terms.Items[i].Feature)
			}
			g := Grant{
				Feature: terms.Items[i].Feature, Amount: line.Amount * Units(quantity), EffectiveOn: b.Now, Priority: line.Priority,
				Kind: line.Kind, Pack: plan.Code, ExternalID: in.ExternalID,
			}
			if g.Kind == "" {
				g.Kind = Paid
			}
			if line.Lasts == LastsDays {
				g.ExpiresOn = b.Now.Add(time.Duration(line.Days) * 24 * time.Hour)
			}
			lines = append(lines, g)
		}
	}
	if len(lines) == 0 {
		return nil, Refused.Errorf("PLAN_NOT_AVAILABLE", "pack %s has no grants; there is nothing to buy", plan.Code)
	}
	return lines, nil
}

// grant adds the grants of one purchase, unless it was made before under its external id.
func (b *Book) grant(lines []Grant, externalID string, same func(first []Grant) bool) (Granted, error) {
	if err := b.Catalog.waits("GRANTS_NOT_READY", "a grant"); err != nil {
		return Granted{}, err
	}
	if first, err := b.repeated(externalID, same); err != nil || first != nil {
		return Granted{Grants: first, Warnings: voidedSince(first)}, err
	}
	out := Granted{Made: true}
	for _, g := range lines {
		id, err := NewGrantID(b.random, b.Customer.ID, b.grantStamp())
		if err != nil {
			return Granted{}, err
		}
		g.ID, g.CustomerID, g.By, g.CreatedOn = id, b.Customer.ID, b.by, b.Now
		b.Grants = append(b.Grants, g)
		b.diff.GrantsCreated = append(b.diff.GrantsCreated, g)
		b.log(grantCreated, nil, b.Customer.grantFacts(&g))
		out.Grants = append(out.Grants, g)
		if g.ended(b.Now) {
			out.Warnings = append(out.Warnings, warning(warnGrantOver,
				"the life of the grant is over; only usage that counts before %s draws from it", g.ExpiresOn.Format(time.RFC3339Nano)))
		}
	}
	var told []Code
	for _, g := range lines {
		if g.Only != nil && !slices.ContainsFunc(g.Only, func(code Code) bool { return code == g.Feature || b.Catalog.burns(code, g.Feature) }) {
			out.Warnings = append(out.Warnings, warning(warnGrantIdle, "none of the features that the grant is only for burns %s, so nothing can use it", g.Feature))
		}
		if slices.Contains(told, g.Feature) {
			continue
		}
		told = append(told, g.Feature)
		out.Warnings = append(out.Warnings, b.unusable(g.Feature)...)
		switch n := b.countGrants(g.Feature); {
		case n > maxGrants:
			return Granted{}, Conflict.Errorf("GRANTS_TOO_MANY",
				"the customer has %d grants of %s that are neither used up nor over, the most there can be; void some, or give fewer and larger ones",
				n-countOf(lines, g.Feature), g.Feature)
		case n >= manyGrants:
			out.Warnings = append(out.Warnings, warning(warnGrantsMany,
				"the customer has %d grants of %s that are neither used up nor over; %d is the most there can be", n, g.Feature, maxGrants))
		}
	}
	return out, nil
}

// unusable says that nothing can use a new grant of a feature as things are: the customer
// is denied the feature, or has it without a limit, which pays for all that is used.
func (b *Book) unusable(code Code) []Warning {
	feature := b.Catalog.Features[code]
	switch al := b.Allowance(feature, b.Now); {
	case al.Denied:
		return []Warning{warning(warnGrantIdle, "the customer is denied %s by an override, and cannot use the grant until that ends", code)}
	case al.Granted && al.Limit.Max == nil && !feature.Held:
		return []Warning{warning(warnGrantIdle, "the customer has %s without a limit now, which pays for all that is used; nothing draws from the grant", code)}
	}
	return nil
}

// voidedSince tells of grants, asked for again, that were taken back.
func voidedSince(first []Grant) (out []Warning) {
	for i := range first {
		if g := &first[i]; !g.EndedOn.IsZero() {
			out = append(out, warning(warnGrantVoided, "grant %s was made before under this external_id and voided on %s; nothing is given again",
				g.ID, g.EndedOn.Format(time.RFC3339Nano)))
		}
	}
	return out
}

// burns reports whether a feature burns another, by itself or in the latest version of a
// plan.
func (c *Catalog) burns(code, other Code) bool {
	if f := c.Features[code]; f != nil && f.Burns != nil && f.Burns.Feature == other {
		return true
	}
	for _, p := range c.Plans {
		terms := &p.Latest().Terms
		if i := terms.Find(code); i >= 0 && terms.Items[i].Burns != nil && terms.Items[i].Burns.Feature == other {
			return true
		}
	}
	return false
}

func countOf(grants []Grant, feature Code) (n int) {
	for i := range grants {
		if grants[i].Feature == feature {
			n++
		}
	}
	return n
}

// countGrants is how many grants of a feature there are that are neither set aside nor
// over.
func (b *Book) countGrants(feature Code) (n int) {
	for i := range b.Grants {
		if g := &b.Grants[i]; g.Feature == feature && g.SetAsideOn.IsZero() && !g.ended(b.Now) {
			n++
		}
	}
	return n
}

// grantStamp is the time for the id of a new grant: later than that of each that the book
// has, so that a page by id meets it.
func (b *Book) grantStamp() time.Time {
	at := b.Now
	for i := range b.Grants {
		if made := idTime([16]byte(b.Grants[i].ID[16:])); !made.Before(at.Truncate(time.Millisecond)) {
			at = made.Add(time.Millisecond)
		}
	}
	return at
}

// repeated are the grants that were made under an external id; nil if there are none. The
// error is GRANT_EXISTS if they are not what is asked for.
func (b *Book) repeated(externalID string, same func(first []Grant) bool) ([]Grant, error) {
	if externalID == "" {
		return nil, nil
	}
	first, err := b.past.GrantsByExternalID(b.Customer.ID, externalID)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	if !same(first) {
		err := Conflict.Errorf("GRANT_EXISTS", "the customer has a grant %s with this external_id and other content; use another external_id", first[0].ID)
		err.Existing = first[0].ID.String()
		return nil, err
	}
	return first, nil
}

// digest is that of what a grant was asked for with, but for times.
func (g *Grant) digest() string {
	cost := ""
	if g.CostBasis != nil {
		cost = g.CostBasis.String()
	}
	return digestOf("grant %q %d %d %q %q %q %q", g.Feature, g.Amount, g.Priority, g.Kind, g.Only, cost, g.Note)
}

// digestOf is compared with what was stored by programs of versions before, so what is
// written is not to change.
func digestOf(format string, args ...any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, format, args...))
	return hex.EncodeToString(sum[:])
}

func errExternalID() *Error {
	return Invalid.Errorf("EXTERNAL_ID_INVALID", "external_id must be text of at most %d characters without control characters", maxTextRunes)
}

func (b *Book) checkGrant(f *Feature, g *Grant) (errs Errors) {
	add := func(code, format string, args ...any) { errs = append(errs, Invalid.Errorf(code, format, args...)) }
	if g.Amount <= 0 || g.Amount >= maxRecord {
		add("AMOUNT_INVALID", "amount must be more than 0 and below 10^12")
	}
	if !plausible(g.EffectiveOn) {
		add("EFFECTIVE_ON_INVALID", "effective_on must be between the years %d and %d", firstYear, lastYear)
	}
	if !g.ExpiresOn.IsZero() && (!g.ExpiresOn.After(g.EffectiveOn) || !plausible(g.ExpiresOn)) {
		add("EXPIRES_ON_INVALID", "expires_on must be after effective_on and before the year %d", lastYear)
	}
	if g.Priority < 0 || g.Priority > maxPriority {
		add("PRIORITY_INVALID", "priority must be a whole number from 0 to %d; lower burns first", maxPriority)
	}
	if !slices.Contains(grantKinds, g.Kind) {
		add("KIND_INVALID", "kind must be %s or %s", Paid, Promotional)
	}
	if f.Held && g.Amount%OneUnit != 0 {
		add("AMOUNT_INVALID", "feature %s is held and its limit is a whole number; give whole units", f.Code)
	}
	if f.Held && len(g.Only) > 0 {
		add("ONLY_INVALID", "feature %s is held and nothing burns it; leave out only", f.Code)
	}
	for _, code := range g.Only {
		if b.Catalog.Features[code] == nil {
			add("ONLY_INVALID", "only names %q, which is no feature", code)
		}
	}
	if g.CostBasis != nil && (g.CostBasis.IsNeg() || g.CostBasis.Cmp(maxCostBasis) >= 0 || g.CostBasis.Scale() > 12) {
		add("COST_BASIS_INVALID", "cost_basis must be minor units for a unit: a number from 0 to below 10^12 with at most 12 digits after the point")
	}
	if !OneLine(g.Note, maxNote) {
		add("NOTE_INVALID", "note must be text of at most %d characters without control characters", maxNote)
	}
	if !OneLine(g.ExternalID, maxTextRunes) {
		errs = append(errs, errExternalID())
	}
	return errs
}

// VoidGrant takes away what remains of a grant, from now on: stored is as the store has
// it. With clawBack what was drawn of it is a debt. It is done once: again, it changes
// nothing, but that a claw-back may follow a void that had none.
func (b *Book) VoidGrant(stored Grant, clawBack bool, externalID string) (g Grant, made bool, err error) {
	if !OneLine(externalID, maxTextRunes) {
		return Grant{}, false, errExternalID()
	}
	g = stored
	if !g.EndedOn.IsZero() && (!clawBack || !g.ClawedBackOn.IsZero()) {
		return g, false, nil
	}
	if g.EndedOn.IsZero() {
		if g.EndedOn = b.Now; b.Customer.DeletedOn.IsZero() { // what is personal may be erased
			g.VoidedAs = externalID
		}
	}
	if clawBack {
		g.ClawedBackOn, g.SetAsideOn = b.Now, time.Time{} // there is a debt to be looked at
	}
	b.changeGrant(grantVoided, &stored, &g)
	return g, true, nil
}

// SetAside notes that no answer of now or later depends on a grant, as all of it is used,
// or, of one that was set aside, that one does again. It changes nothing if that is so
// already. Stored is as the store has it.
func (b *Book) SetAside(stored Grant, aside bool) (changed bool) {
	if aside != stored.SetAsideOn.IsZero() {
		return false
	}
	g, kind := stored, grantReopened
	if g.SetAsideOn = (time.Time{}); aside {
		g.SetAsideOn, kind = b.Now, grantUsedUp
	}
	b.changeGrant(kind, &stored, &g)
	return true
}

// changeGrant puts a grant in the place of what it was.
func (b *Book) changeGrant(kind ChangeKind, was, is *Grant) {
	b.Grants = slices.DeleteFunc(b.Grants, func(g Grant) bool { return g.ID == is.ID })
	if is.SetAsideOn.IsZero() {
		b.Grants = append(b.Grants, *is)
		slices.SortFunc(b.Grants, func(x, y Grant) int { return CompareGrantIDs(x.ID, y.ID) })
	}
	b.diff.GrantsChanged = append(b.diff.GrantsChanged, *is)
	b.log(kind, b.Customer.grantFacts(was), b.Customer.grantFacts(is))
}
