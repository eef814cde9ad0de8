package door

import "testing"

// A kind that a dialect has no status for is a fault of ours, and never a status
// of 0.
func TestEveryKindHasAStatus(t *testing.T) {
	for _, dialect := range []*Dialect{{}, &strict} {
		for kind := Internal; kind <= Unavailable+1; kind++ {
			status, body := new(door).refusal(&served{Route: Route{Dialect: dialect}}, "r", &Error{Kind: kind, Code: "A_B", Message: "some message"})
			if status < 400 || len(body.Errors) != 1 {
				t.Errorf("kind %d: %d %v", kind, status, body)
			}
			if shown := body.Errors[0].Code == "A_B"; shown != (dialect.status(kind) != 0) || !shown && status != 500 {
				t.Errorf("kind %d: %d %v", kind, status, body)
			}
		}
	}
}
