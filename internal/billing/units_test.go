package billing

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseUnits(t *testing.T) {
	for text, want := range map[string]Units{
		"0": 0, "-0": 0, "1": 1e6, "0.1": 1e5, "-2.500000": -25e5, "0.000001": 1, "007": 7e6,
		"999999999999.999999": 1e18 - 1, "000000000000000000000001": 1e6,
	} {
		if got, err := ParseUnits(text); err != nil || got != want {
			t.Errorf("ParseUnits(%q) = %d, %v; want %d", text, int64(got), err, int64(want))
		}
	}
	for _, text := range []string{
		"", "-", ".", "1.", ".5", "+1", "1e3", "1E3", "0x10", "1_000", "1,5", " 1", "1 ", "--1", "1.0000001", "1.1.1",
		"1000000000000", "NaN", "Inf", "pro_gym", "١",
	} {
		if got, err := ParseUnits(text); err == nil {
			t.Errorf("ParseUnits(%q) = %s, want an error", text, got)
		}
	}
}

// What is written reads back the same, and is the value divided by a million.
func TestUnitsString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := Units(rapid.Int64Range(int64(-maxRecord+1), int64(maxRecord-1)).Draw(t, "millionths"))
		text := u.String()
		if back, err := ParseUnits(text); err != nil || back != u {
			t.Fatalf("%d is written %s and read %d, %v", int64(u), text, int64(back), err)
		}
		r, ok := new(big.Rat).SetString(text)
		if !ok || r.Cmp(big.NewRat(int64(u), 1e6)) != 0 || strings.HasSuffix(text, ".") || strings.Contains(text, ".") && strings.HasSuffix(text, "0") {
			t.Fatalf("%d is written %s", int64(u), text)
		}
	})
}
