package prices

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/web"
)

// Per is how often something recurs: "a month", "each 5 hours", "once". It is "" of what
// does not recur.
func Per(interval api.Interval) string {
	n, unit := interval.Parts()
	switch unit {
	case "", api.CycleNone, api.ResetNever, api.ResetCycle:
		return ""
	case api.ChargeOnce:
		return "once"
	}
	if n != 1 {
		return "each " + web.Amount(strconv.FormatInt(n, 10), unit)
	}
	return article(unit) + " " + unit
}

// article is the indefinite one of a noun.
func article(noun string) string {
	if strings.HasPrefix(noun, "hour") || strings.ContainsAny(noun[:min(1, len(noun))], "aeioAEIO") {
		return "an"
	}
	return "a"
}

// isZero reports whether a decimal is 0; an absent one is.
func isZero(n json.Number) bool { return strings.Trim(n.String(), "0.") == "" }

// Value is what a config feature is set to. Of a flag it is "" and only what set reports.
func Value(v *api.ConfigValue) (text string, set bool) {
	switch {
	case v == nil:
		return "", false
	case v.Flag != nil:
		return "", *v.Flag
	case v.List != nil:
		return strings.Join(v.List, ", "), len(v.List) > 0
	case v.Number != "":
		return web.Number(v.Number.String()), true
	case v.Text == api.ConfigUnlimited:
		return "Unlimited", true
	}
	return v.Text, true
}

// Trial is what a trial is, "" of none.
func Trial(t *api.Trial) string {
	if t == nil {
		return ""
	}
	days := web.Amount(strconv.FormatInt(t.Days, 10), "day")
	if t.Then == api.TrialEnd {
		return days + " free, then it ends"
	}
	return days + " free, then it goes on"
}

// Quantity is how many of a plan may be bought, "" of one.
func Quantity(q *api.Quantity, noun string) string {
	if noun == "one" { // which is no noun of its own
		noun = ""
	}
	switch {
	case q == nil || q.Max != nil && *q.Max == 1:
		return ""
	case q.Max != nil:
		return fmt.Sprintf("for %s to %s", integer(least(q)), web.Amount(strconv.FormatInt(*q.Max, 10), noun))
	case least(q) > 1:
		return "from " + web.Amount(strconv.FormatInt(least(q), 10), noun)
	}
	return ""
}

func least(q *api.Quantity) int64 {
	if q.Min == nil {
		return 1
	}
	return *q.Min
}

func integer(n int64) string { return web.Number(strconv.FormatInt(n, 10)) }
