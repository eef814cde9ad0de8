package cli

import (
	"encoding/json"
	"testing"
)

// The point is moved by what the currency has, and nothing is rounded.
func TestMoney(t *testing.T) {
	for _, test := range []struct{ currency, minor, want string }{
		{"usd", "2500", "USD 25.00"},
		{"usd", "0", "USD 0.00"},
		{"usd", "5", "USD 0.05"},
		{"usd", "0.04", "USD 0.0004"},
		{"usd", "1.50", "USD 0.015"},
		{"usd", "-250", "USD -2.50"},
		{"eur", "9007199254740991", "EUR 90071992547409.91"},
		{"jpy", "2500", "JPY 2500"},
		{"jpy", "0.5", "JPY 0.5"},
		{"kwd", "2500", "KWD 2.500"},
		{"xxy", "100", "XXY 1.00"},
	} {
		if got := money(test.currency, json.Number(test.minor)); got != test.want {
			t.Errorf("%s of %s is %s, want %s", test.minor, test.currency, got, test.want)
		}
	}
}
