package billing

import (
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/govalues/decimal"
)

// GrantID is written grant_<64 hex>. Its first half is the customer's id, so that a grant
// is found without a directory; the rest is as in every id. The last two bytes make room
// for the id of the entitlement that a grant alone gives.
type GrantID [32]byte

const grantPrefix = "grant_"

func (id GrantID) String() string { return grantPrefix + hex.EncodeToString(id[:]) }

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

// NewGrantID makes the id of a grant that a customer gets at an instant, from random bytes.
func NewGrantID(random io.Reader, customer CustomerID, made time.Time) (GrantID, error) {
	var id GrantID
	own, err := NewID[[16]byte](random, made.UnixMilli())
	copy(id[:16], customer[:])
	copy(id[16:], own[:])
	id[30], id[31] = 0, 0
	return id, err
}

// Grant is an amount of a metered feature that a customer has beside its allowances,
// such as a top-up. It never changes, but that it can be ended (voided) and set aside,
// each once.
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
	// purchase have one ExternalID.
	Pack       Code
	ExternalID string
	// Asked is the digest of what it was asked for with, to know the same request again.
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
