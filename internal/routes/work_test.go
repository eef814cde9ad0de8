package routes

import (
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
)

// Each kind of errors of the use cases is one of the door's, and one that is not
// is a fault of ours.
func TestEveryKindIsExplained(t *testing.T) {
	want := map[billing.Kind]door.Kind{
		billing.Internal: door.Internal, billing.Invalid: door.Invalid, billing.NotFound: door.NotFound, billing.Conflict: door.Conflict,
		billing.Conflict + 1: door.Internal,
	}
	for kind, is := range want {
		e := &billing.Error{Kind: kind, Code: "A_B", Message: "some message"}
		if got := explain(e); len(got) != 1 || got[0].Kind != is || got[0].Code != "A_B" {
			t.Errorf("kind %d: %+v", kind, got)
		}
		if got := explain(billing.Errors{e, e}); len(got) != 2 || got[1].Kind != is || got[0].Outcome || got[1].Outcome {
			t.Errorf("several of kind %d: %+v", kind, got)
		}
	}
}
