package billing

import (
	"math/big"
	"time"
)

// CreditState is what became of the amount of a grant, as of an instant.
type CreditState struct {
	Remaining  Units // that can be used, now or once its life begins
	Drawn      Units // by usage
	Held       Units // by open holds
	Debt       Units // of one that is clawed back: drawn, and not paid for by others
	Refundable Units // neither drawn nor held, whether it is voided or not
}

// GrantStanding is a grant as it stands at an instant.
type GrantStanding struct {
	Grant
	State CreditState
	Now   time.Time
}

// Unused is how a grant stands of which nothing was drawn or held.
func (g *Grant) Unused(now time.Time) CreditState {
	state := CreditState{Remaining: g.Amount, Refundable: g.Amount}
	if g.ended(now) {
		state.Remaining = 0
	}
	if g.EndedOn.IsZero() && g.ended(now) { // it has expired, and nobody took it away
		state.Refundable = 0
	}
	return state
}

// Worth is what some units of a grant were paid with, in minor units, rounded half up and
// at most [MaxAmount]; false if that is not said.
func (g *Grant) Worth(units Units) (int64, bool) {
	if g.CostBasis == nil {
		return 0, false
	}
	whole := new(big.Int).SetUint64(g.CostBasis.Coef())
	whole.Mul(whole, big.NewInt(int64(units)))
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(g.CostBasis.Scale())), nil)
	scale.Mul(scale, big.NewInt(int64(OneUnit)))
	whole.Add(whole.Lsh(whole, 1), scale)
	whole.Quo(whole, scale.Lsh(scale, 1))
	if !whole.IsInt64() || whole.Int64() > MaxAmount {
		return MaxAmount, true
	}
	return whole.Int64(), true
}
