package naive

import (
	"strings"
	"testing"
)

// casesCatalog is the catalog of the cases, as JSON.
const casesCatalog = `{"currency":"usd","features":[{"code":"base","name":"Base price","type":"charge"},{"code":"seats","name":"Seats","type":"metered","unit":"seat","reset":"never"},{"code":"api","name":"API calls","type":"metered","unit":"call"},{"code":"daily","name":"Daily runs","type":"metered","unit":"run","reset":"day"},{"code":"proj","name":"Projects","type":"metered","unit":"project"}],` +
	`"plan_groups":[{"code":"teams","name":"Teams","customer_type":"organization","default":true}],"plans":[` +
	`{"code":"free","name":"Free","group":"teams","status":"published","items":[{"feature":"api","max":100},{"feature":"seats","max":3},{"feature":"proj","max":5,"reset":"month"}]},` +
	`{"code":"pro","name":"Pro","group":"teams","status":"published","items":[{"feature":"base","fixed_charge":2500,"annual":25000},{"feature":"api","max":1500},{"feature":"seats","max":100},{"feature":"proj","max":10,"reset":"never"}]},` +
	`{"code":"unlim","name":"Unlimited","group":"teams","status":"published","items":[{"feature":"api"},{"feature":"seats"}]},` +
	`{"code":"yearly","name":"Yearly","group":"teams","status":"published","cycle":"year","items":[{"feature":"api","max":6000},{"feature":"seats","max":10}]},` +
	`{"code":"tri","name":"Trial converts","group":"teams","status":"published","trial":{"days":14,"then":"convert"},"items":[{"feature":"base","fixed_charge":2500},{"feature":"api","max":500}]},` +
	`{"code":"trie","name":"Trial ends","group":"teams","status":"published","trial":{"days":14,"then":"end"},"items":[{"feature":"base","fixed_charge":2500},{"feature":"api","max":500}]},` +
	`{"code":"wk","name":"Weekly","group":"teams","status":"published","cycle":"week","trial":{"days":30},"items":[{"feature":"api","max":20}]},` +
	`{"code":"extra","name":"Extra seats","group":"teams","kind":"add_on","status":"published","items":[{"feature":"seats","max":5}]}]}`

// run runs a script. A line that begins with "=" is what the answer to the line
// before has in it; "!" what it has not; a line beginning with "N*" is run N times.
func run(t *testing.T, script string) {
	t.Helper()
	m := New()
	m.Do("PUT /v1/catalog " + casesCatalog)
	answer := ""
	for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case line[0] == '=':
			if want := strings.TrimSpace(line[1:]); !strings.Contains(answer, want) {
				t.Errorf("answer %q\n\thas no %q", answer, want)
			}
		case line[0] == '!':
			if not := strings.TrimSpace(line[1:]); strings.Contains(answer, not) {
				t.Errorf("answer %q\n\thas %q", answer, not)
			}
		case strings.HasPrefix(line, "9* "):
			for range 9 {
				answer = m.Do(line[3:])
			}
		default:
			answer = m.Do(line)
		}
	}
}

func rec(value string) string {
	return `POST /v1/usage {"records":[{"customer_id":"$a","feature_code":"api","value":"` + value + `"}]}` + "\n"
}

const checkAPI = `POST /v1/check {"customer_id":"$a","feature_code":"api"}` + "\n"

func customer(plan string) string {
	return `a = POST /v1/customers {"type":"organization","plan_code":"` + plan + `"}` + "\n= 201 customer active\n"
}

const none = `a = POST /v1/customers {"type":"organization"}` + "\n"

func sub(label, fields string) string {
	return label + ` = POST /v1/customers/$a/agreements {` + fields + "}\n"
}

// TestTerms has the rows of cases/terms.md that the language can say.
func TestTerms(t *testing.T) {
	changed := "PUT /v1/catalog " + strings.Replace(casesCatalog, `{"feature":"api","max":1500}`, `{"feature":"api","max":1600}`, 1) + "\n"
	ends := "PUT /v1/catalog " + strings.Replace(casesCatalog, `"trial":{"days":14,"then":"convert"}`, `"trial":{"days":14,"then":"end"}`, 1) + "\n"
	allow := "PUT /v1/catalog " + strings.Replace(casesCatalog, `{"feature":"seats","max":3}`, `{"feature":"seats","max":3,"over_limit":"allow"}`, 1) + "\n"
	january := `{"customer_id":"$a","feature_code":"api","value":"999999999999","timestamp":"@2027-01-20T00:00:00Z"}`
	february := strings.ReplaceAll(january, "01-20", "02-20")
	five := func(r string) string {
		return `POST /v1/usage {"records":[` + strings.Join([]string{r, r, r, r, r}, ",") + "]}\n= 200 recorded; recorded; recorded; recorded; recorded\n"
	}
	crowded := none + sub("A1", `"plan_code":"unlim","starts_on":"@2027-01-15T00:00:00Z"`) + "= warnings: STARTS_IN_PAST\nclock +2592000\n" +
		five(january) + five(february) + sub("A2", `"plan_code":"yearly","anchor":"keep"`) + "= 201\n" + checkAPI +
		"= false limit_reached limit=6000 used=9223372036854.775807\n"
	for name, script := range map[string]string{
		"1": customer("unlim") + "9* " + rec("999999999999") + "= recorded\n" + rec("100000000000") + "= failed VALUE_INVALID\n" + rec("999999999999") + "= failed\n" + rec("-1") + "= recorded",
		"2": crowded,
		"3": crowded + "b = POST /v1/customers {\"type\":\"organization\",\"plan_code\":\"free\"}\n" +
			`POST /v1/usage {"records":[{"id":"x","customer_id":"$b","feature_code":"api","value":"1"},` + january + "]}\n= 200 recorded; \n" +
			`POST /v1/usage {"records":[{"id":"x","customer_id":"$b","feature_code":"api","value":"1"},` + january + "]}\n= 200 duplicate; \n",
		"4": customer("unlim") + `9* H = POST /v1/holds {"customer_id":"$a","feature_code":"api","units":"999999999999","expires_in":3600}` + "\n= 201 true unlimited\n" +
			"9* " + rec("999999999999") + "= recorded\n" + `PUT /v1/customers/$a/overrides/api {"max":5}` + "\n" + checkAPI + "= false limit_reached\n= remaining=0 \n" +
			`POST /v1/consume {"customer_id":"$a","feature_code":"api"}` + "\n= false limit_reached",
		"5": customer("pro") + sub("A1", `"plan_code":"pro","annual":true,"when":"period_end"`) + "= v1 x1 annual - 2027-02-28T10:30:00Z\n" + changed +
			"POST /v1/plans/pro/migrate {}\n= ok\nGET /v1/customers/$a\n= agreement pro v2 x1 annual - 2027-02-28T10:30:00Z\n= agreement pro v2 x1 - - 2027-01-31T10:30:00Z 2027-02-28T10:30:00Z",
		"6": customer("pro") + sub("A1", `"plan_code":"pro","annual":true`) + "= 201\nDELETE /v1/agreements/$A1?when=period_end\n= 2027-01-31T10:30:00Z 2028-01-31T10:30:00Z - 2027-01-31T10:30:00Z 2027-01-31T10:30:00Z..2028-01-31T10:30:00Z live",
		"7": none + sub("A1", `"plan_code":"tri"`) + "= 2027-01-31T10:30:00Z - 2027-02-14T10:30:00Z\nclock +86400\nDELETE /v1/agreements/$A1?when=period_end\n= 2027-01-31T10:30:00Z 2027-02-14T10:30:00Z 2027-02-14T10:30:00Z",
		"8": customer("pro") + "DELETE /v1/agreements/$a.live?when=period_end\n" + sub("A1", `"plan_code":"pro","starts_on":"@+15552000"`) + "= 201\n= scheduled\nclock +5000000\n" +
			checkAPI + "= false not_entitled next=2027-07-30T10:30:00Z(scheduled_change)\nclock +10552000\n" + checkAPI + "= true within_limit limit=1500",
		"9": none + sub("A1", `"plan_code":"tri"`) + ends + "POST /v1/plans/tri/migrate {}\n" + sub("A2", `"plan_code":"tri"`) + "= 200 agreement tri v2 x1 - - 2027-01-31T10:30:00Z - 2027-02-14T10:30:00Z\nGET /v1/customers/$a\n= tri v2",
		"11": none + sub("A1", `"plan_code":"pro","starts_on":"@2027-03-01T00:00:00Z"`) + "= 2027-03-01T00:00:00Z\nDELETE /v1/agreements/$A1\n= ended\n" + sub("A2", `"plan_code":"pro"`) +
			"= 201\nGET /v1/customers/$a\n= customer active UTC 2027-01-31T10:30:00Z |",
		"12": allow + "= 400 CATALOG_INVALID",
		"13": customer("pro") + "clock +86400\n" + rec("1500") + "clock +15552000\n" + sub("A2", `"plan_code":"yearly"`) + "= 2027-07-31T10:30:00Z - - 2027-07-31T10:30:00Z 2027-07-31T10:30:00Z..2028-07-31T10:30:00Z\n" +
			checkAPI + "= limit=6000 used=0",
		"14": customer("free") + `PUT /v1/customers/$a/overrides/api {"max":200}` + "\n" + sub("A1", `"plan_code":"pro"`) + checkAPI + "= limit=200\n" +
			`PUT /v1/customers/$a/overrides/api {"at_least":200}` + "\n" + checkAPI + "= limit=1500",
		"15": customer("free") + sub("A1", `"plan_code":"extra"`) + "= 201\n" + sub("A2", `"plan_code":"extra"`) + "= 200 agreement extra v1 x1\n" + sub("A3", `"plan_code":"extra","quantity":2`) + "= 201 agreement extra v1 x2\n" +
			`POST /v1/check {"customer_id":"$a","feature_code":"seats"}` + "\n= limit=13 ",
		"16": none + sub("A1", `"plan_code":"pro","starts_on":"@-2"`) + "= 201 agreement pro v1 x1 - - 2027-01-31T10:30:00Z\n! warnings",
		"17": customer("pro") + `POST /v1/usage {"records":[{"customer_id":"$a","feature_code":"api","value":"1","timestamp":"@1970-01-01T00:00:00Z"}]}` + "\n= failed TIMESTAMP_INVALID",
		"18": none + sub("A1", `"plan_code":"pro","starts_on":"@2027-03-01T00:00:00Z"`) + sub("A2", `"plan_code":"unlim","starts_on":"@2027-06-01T00:00:00Z"`) + "= 201\n! withdrawn\nGET /v1/customers/$a\n= | agreement pro v1 x1 - - 2027-03-01T00:00:00Z 2027-06-01T00:00:00Z\n= | agreement unlim",
	} {
		t.Run(name, func(t *testing.T) { run(t, script) })
	}
}
