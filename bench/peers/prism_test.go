package main

import (
	"encoding/json"
	"testing"
)

func TestDescribe(t *testing.T) {
	const body = `{"code":"OK","entitlements":[{"id":"entitlement_1"}]}`
	text, err := describe([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var description struct {
		Paths map[string]struct {
			Get struct {
				Responses map[string]struct {
					Content map[string]struct {
						Examples map[string]struct{ Value json.RawMessage }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(text, &description); err != nil {
		t.Fatal(err)
	}
	examples := description.Paths["/api/v1/billing/entitlements"].Get.Responses["200"].Content["application/json"].Examples
	if got := string(examples[measured].Value); got != body {
		t.Errorf("the example is %q, want %q", got, body)
	}
	if len(examples) < 2 {
		t.Errorf("%d examples, want those of openapi.yaml too", len(examples))
	}
}
