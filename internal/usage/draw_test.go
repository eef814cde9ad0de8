package usage_test

import (
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/usage"
)

func window(from, to int64) (w billing.Window) {
	if from != 0 {
		w.Start = time.UnixMicro(from).UTC()
	}
	if to != 0 {
		w.End = time.UnixMicro(to).UTC()
	}
	return w
}

func TestSourcesOfWindows(t *testing.T) {
	for _, test := range []struct {
		w    billing.Window
		want string
	}{
		{window(0, 0), "/"}, {window(5, 0), "5/"}, {window(0, 7), "/7"}, {window(-5, 1_700_000_000_000_000), "-5/1700000000000000"},
	} {
		source, sum := usage.SourceID("window/"+test.want), usage.ElsewhereSum(test.w)
		if sum != usage.SourceID("elsewhere/"+test.want) {
			t.Errorf("%v: %s", test.w, sum)
		}
		if got, ok := sum.Elsewhere(); !ok || got != test.w {
			t.Errorf("%s is read as %v, %t", sum, got, ok)
		}
		if _, ok := source.Elsewhere(); ok || source.IsSum() || !sum.IsSum() {
			t.Errorf("%s is a sum, or %s is none", source, sum)
		}
	}
	for _, text := range []usage.SourceID{"", "elsewhere", "elsewhere/", "elsewhere/5", "elsewhere/5/6/7", "elsewhere/05/6", "elsewhere/+5/6", "elsewhere/x/6", "grant_5/6"} {
		if w, ok := text.Elsewhere(); ok {
			t.Errorf("%q is read as %v", text, w)
		}
	}
	if grant, ok := usage.PaysSum("grant_a").Paid(); !ok || grant != "grant_a" {
		t.Errorf("the payments of %s", grant)
	}
	if _, ok := usage.SourceID("grant_a").Paid(); ok {
		t.Error("a grant is a sum of payments")
	}
	uses := usage.UsesSum(billing.Window{Span: calendar.Span{Start: time.UnixMicro(1)}}, "0.000003")
	if uses != "uses/1//0.000003" || !uses.IsSum() || !uses.IsUses() || usage.PaysSum("grant_a") != "pays/grant_a" || !usage.PaysSum("x").IsSum() {
		t.Errorf("uses are %s, payments %s", uses, usage.PaysSum("grant_a"))
	}
}
