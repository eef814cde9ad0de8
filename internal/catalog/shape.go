package catalog

import _ "embed"

// shape is what an object of the file may hold. schema.json says the same to
// editors, object by object.
type shape struct {
	what     string   // for messages
	keys     []string // in the order [Format] writes them
	required []string
}

var (
	fileShape    = shape{"a catalog", []string{"currency", "features", "plan_groups", "plans"}, nil}
	featureShape = shape{"a feature",
		[]string{"code", "name", "type", "unit", "reset", "held", "burns", "thresholds", "low", "of", "one_of", "pick", "description", "metadata"},
		[]string{"code", "name", "type"}}
	groupShape = shape{"a plan group",
		[]string{"code", "name", "customer_type", "default", "fallback", "description", "metadata"},
		[]string{"code", "name", "customer_type"}}
	planShape = shape{"a plan",
		[]string{"code", "name", "group", "kind", "status", "archived", "default", "description", "metadata", "hidden", "price",
			"cycle", "align", "quantity", "trial", "ask_for_card", "beside", "extends", "without", "items"},
		[]string{"code", "name", "group"}}
	trialShape = shape{"a trial", []string{"days", "card_prompt_days", "then"}, nil}
	itemShape  = shape{"an item",
		[]string{"feature", "price_name", "value", "fixed_charge", "interval",
			"min", "max", "included", "per", "limit", "overage_max", "reset", "align", "caps", "over_limit", "rollover",
			"burns", "grants", "thresholds", "low", "rate", "unit_amount", "annual", "tiers", "tiers_mode", "package"},
		[]string{"feature"}}
	everyShape     = shape{"a multiple of an interval", []string{"every", "unit"}, []string{"every", "unit"}}
	quantityShape  = shape{"a quantity", []string{"min", "max"}, nil}
	tierShape      = shape{"a tier", []string{"up_to", "unit_amount", "annual", "flat_amount"}, []string{"unit_amount"}}
	capShape       = shape{"a cap", []string{"max", "reset"}, []string{"max", "reset"}}
	burnsShape     = shape{"what is burned", []string{"feature", "rate"}, []string{"feature", "rate"}}
	rolloverShape  = shape{"a rollover", []string{"max", "windows"}, nil}
	grantShape     = shape{"a grant", []string{"amount", "at", "lasts", "priority", "kind"}, []string{"amount", "lasts"}}
	rateShape      = shape{"a rate", []string{"max", "per", "burst"}, []string{"max", "per"}}
	overLimitShape = shape{"over_limit", []string{"grace"}, []string{"grace"}}
	lastsShape     = shape{"a number of days", []string{"days"}, []string{"days"}}
	graceShape     = shape{"a grace", []string{"days"}, []string{"days"}}
)

// Schema is the JSON Schema (draft 2020-12) of the catalog file, for editors.
// Every catalog that applies is valid by it, unless YAML reads a code or name
// without quotes as something else than text. It cannot tell all that [Parse]
// and billing can.
//
//go:embed schema.json
var Schema []byte

// Example is the catalog of a made-up product, with comments that explain it.
//
//go:embed example.yaml
var Example []byte
