package naive

import (
	"strings"
	"testing"
)

// TestRules has what is promised beyond the cases.
func TestRules(t *testing.T) {
	with := func(old, new string) string {
		return "PUT /v1/catalog " + strings.Replace(casesCatalog, old, new, 1) + "\n= ok\n"
	}
	fallback := with(`"default":true}`, `"default":true,"fallback":"free"}`)
	graced := with(`{"feature":"api","max":100}`, `{"feature":"api","max":100,"over_limit":{"grace":{"days":3}}}`)
	allowed := with(`{"feature":"api","max":100}`, `{"feature":"api","max":100,"over_limit":"allow"}`)
	hold := func(n string) string {
		return `H` + n + ` = POST /v1/holds {"customer_id":"$a","feature_code":"api","units":"` + n + `","expires_in":3600}` + "\n= 201\n"
	}
	for name, script := range map[string]string{
		"fallback at a scheduled end": fallback + customer("pro") + "DELETE /v1/agreements/$a.live?when=period_end\n= 2027-02-28T10:30:00Z\nGET /v1/customers/$a\n= | agreement free v1 x1 - fallback 2027-02-28T10:30:00Z - - 2027-01-31T10:30:00Z 2027-02-28T10:30:00Z..2027-03-31T10:30:00Z scheduled\n" +
			checkAPI + "= next=2027-02-28T10:30:00Z(plan_ends)\nPOST /v1/agreements/$a.live/resume\n= withdrawn: 1\nGET /v1/customers/$a\n! fallback",
		"fallback now":         fallback + customer("pro") + "DELETE /v1/agreements/$a.live\n= ended\nGET /v1/customers/$a\n= | agreement free v1 x1 - fallback 2027-01-31T10:30:00Z",
		"fallback of old":      customer("pro") + "DELETE /v1/agreements/$a.live?when=period_end\n" + fallback + "GET /v1/customers/$a\n! fallback",
		"fallback gives way":   fallback + customer("pro") + "DELETE /v1/agreements/$a.live?when=period_end\n" + sub("A", `"plan_code":"unlim"`) + "GET /v1/customers/$a\n! fallback",
		"trial ends, fallback": fallback + none + sub("A", `"plan_code":"trie"`) + "= 2027-02-14T10:30:00Z 2027-02-14T10:30:00Z\nclock +1209600\nGET /v1/customers/$a\n= UTC 2027-01-31T10:30:00Z | agreement free v1 x1 - fallback 2027-02-14T10:30:00Z",
		"grace": graced + customer("pro") + rec("150") + "clock +60\n" + sub("A", `"plan_code":"free"`) + checkAPI +
			"= true within_limit limit=1500 used=150 held=0 remaining=1350 soft=false resets=2027-02-28T10:30:00Z next=2027-02-03T10:31:00Z(grace_ends) sources=[plan free 100]\n" +
			rec("-50") + checkAPI + "= false limit_reached limit=100 used=100 held=0 remaining=0 soft=false resets=2027-02-28T10:30:00Z next=- \n" + rec("1") + checkAPI + "= limit=1500\nclock +259199\n" + checkAPI + "= limit=1500\nclock +1\n" + checkAPI + "= limit=100",
		"no grace for who was not over": graced + customer("pro") + rec("50") + "clock +60\n" + sub("A", `"plan_code":"free"`) + rec("60") + checkAPI + "= false limit_reached limit=100 used=110",
		"grace by an open hold":         graced + customer("pro") + rec("50") + hold("70") + "clock +60\n" + sub("A", `"plan_code":"free"`) + checkAPI + "= limit=1500 used=50 held=70\nPOST /v1/holds/$H70/release\n= ok\n" + checkAPI + "= limit=100 used=50 held=0",
		"allow until the window resets": allowed + customer("pro") + rec("150") + "clock +60\n" + sub("A", `"plan_code":"free"`) + checkAPI + "= true within_limit limit=1500 used=150 held=0 remaining=1350 soft=false resets=2027-02-28T10:30:00Z next=2027-02-28T10:30:00Z(grace_ends) \nclock +2419140\n" + checkAPI + "= limit=100 used=0",
		"trial is kept":                 none + sub("A", `"plan_code":"tri"`) + "clock +86400\n" + sub("B", `"plan_code":"pro"`) + "= 2027-02-14T10:30:00Z 2027-01-31T10:30:00Z 2027-02-01T10:30:00Z..2027-02-14T10:30:00Z live\n",
		"trial that ends is not kept":   none + sub("A", `"plan_code":"trie"`) + "clock +86400\n" + sub("B", `"plan_code":"pro"`) + "= 2027-02-01T10:30:00Z - - 2027-01-31T10:30:00Z 2027-01-31T10:30:00Z..2027-02-28T10:30:00Z live\n",
		"trial moves its phases": none + sub("A", `"plan_code":"tri"`) + sub("B", `"plan_code":"pro","when":"period_end"`) + "= 2027-02-14T10:30:00Z - - \n" +
			`PATCH /v1/agreements/$A {"trial_ends_on":"@2027-02-20T00:00:00Z"}` + "\n= 2027-02-20T00:00:00Z 2027-02-20T00:00:00Z\nGET /v1/customers/$a\n= agreement pro v1 x1 - - 2027-02-20T00:00:00Z - -",
		"trial asked for twice":     none + sub("A", `"plan_code":"tri"`) + sub("B", `"plan_code":"tri","trial":{"days":3}`) + "= 400 TRIAL_INVALID\nDELETE /v1/agreements/$A\nclock +60\n" + sub("B", `"plan_code":"wk","trial":{"days":3}`) + "= 400 TRIAL_INVALID",
		"add-ons end with the plan": customer("pro") + sub("X", `"plan_code":"extra"`) + "= 201\nDELETE /v1/agreements/$a.live?when=period_end\nGET /v1/customers/$a\n= agreement extra v1 x1 - - 2027-01-31T10:30:00Z 2027-02-28T10:30:00Z",
		"kinde takes an end back":   customer("pro") + "DELETE /v1/agreements/$a.live?when=period_end\n" + `POST /api/v1/billing/agreements {"customer_id":"$a","plan_code":"pro"}` + "\n= ok\nGET /v1/customers/$a\n= agreement pro v1 x1 - - 2027-01-31T10:30:00Z - -",
		"confirm": customer("pro") + hold("10") + "= held=10 remaining=1490\n" + `POST /v1/holds/$H10/confirm {"units":"12"}` + "\n= 400 UNITS_INVALID\n" + `POST /v1/holds/$H10/confirm {"units":"2000","over":"available"}` + "\n= 200 true held limit=1500 used=1500 held=0 remaining=0\n" +
			`POST /v1/holds/$H10/confirm {"units":"2000","over":"available"}` + "\n= 200 true held\nPOST /v1/holds/$H10/release\n= 409 HOLD_CONFIRMED",
		"a hold expires": customer("pro") + hold("10") + "clock +3600\n" + checkAPI + "= held=0\nPOST /v1/holds/$H10/confirm {}\n= 409 HOLD_EXPIRED",
		"absolute": customer("pro") + rec("5") + `POST /v1/usage {"records":[{"customer_id":"$a","feature_code":"api","value":"3","type":"absolute"},{"customer_id":"$a","feature_code":"api","value":"9","type":"absolute","timestamp":"@-0.5"}]}` + "\n= 200 recorded; failed TIMESTAMP_INVALID\nclock +9\n" +
			`POST /v1/usage {"records":[{"customer_id":"$a","feature_code":"api","value":"9","type":"absolute","timestamp":"@-9"},{"customer_id":"$a","feature_code":"api","value":"1"}]}` + "\n= 200 recorded; recorded\n" + checkAPI + "= used=10 ",
		"superseded":          customer("pro") + "clock +9\n" + rec("1") + `POST /v1/usage {"records":[{"customer_id":"$a","feature_code":"api","value":"7","type":"absolute"},{"customer_id":"$a","feature_code":"api","value":"3","type":"absolute","timestamp":"@-5"}]}` + "\n= 200 recorded; recorded superseded\n" + checkAPI + "= used=7 ",
		"corrections go last": customer("pro") + `POST /v1/usage {"records":[{"id":"1","customer_id":"$a","feature_code":"api","value":"-1"},{"id":"2","customer_id":"$a","feature_code":"api","value":"2"},{"id":"2","customer_id":"$a","feature_code":"api","value":"3"}]}` + "\n= 200 recorded; recorded; duplicate error\n" + checkAPI + "= used=1 ",
		"merge":               customer("free") + sub("X", `"plan_code":"extra","quantity":2`) + `PUT /v1/customers/$a/overrides/seats {"max":1,"add":2}` + "\n" + `POST /v1/check {"customer_id":"$a","feature_code":"seats"}` + "\n= limit=13 used=0 held=0 remaining=13 soft=false resets=- next=- sources=[plan free 3,add_on extra 10,override - 3]",
		"deny":                customer("free") + `PUT /v1/customers/$a/overrides/api {"deny":true,"expires_on":"@+60"}` + "\n" + checkAPI + "= false not_entitled next=2027-01-31T10:31:00Z(override_expires)\nclock +60\n" + checkAPI + "= true",
		"suspended":           customer("free") + `PATCH /v1/customers/$a {"status":"suspended"}` + "\n" + checkAPI + "= 200 false suspended\n" + rec("1") + "= recorded",
		"the past": customer("pro") + rec("5") + "clock +3600\n" + rec("7") + "DELETE /v1/agreements/$a.live?when=period_end\n" + `POST /v1/usage {"records":[{"customer_id":"$a","feature_code":"api","value":"2","timestamp":"@-1800"}]}` + "\n" +
			"GET /v1/customers/$a/entitlements?at=@-60\n= api limit=1500 used=5 held=0 remaining=1495 soft=false resets=2027-02-28T10:30:00Z next=- \nGET /v1/customers/$a/entitlements?at=@-60&known=now\n= api limit=1500 used=7 held=0 remaining=1493 soft=false resets=2027-02-28T10:30:00Z next=2027-02-28T10:30:00Z(plan_ends)\n" +
			"GET /v1/customers/$a/entitlements?at=@2027-02-28T10:30:00Z\n! api",
		"an import was always there": none + "clock +864000\n" + sub("A", `"plan_code":"tri","starts_on":"@-800000","import":true`) + "= 201 agreement tri v1 x1 - import 2027-02-01T04:16:40Z - -\n! warnings\nGET /v1/customers/$a/entitlements?at=@-60\n= api limit=500",
		"not an import":              none + "clock +864000\n" + sub("A", `"plan_code":"pro","starts_on":"@-800000"`) + "= warnings: STARTS_IN_PAST\nGET /v1/customers/$a/entitlements?at=@-60\n! api\nGET /v1/customers/$a/entitlements?at=@-60&known=now\n= api limit=1500",
		"deleted":                    customer("pro") + "clock +60\nDELETE /v1/customers/$a\n= ok\n" + checkAPI + "= false not_entitled\nGET /v1/customers/$a\n= 200 customer deleted UTC 2027-01-31T10:30:00Z\nGET /v1/customers/$a/entitlements\n! api",
		"same plan at period end":    customer("pro") + sub("A", `"plan_code":"pro","annual":true,"when":"period_end"`) + "= 201\n" + sub("B", `"plan_code":"pro","annual":true,"when":"period_end"`) + "= 200\n" + sub("C", `"plan_code":"free","when":"period_end"`) + "= 201\n= withdrawn: 1",
		"expires_on alone":           customer("pro") + sub("A", `"plan_code":"pro","expires_on":"@+60"`) + "= 200 agreement pro v1 x1 - - 2027-01-31T10:30:00Z 2027-01-31T10:31:00Z",
	} {
		t.Run(name, func(t *testing.T) { run(t, script) })
	}
}
