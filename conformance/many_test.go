package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// manyEntitlements makes a plan for users with so many entitlements that every
// client has to page, and whose last page, by ten, is a full one. It returns the
// catalog file, to be applied after catalog.yaml, and what the account API shows
// to a user on the plan.
func manyEntitlements(t *testing.T) (catalog string, entitlements json.RawMessage) {
	type object = map[string]any
	entitlement := func(feature, name, price string) object {
		return object{
			"feature_key": feature, "feature_name": name, "price_name": price,
			"fixed_charge": nil, "unit_amount": nil, "entitlement_limit_max": nil, "entitlement_limit_min": nil,
		}
	}
	charge := entitlement("base_price", "Base price", "Many base")
	charge["fixed_charge"] = 500
	seats := entitlement("seats", "Seats", "Many seat")
	seats["unit_amount"], seats["entitlement_limit_min"], seats["entitlement_limit_max"] = 900, 1, 10
	shown := []object{charge, seats, entitlement("storage", "Storage", "Storage")}
	items := []object{
		{"feature": "base_price", "price_name": "Many base", "fixed_charge": 500},
		{"feature": "seats", "price_name": "Many seat", "min": 1, "max": 10, "unit_amount": 900},
		{"feature": "storage"},
	}
	var features []object
	for len(items) < 130 {
		code, name := fmt.Sprintf("part_%d", len(items)), fmt.Sprintf("Part %d", len(items))
		features = append(features, object{"code": code, "name": name, "type": "unmetered"})
		items = append(items, object{"feature": code})
		shown = append(shown, entitlement(code, name, name))
	}
	file, err := json.Marshal(object{
		"features": features,
		"plans":    []object{{"code": "many", "name": "Many", "group": "people", "status": "published", "items": items}},
	})
	if err != nil {
		t.Fatal(err)
	}
	catalog = filepath.Join(t.TempDir(), "many.json")
	if err := os.WriteFile(catalog, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if entitlements, err = json.Marshal(shown); err != nil {
		t.Fatal(err)
	}
	return catalog, entitlements
}
