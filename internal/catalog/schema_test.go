package catalog

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schema and the parser have the same objects with the same keys, of which
// the same are required.
func TestSchemaHasTheShapes(t *testing.T) {
	type object struct {
		Type                 any
		AdditionalProperties *bool
		Required             []string
		Properties           map[string]any
	}
	var schema struct {
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	shapes := map[string]shape{
		"catalog": fileShape, "feature": featureShape, "group": groupShape, "plan": planShape, "trial": trialShape,
		"item": itemShape, "tier": tierShape, "over_limit": overLimitShape, "grace": graceShape,
		"every": everyShape, "quantity": quantityShape, "cap": capShape, "burns": burnsShape,
		"rollover": rolloverShape, "grant": grantShape, "rate": rateShape,
	}
	for name, def := range schema.Defs {
		s, known := shapes[name]
		if def.Type != "object" {
			continue
		}
		if !known {
			t.Errorf("the schema has an object %s, the parser has not", name)
			continue
		}
		delete(shapes, name)
		if def.AdditionalProperties == nil || *def.AdditionalProperties {
			t.Errorf("%s permits additional properties", name)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(s.keys)), slices.Sorted(maps.Keys(def.Properties))); diff != "" {
			t.Errorf("keys of %s (-parser +schema):\n%s", name, diff)
		}
		if diff := cmp.Diff(s.required, def.Required); diff != "" {
			t.Errorf("required keys of %s (-parser +schema):\n%s", name, diff)
		}
	}
	for name := range shapes {
		t.Errorf("the parser has an object %s, the schema has not", name)
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("catalog.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSchemaAgreesWithParse(t *testing.T) {
	schema := compileSchema(t)
	feature := func(members string) string { return `{"features":[{` + members + `}]}` }
	plan := func(members string) string {
		return `{"plans":[{"code":"p","name":"P","group":"g",` + members + `}]}`
	}
	item := func(members string) string { return plan(`"items":[{"feature":"f",` + members + `}]`) }
	for src, good := range map[string]bool{
		`{}`:                 true,
		`[]`:                 false,
		`{"currency":"usd"}`: true,
		`{"currency":"USD"}`: false,
		`{"currency":"us"}`:  false,
		`{"plan":[]}`:        false,
		`{"features":[]}`:    true,
		`{"features":{}}`:    false,
		`{"features":null}`:  false,
		`{"features":["a"]}`: false,
		`{"plan_groups":[{"code":"a","name":"A","customer_type":"user","default":true}]}`:     true,
		`{"plan_groups":[{"code":"a","name":"A","customer_type":"user","fallback":"free"}]}`:  true,
		`{"plan_groups":[{"code":"a","name":"A","customer_type":"user","fallback":"Free!"}]}`: false,
		`{"plan_groups":[{"code":"a","name":"A"}]}`:                                           false,
		`{"plan_groups":[{"code":"a","name":"A","customer_type":"team"}]}`:                    false,

		feature(`"code":"a","name":"A","type":"metered","unit":"seat","reset":"never"`): true,
		feature(`"code":"null","name":"on","type":"charge"`):                            true,
		feature(`"code":"a","name":"A"`):                                                false,
		feature(`"code":"a","name":"A","type":"meter"`):                                 false,
		feature(`"code":"a","name":"A","type":"metered","reset":"none"`):                false,
		feature(`"code":"A","name":"A","type":"charge"`):                                false,
		feature(`"code":"","name":"A","type":"charge"`):                                 false,
		feature(`"code":"_a","name":"A","type":"charge"`):                               false,
		feature(`"code":1,"name":"A","type":"charge"`):                                  false,
		feature(`"code":"` + strings.Repeat("a", 64) + `","name":"A","type":"charge"`):  true,
		feature(`"code":"` + strings.Repeat("a", 65) + `","name":"A","type":"charge"`):  false,
		feature(`"code":"a","name":"","type":"charge"`):                                 false,
		feature(`"code":"a","name":"  ","type":"charge"`):                               false,
		feature(`"code":"a","name":null,"type":"charge"`):                               false,
		feature(`"code":"a","name":"` + strings.Repeat("é", 255) + `","type":"charge"`): true,
		feature(`"code":"a","name":"` + strings.Repeat("é", 256) + `","type":"charge"`): false,

		plan(`"kind":"add_on","status":"draft","cycle":"none","archived":true,"default":false,"ask_for_card":false`): true,
		plan(`"kind":"addon"`):                      false,
		plan(`"status":"live"`):                     false,
		plan(`"cycle":"monthly"`):                   false,
		plan(`"cycle":"hour","align":"calendar"`):   true,
		plan(`"cycle":{"every":3,"unit":"month"}`):  true,
		plan(`"cycle":{"every":1,"unit":"month"}`):  true,
		plan(`"cycle":{"every":0,"unit":"month"}`):  false,
		plan(`"cycle":{"every":1001,"unit":"day"}`): false,
		plan(`"cycle":{"every":2,"unit":"none"}`):   false,
		plan(`"cycle":{"every":2}`):                 false,
		plan(`"cycle":{"every":"2","unit":"day"}`):  false,
		plan(`"cycle":"3 month"`):                   false,
		plan(`"cycle":["month"]`):                   false,
		plan(`"align":"anchor"`):                    false,
		plan(`"align":true`):                        false,
		plan(`"quantity":true`):                     true,
		plan(`"quantity":false`):                    true,
		plan(`"quantity":{}`):                       true,
		plan(`"quantity":{"min":2,"max":5}`):        true,
		plan(`"quantity":{"min":0}`):                false,
		plan(`"quantity":{"max":0}`):                false,
		plan(`"quantity":{"least":1}`):              false,
		plan(`"quantity":5`):                        false,
		plan(`"quantity":"true"`):                   false,
		item(`"per":"quantity","align":"calendar"`): true,
		item(`"per":"seat"`):                        false,
		item(`"per":true`):                          false,
		item(`"align":"week"`):                      false,
		item(`"reset":"hour"`):                      true,
		item(`"reset":{"every":5,"unit":"hour"}`):   true,
		item(`"reset":{"every":5,"unit":"never"}`):  false,
		item(`"interval":"hour"`):                   false,
		feature(`"code":"a","name":"A","type":"config","of":"number","one_of":["1","2"],"pick":"min"`):      true,
		feature(`"code":"a","name":"A","type":"config","of":"bool"`):                                        false,
		feature(`"code":"a","name":"A","type":"config","of":"text","one_of":"a"`):                           false,
		feature(`"code":"a","name":"A","type":"metered","held":true,"thresholds":[80,100],"low":0`):         true,
		feature(`"code":"a","name":"A","type":"metered","held":"yes"`):                                      false,
		feature(`"code":"a","name":"A","type":"metered","thresholds":[0]`):                                  false,
		feature(`"code":"a","name":"A","type":"metered","thresholds":["80"]`):                               false,
		feature(`"code":"a","name":"A","type":"metered","low":"none"`):                                      false,
		feature(`"code":"a","name":"A","type":"metered","burns":{"feature":"b","rate":0.5}`):                true,
		feature(`"code":"a","name":"A","type":"metered","burns":{"feature":"b"}`):                           false,
		feature(`"code":"a","name":"A","type":"metered","burns":"none"`):                                    false,
		feature(`"code":"a","name":"A","type":"charge","description":"a\nb","metadata":{"k k":"v","e":""}`): true,
		feature(`"code":"a","name":"A","type":"charge","description":""`):                                   false,
		feature(`"code":"a","name":"A","type":"charge","metadata":{"k":1}`):                                 false,
		feature(`"code":"a","name":"A","type":"charge","metadata":[]`):                                      false,
		plan(`"kind":"pack","hidden":true,"price":"ask"`):                                                   true,
		plan(`"price":""`): false,
		plan(`"beside":["a"],"extends":"b","without":["c"]`): true,
		plan(`"beside":["A"]`):                               false,
		plan(`"beside":"a"`):                                 false,
		plan(`"without":[1]`):                                false,
		item(`"value":30`):                                   true,
		item(`"value":"unlimited"`):                          true,
		item(`"value":true`):                                 true,
		item(`"value":["a","b"]`):                            true,
		item(`"value":{}`):                                   false,
		item(`"value":null`):                                 false,
		item(`"value":-1`):                                   false,
		item(`"included":5,"overage_max":0,"low":"none","burns":"none","thresholds":[]`): true,
		item(`"low":"never"`):                      false,
		item(`"burns":"nothing"`):                  false,
		item(`"burns":{"feature":"f","rate":"1"}`): false,
		item(`"caps":[{"max":5,"reset":"day"},{"max":9,"reset":{"every":5,"unit":"hour"}}]`): true,
		item(`"caps":[{"max":5}]`):                false,
		item(`"caps":{}`):                         false,
		item(`"rollover":{}`):                     true,
		item(`"rollover":{"max":0,"windows":12}`): true,
		item(`"rollover":{"windows":13}`):         false,
		item(`"rollover":true`):                   false,
		item(`"grants":[{"amount":0.5,"at":"term","lasts":"term","kind":"paid","priority":0}]`):                true,
		item(`"grants":[{"amount":1,"lasts":{"days":1}}]`):                                                     true,
		item(`"grants":[{"amount":1,"lasts":"days"}]`):                                                         false,
		item(`"grants":[{"amount":1}]`):                                                                        false,
		item(`"grants":[{"amount":"1","lasts":"never"}]`):                                                      false,
		item(`"grants":[{"amount":1,"lasts":"never","priority":101}]`):                                         false,
		item(`"grants":[{"amount":1,"lasts":"never","at":"now"}]`):                                             false,
		item(`"rate":{"max":1,"per":"second","burst":1}`):                                                      true,
		item(`"rate":{"max":0,"per":"second"}`):                                                                false,
		item(`"rate":{"max":1,"per":"hour"}`):                                                                  false,
		item(`"rate":5`):                                                                                       false,
		item(`"unit_amount":1,"annual":9.5`):                                                                   true,
		item(`"interval":"once","fixed_charge":1`):                                                             true,
		item(`"tiers":[{"unit_amount":1,"annual":9,"flat_amount":0.5}],"tiers_mode":"package","package":1000`): true,
		item(`"tiers_mode":"flat"`):                                                                            false,
		item(`"package":0`):                                                                                    false,
		plan(`"archived":"true"`):                                                                              false,
		plan(`"ask_for_card":1`):                                                                               false,
		plan(`"trial":{}`):                                                                                     true,
		plan(`"trial":{"days":1,"then":"end"}`):                                                                true,
		plan(`"trial":{"days":"1"}`):                                                                           false,
		plan(`"trial":{"days":36501}`):                                                                         false,
		plan(`"trial":{"card_prompt_days":-1}`):                                                                false,
		plan(`"trial":{"then":"stop"}`):                                                                        false,
		plan(`"trial":null`):                                                                                   false,
		plan(`"items":[]`):                                                                                     true,
		plan(`"items":[{}]`):                                                                                   false,
		item(`"fixed_charge":0,"interval":"year"`):                                                             true,
		item(`"fixed_charge":-1`):                                                                              false,
		item(`"fixed_charge":1.5`):                                                                             false,
		item(`"fixed_charge":9007199254740991`):                                                                true,
		item(`"fixed_charge":9007199254740992`):                                                                false,
		item(`"interval":"none"`):                                                                              false,
		item(`"annual":1,"min":0,"max":1`):                                                                     true,
		item(`"max":null`):                                                                                     false,
		item(`"max":"5"`):                                                                                      false,
		item(`"limit":"soft","reset":"cycle"`):                                                                 true,
		item(`"limit":"none"`):                                                                                 false,
		item(`"over_limit":"block"`):                                                                           true,
		item(`"over_limit":"allow"`):                                                                           true,
		item(`"over_limit":"grace"`):                                                                           false,
		item(`"over_limit":{"grace":{"days":36500}}`):                                                          true,
		item(`"over_limit":{"grace":{"days":0}}`):                                                              false,
		item(`"over_limit":{"grace":{}}`):                                                                      false,
		item(`"over_limit":{"grace":7}`):                                                                       false,
		item(`"over_limit":{"block":true}`):                                                                    false,
		item(`"over_limit":[]`):                                                                                false,
		item(`"unit_amount":0.04`):                                                                             true,
		item(`"unit_amount":-0.04`):                                                                            false,
		item(`"unit_amount":"1"`):                                                                              false,
		item(`"unit_amount":9007199254740991.5`):                                                               false,
		item(`"tiers":[{"up_to":1,"unit_amount":0},{"unit_amount":0.5}]`):                                      true,
		item(`"tiers":[{"up_to":0,"unit_amount":0}]`):                                                          false,
		item(`"tiers":[{"up_to":1}]`):                                                                          false,
		item(`"tiers":{}`):                                                                                     false,
	} {
		if faults := Parse([]byte(src)).Faults; (len(faults) == 0) != good {
			t.Errorf("parser: %s: good is %v, faults are %v", src, good, faults)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); (err == nil) != good {
			t.Errorf("schema: %s: good is %v, error is %v", src, good, err)
		}
	}
}

func TestSchemaAcceptsExample(t *testing.T) {
	for _, file := range [][]byte{Example, []byte(shop)} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(FormatJSON(Parse(file).Spec)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compileSchema(t).Validate(doc); err != nil {
			t.Error(err)
		}
	}
}
