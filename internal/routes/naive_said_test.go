package routes

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// said is the text of an answer to a success.
func (r *real) said(method, path string, status int, out map[string]any) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	last := parts[len(parts)-1]
	switch {
	case path == "/v1/customers", method == "GET" && len(parts) == 3:
		return fmt.Sprint(status) + " " + r.customer(out)
	case parts[1] == "agreements", last == "agreements" && parts[0] == "v1":
		return fmt.Sprint(status) + " " + changed(out)
	case last == "entitlements":
		return r.entitlements(out)
	case path == "/v1/check" && out["results"] != nil:
		var all []string
		for _, d := range out["results"].([]any) {
			d := d.(map[string]any)
			all = append(all, d["feature_code"].(string)+" "+r.decision(d))
		}
		return "200 " + strings.Join(all, " | ")
	case path == "/v1/check", path == "/v1/consume", path == "/v1/holds":
		return fmt.Sprint(status) + " " + r.decision(out)
	case last == "confirm":
		return "200 " + confirmed(out)
	case path == "/v1/usage":
		return "200 " + recorded(out)
	}
	return "ok"
}

func or(v any, absent string) string {
	if v == nil || v == "" {
		return absent
	}
	if text, ok := v.(string); ok {
		return text
	}
	return fmt.Sprint(v)
}

func (r *real) customer(out map[string]any) string {
	state := or(out["status"], "-")
	if out["deleted_on"] != nil {
		state = "deleted"
	}
	text := "customer " + state + " " + or(out["time_zone"], "UTC") + " " + or(out["anchor_on"], "-")
	for _, a := range agreementsOf(out) {
		if a["status"] != "ended" {
			text += " | " + agreementText(a)
		}
	}
	return text
}

func agreementText(a map[string]any) string {
	annual := "-"
	if a["annual"] == true {
		annual = "annual"
	}
	return fmt.Sprintf("agreement %s v%v x%v %s %s %s %s %s %s %s..%s %s", a["plan_code"], a["version"], a["quantity"], annual, or(a["origin"], "-"),
		a["starts_on"], or(a["expires_on"], "-"), or(a["trial_ends_on"], "-"), or(a["anchor_on"], "-"),
		or(a["current_period_start"], "-"), or(a["current_period_end"], "-"), a["status"])
}

// changed is an agreement with what came of the others.
func changed(out map[string]any) string {
	text := agreementText(out)
	warnings, _ := out["warnings"].([]any)
	for _, w := range warnings {
		if w.(map[string]any)["code"] == "STARTS_IN_PAST" {
			text += " warnings: STARTS_IN_PAST"
		}
	}
	if withdrawn, _ := out["withdrawn"].([]any); len(withdrawn) > 0 {
		text += fmt.Sprintf(" withdrawn: %d", len(withdrawn))
	}
	return text
}

func (r *real) decision(d map[string]any) string {
	text := fmt.Sprintf("%v %s", d["allowed"], d["reason"])
	next := " next=" + nextText(d)
	switch d["reason"] {
	case "suspended":
		return text
	case "not_entitled":
		return text + next
	case "unmetered":
		return text + next + " " + sourcesText(d)
	}
	return text + " " + standing(d) + next + " " + sourcesText(d)
}

func standing(d map[string]any) string {
	return fmt.Sprintf("limit=%s used=%s held=%s remaining=%s soft=%v resets=%s",
		or(d["limit"], "null"), d["used"], d["held"], or(d["remaining"], "null"), d["soft"], or(d["resets_on"], "-"))
}

func nextText(d map[string]any) string {
	n, ok := d["next_change"].(map[string]any)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%s(%s)", n["on"], n["why"])
}

var kindsOfSources = []string{"plan", "add_on", "override"}

func sourcesText(d map[string]any) string {
	type source struct {
		kind int
		text string
	}
	var all []source
	list, _ := d["sources"].([]any)
	for _, s := range list {
		s := s.(map[string]any)
		all = append(all, source{slices.Index(kindsOfSources, s["kind"].(string)),
			fmt.Sprintf("%s %s %s", s["kind"], or(s["plan_code"], "-"), or(s["max"], "null"))})
	}
	slices.SortFunc(all, func(a, b source) int {
		if a.kind != b.kind {
			return a.kind - b.kind
		}
		return strings.Compare(a.text, b.text)
	})
	var texts []string
	for _, s := range all {
		texts = append(texts, s.text)
	}
	return "sources=[" + strings.Join(texts, ",") + "]"
}

func (r *real) entitlements(out map[string]any) string {
	var all []string
	list, _ := out["entitlements"].([]any)
	for _, e := range list {
		e := e.(map[string]any)
		switch e["type"] {
		case "charge":
		case "metered":
			all = append(all, fmt.Sprintf("%s %s next=%s %s", e["feature_code"], standing(e), nextText(e), sourcesText(e)))
		default:
			all = append(all, fmt.Sprintf("%s next=%s %s", e["feature_code"], nextText(e), sourcesText(e)))
		}
	}
	slices.Sort(all)
	if len(all) == 0 {
		return "200"
	}
	return "200 " + strings.Join(all, " | ")
}

func confirmed(d map[string]any) string {
	if d["reason"] != "held" || d["limit"] == nil && d["remaining"] != nil {
		text, _ := json.Marshal(d)
		return "not a confirm: " + string(text)
	}
	if sources, _ := d["sources"].([]any); len(sources) == 0 { // not held any more
		return fmt.Sprintf("%v held used=%s held=%s resets=%s", d["allowed"], d["used"], d["held"], or(d["resets_on"], "-"))
	}
	return fmt.Sprintf("%v held %s", d["allowed"], standing(d))
}

func recorded(out map[string]any) string {
	var all []string
	list, _ := out["results"].([]any)
	for _, res := range list {
		res := res.(map[string]any)
		text := res["status"].(string)
		if res["superseded"] == true {
			text += " superseded"
		}
		if e, ok := res["error"].(map[string]any); ok {
			if text == "failed" {
				text += " " + e["code"].(string)
			} else {
				text += " error"
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
