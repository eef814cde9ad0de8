package packed

import (
	"testing"

	"github.com/allot-dev/allot/internal/billing"
)

// What was sealed is opened as it was, and nothing else is: not a byte of it may be
// another, and it is nobody else's.
func TestSealed(t *testing.T) {
	facts := oneAgreement()
	id := facts.Customer.ID
	text, err := Pack(&facts, facts.Customer.ChangedOn)
	if err != nil {
		t.Fatal(err)
	}
	b := text.Seal(id)
	if got, ok := Open(id, b); !ok || got != text {
		t.Fatalf("opened %q, %v; want %q", got, ok, text)
	}
	if _, ok := Open(billing.CustomerID{9}, b); ok {
		t.Error("another customer's is opened")
	}
	for i := range b {
		b[i] ^= 4
		if _, ok := Open(id, b); ok {
			t.Errorf("opened with byte %d of %d changed", i, len(b))
		}
		b[i] ^= 4
		if _, ok := Open(id, b[:i]); ok {
			t.Errorf("the first %d bytes of %d are opened", i, len(b))
		}
	}
}
