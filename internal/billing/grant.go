package billing

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"
)

// GrantID is written grant_<64 hex>. Its first half is the customer's id, so that a grant
// is found without a directory; the rest is as in every id. The last two bytes make room
// for the id of the entitlement that a grant alone gives.
type GrantID [32]byte

const grantPrefix = "grant_"

func (id GrantID) String() string { return idText(grantPrefix, id[:]) }

// Customer is whose grant it is.
func (id GrantID) Customer() CustomerID { return CustomerID(id[:16]) }

// ParseGrantID reads an id as [GrantID.String] writes it.
func ParseGrantID(s string) (GrantID, error) {
	digits, ok := strings.CutPrefix(s, grantPrefix)
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != len(GrantID{}) || digits != strings.ToLower(digits) {
		return GrantID{}, errors.New("not an id: want grant_ and 64 lower-case hex digits")
	}
	return GrantID(b), nil
}

// CompareGrantIDs orders ids as their text does.
func CompareGrantIDs(a, b GrantID) int { return bytes.Compare(a[:], b[:]) }

// NewGrantID makes the id of a grant that a customer gets at an instant, from random bytes.
func NewGrantID(random io.Reader, customer CustomerID, made time.Time) (GrantID, error) {
	var id GrantID
	own, err := NewID[[16]byte](random, made.UnixMilli())
	if err != nil {
		return id, err
	}
	copy(id[:16], customer[:])
	copy(id[16:30], own[:14])
	return id, nil
}

// Grant is an amount of a metered feature that a customer has beside its allowances,
// such as a top-up. It never changes, but that it can be ended (voided) once, its draws made
// a debt once, and be set aside and taken out again.
type Grant struct {
	ID         GrantID
	CustomerID CustomerID
	Feature    Code
	Amount     Units // more than 0 and below 10^12
	// EffectiveOn is when its life begins; ExpiresOn, after it, when it ends; zero: never.
	EffectiveOn, ExpiresOn time.Time
	Priority               int // 0 to 100; lower burns first
	Kind                   GrantKind
	// Only are the features that may burn it, ascending; nil is every one, and its own.
	Only []Code
	// CostBasis is what a unit was paid with, in minor units; nil: it is not said.
	CostBasis *decimal.Decimal
	Note      string
	// Pack is what it was bought as; "" if it was not bought as a pack. The grants of one
	// purchase have one ExternalID, and Line counts them from 0.
	Pack       Code
	Line       int
	ExternalID string
	// Asked is the digest of what it was asked for with but for times, to know the same
	// request again.
	Asked     string
	By        Actor
	CreatedOn time.Time

	// EndedOn is when it was voided; zero: it was not. ClawedBackOn is since when what was
	// drawn of it is a debt; zero: it is none.
	EndedOn, ClawedBackOn time.Time
	// VoidedAs is the external id of the request that voided it.
	VoidedAs string
	// SetAsideOn is when it was found that no answer of now or later depends on it, so that
	// it need not be looked at; zero: it is to be.
	SetAsideOn time.Time
}

// Live reports whether it can be drawn from at an instant.
func (g *Grant) Live(t time.Time) bool {
	return !t.Before(g.EffectiveOn) && (g.ExpiresOn.IsZero() || t.Before(g.ExpiresOn)) && (g.EndedOn.IsZero() || t.Before(g.EndedOn))
}

// ended reports whether its life is over, whatever is left of it.
func (g *Grant) ended(t time.Time) bool {
	return !g.ExpiresOn.IsZero() && !t.Before(g.ExpiresOn) || !g.EndedOn.IsZero() && !t.Before(g.EndedOn)
}

// grantFacts are what the change log says of a grant. It leaves out what may be of
// persons: the note and the external ids.
func grantFacts(g *Grant) map[string]string {
	w := factWriter{
		"grant_id": g.ID.String(), "feature_code": string(g.Feature), "amount": g.Amount.String(),
		"priority": strconv.Itoa(g.Priority), "kind": string(g.Kind),
	}
	w.instant("effective_on", g.EffectiveOn)
	w.instant("expires_on", g.ExpiresOn)
	var only []string
	for _, code := range g.Only {
		only = append(only, string(code))
	}
	w.text("only", strings.Join(only, " "))
	if g.CostBasis != nil {
		w["cost_basis"] = g.CostBasis.String()
	}
	w.text("pack", string(g.Pack))
	w.whole("line", int64(g.Line))
	w.text("by", string(g.By))
	w.instant("created_on", g.CreatedOn)
	w.instant("ended_on", g.EndedOn)
	w.instant("clawed_back_on", g.ClawedBackOn)
	w.instant("set_aside_on", g.SetAsideOn)
	return w
}

// parseGrant reads grantFacts, as parseAgreement does those of an agreement.
func parseGrant(facts map[string]string) (Grant, error) {
	if facts["grant_id"] == "" || facts["created_on"] == "" {
		return Grant{}, errPartial
	}
	r := factReader{facts: facts}
	g := Grant{
		Feature: Code(facts["feature_code"]), EffectiveOn: r.instant("effective_on"), ExpiresOn: r.instant("expires_on"),
		Priority: int(r.whole("priority")), Kind: GrantKind(facts["kind"]), Pack: Code(facts["pack"]), Line: int(r.whole("line")),
		By: Actor(facts["by"]), CreatedOn: r.instant("created_on"), EndedOn: r.instant("ended_on"),
		ClawedBackOn: r.instant("clawed_back_on"), SetAsideOn: r.instant("set_aside_on"),
	}
	for code := range strings.FieldsSeq(facts["only"]) {
		g.Only = append(g.Only, Code(code))
	}
	var err error
	g.ID, err = ParseGrantID(facts["grant_id"])
	r.fail("grant_id", err)
	g.Amount, err = ParseUnits(facts["amount"])
	r.fail("amount", err)
	if facts["cost_basis"] != "" {
		cost, err := decimal.Parse(facts["cost_basis"])
		r.fail("cost_basis", err)
		g.CostBasis = &cost
	}
	return g, r.err
}

// turnGrant goes over from the grant that a change has on one side to that on the other.
// One that is set aside is none of a customer's facts.
func (f *Facts) turnGrant(from, to map[string]string) error {
	row := to
	if len(to) == 0 {
		row = from
	}
	g, err := parseGrant(row)
	switch {
	case err != nil:
		return err
	case len(to) == 0 || !g.SetAsideOn.IsZero():
		f.Grants = slices.DeleteFunc(f.Grants, func(old Grant) bool { return old.ID == g.ID })
	default:
		f.putGrant(g)
	}
	return nil
}

// putGrant puts a grant in the place of what is known of it. What the log leaves out stays.
func (f *Facts) putGrant(g Grant) {
	g.CustomerID = f.Customer.ID
	i := slices.IndexFunc(f.Grants, func(old Grant) bool { return old.ID == g.ID })
	if i < 0 {
		f.Grants = append(f.Grants, g)
		return
	}
	old := &f.Grants[i]
	g.Note, g.ExternalID, g.Asked, g.VoidedAs = old.Note, old.ExternalID, old.Asked, old.VoidedAs
	*old = g
}
