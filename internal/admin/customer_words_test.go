package admin

import (
	"strings"
	"testing"

	"github.com/allot-dev/allot/api"
)

// Every reason has a sentence of its own. Those that a check gives are tested over a server;
// "held" is the answer to a confirm alone.
func TestEveryReasonIsSaid(t *testing.T) {
	n := names{features: map[string]api.Feature{"seats": {Code: "seats", Name: "Seats", Unit: "seat"}}}
	seen := map[string]string{}
	for _, reason := range []string{
		api.ReasonUnmetered, api.ReasonWithinLimit, api.ReasonUnlimited, api.ReasonOverSoftLimit, api.ReasonLimitReached, api.ReasonCapReached,
		api.ReasonPoolEmpty, api.ReasonHeld, api.ReasonOverageLimitReached, api.ReasonNotEntitled, api.ReasonSuspended,
	} {
		d := &api.Decision{Reason: reason, FeatureCode: "seats", Type: api.FeatureMetered, Used: "1", Held: "0", Allowed: true}
		out := n.say(d, "2", nil, nil)
		if out.Short == "" || !strings.HasSuffix(out.Answer, ".") || strings.Contains(out.Answer, reason) && reason != api.ReasonSuspended || seen[out.Answer] != "" {
			t.Errorf("%s: %q, as %q", reason, out.Answer, seen[out.Answer])
		}
		seen[out.Answer] = reason
	}
	if got := n.say(&api.Decision{Reason: api.ReasonHeld, FeatureCode: "seats"}, "2", nil, nil).Answer; got != "Yes. 2 seats were set aside by a hold before, and count in the window of the hold." {
		t.Errorf("held: %q", got)
	}
}

func TestBars(t *testing.T) {
	for _, c := range []struct {
		used, held  api.Decimal
		limit       int64
		want, wantH string
		level       string
	}{
		{"0", "0", 10, "0.00", "0.00", ""}, {"5", "1", 10, "50.00", "10.00", ""}, {"7", "1", 10, "70.00", "10.00", "near"}, {"10", "0", 10, "100.00", "0.00", "bad"},
		{"15", "5", 10, "75.00", "25.00", "bad"}, {"0", "0", 0, "100", "0", "bad"}, {"0.000001", "0", 9007199254740991, "0.00", "0.00", ""},
	} {
		b := newBar(c.used, c.held, c.limit, "")
		if b.Used != c.want || b.Held != c.wantH || b.Level != c.level {
			t.Errorf("%s and %s of %d: %+v", c.used, c.held, c.limit, *b)
		}
	}
}

func TestEvery(t *testing.T) {
	for in, want := range map[api.Interval]string{"hour": "an hour", "day": "a day", api.Every(5, "hour"): "every 5 hours", api.ResetNever: "in all", api.ResetCycle: "in each period"} {
		if got := every(in); got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}
