package billing

import "fmt"

// words are the lists of all kinds of words. Each list stands beside its
// constants; what speaks, reads or describes a kind of word is held against it.
var words = []any{
	reasons, changeReasons, sourceKinds, resets, customerTypes, customerStatuses,
	featureTypes, planKinds, planStatuses, trialEnds, limitKinds, overLimitPolicies,
	whens, origins, agreementStatuses, actions, things, changeKinds,
	valueKinds, picks, ratePers, tiersModes, grantAts, grantLives, grantKinds,
}

// Words returns all words of a kind, in the order of their constants:
// Words[Reason](). The caller may keep and change the list.
func Words[W ~string]() []W {
	for _, list := range words {
		if of, ok := list.([]W); ok {
			return append([]W(nil), of...)
		}
	}
	panic(fmt.Sprintf("no list of the type %T", *new(W)))
}
