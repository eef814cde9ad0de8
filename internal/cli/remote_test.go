package cli

import "testing"

// A customer is named on the command line as in bodies and as in paths, wherever one is.
func TestCustomersAreNamedByCodes(t *testing.T) {
	for text, want := range map[name][2]string{
		"org_code=acme":     {"org_code", "acme"},
		"org_code:acme":     {"org_code", "acme"},
		"user_id:kp_1":      {"user_id", "kp_1"},
		"external_id=a:b=c": {"external_id", "a:b=c"},
		"external_id:a=b:c": {"external_id", "a=b:c"},
	} {
		if key, code, is := byCode(text); !is || [2]string{key, code} != want {
			t.Errorf("%s: %s, %s, %v", text, key, code, is)
		}
	}
	const id = "customer_01a202b2c50070008000000000000001"
	if key, code, is := byCode(id); is {
		t.Errorf("%s is no id, but %s %s", id, key, code)
	}
	if p := (&eventsCommand{Customer: "org_code=acme"}).params(); p.CustomerID != "org_code:acme" {
		t.Errorf("events are asked of %s", p.CustomerID)
	}
}
