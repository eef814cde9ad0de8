package routes

import (
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
)

// Each kind of errors of the use cases is one of the door's, and one that is not
// is a fault of ours. What the state of things refuses is the outcome of the work;
// what is wrong with a request, or not there, is not, nor are several errors.
func TestEveryKindIsExplained(t *testing.T) {
	want := map[billing.Kind]door.Kind{
		billing.Internal: door.Internal, billing.Invalid: door.Invalid, billing.Refused: door.Invalid,
		billing.NotFound: door.NotFound, billing.Conflict: door.Conflict, billing.Unavailable: door.Unavailable,
		billing.Unavailable + 1: door.Internal,
	}
	outcome := map[billing.Kind]bool{billing.Refused: true, billing.Conflict: true}
	for kind, is := range want {
		e := &billing.Error{Kind: kind, Code: "A_B", Message: "some message"}
		if got := explain(e); len(got) != 1 || got[0].Kind != is || got[0].Code != "A_B" || got[0].Outcome != outcome[kind] {
			t.Errorf("kind %d: %+v", kind, got)
		}
		if got := explain(billing.Errors{e, e}); len(got) != 2 || got[1].Kind != is || got[0].Outcome || got[1].Outcome {
			t.Errorf("several of kind %d: %+v", kind, got)
		}
	}
}
