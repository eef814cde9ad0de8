package modeltest

import (
	"slices"
	"strings"
)

// said is the first answer under a key, to the line that it was given to.
type said struct{ line, answer string }

// kept are the refusals that the state of things makes: these are the outcome of
// the work and said again. Any other can be put right under the same key.
var kept = []string{"PLAN_NOT_AVAILABLE", "FEATURE_NOT_METERED", "HOLD_NOT_ACTIVE", "METER_VALUE_INVALID"}

// once does a line under a key of its customer's.
func (m *model) once(key string, words []string) string {
	line := strings.Join(words, " ")
	key += " of " + m.owner(words)
	if before, ok := m.said[key]; ok {
		if before.line != line {
			return "IDEMPOTENCY_KEY_REUSED"
		}
		return "again: " + before.answer
	}
	answer := m.do(words)
	if refusal := answer == strings.ToUpper(answer); !refusal || slices.Contains(kept, answer) {
		m.said[key] = said{line, answer}
	}
	return answer
}

// owner is whose line it is; "" for a hold that there is not.
func (m *model) owner(words []string) string {
	if words[0] != "confirm" && words[0] != "release" {
		return words[1]
	}
	if h := m.holds[words[1]]; h != nil {
		for name, c := range m.customers {
			if c == h.c {
				return name
			}
		}
	}
	return ""
}
