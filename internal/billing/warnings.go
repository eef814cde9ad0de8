package billing

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The codes of the warnings.
const (
	warnScheduledKept        = "SCHEDULED_KEPT"        // phases that stay after a cancellation or a resumption
	warnScheduledWithdrawn   = "SCHEDULED_WITHDRAWN"   // agreements that were to begin, and will not
	warnEndTakenBack         = "END_TAKEN_BACK"        // by Kinde's rule
	warnEndKept              = "END_KEPT"              // the new agreement ends when the one before it would have
	warnStartsInPast         = "STARTS_IN_PAST"        // and is no import
	warnAddOnEnds            = "ADD_ON_ENDS"           // with the plan beside it
	warnOverrideHidesPlan    = "OVERRIDE_HIDES_PLAN"   // its max is smaller than what the plan gives
	warnOverrideWithoutPlan  = "OVERRIDE_WITHOUT_PLAN" // it counts only beside one
	warnOverrideJoined       = "OVERRIDE_JOINED"       // the value in force is not the one that it says
	warnOverrideIdle         = "OVERRIDE_IDLE"         // it adds to what has no limit
	warnExternalIDLeftBehind = "EXTERNAL_ID_LEFT"      // the agreement that is replaced keeps it
	warnGrantsMany           = "GRANTS_MANY"           // soon no more can be made
	warnGrantOver            = "GRANT_OVER"            // its life is over; only usage of then draws from it
	warnGrantVoided          = "GRANT_VOIDED"          // what was asked for again was taken back since
	warnGrantIdle            = "GRANT_IDLE"            // nothing can use it
)

// The codes of what applying a catalog warns of.
const (
	warnPlansResetDifferently  = "PLANS_RESET_DIFFERENTLY"  // who changes between them begins another window
	warnCycleNone              = "CYCLE_NONE"               // so what resets with it never does
	warnAddOnLiftsLimit        = "ADD_ON_LIFTS_LIMIT"       // it has no max for what plans limit
	warnAddOnRhythm            = "ADD_ON_RHYTHM"            // it resets otherwise than the plan beside it
	warnPlanWithoutPrice       = "PLAN_WITHOUT_PRICE"       // and is not said to be free
	warnPriceHidden            = "PRICE_HIDDEN"             // amounts on a plan with price
	warnFallbackCosts          = "FALLBACK_COSTS"           // who cancels another plan pays
	warnEndsWithoutFallback    = "ENDS_WITHOUT_FALLBACK"    // were set before there was one
	warnAnnualDearer           = "ANNUAL_DEARER"            // a year at once costs more than by parts
	warnLimitWithoutMax        = "LIMIT_WITHOUT_MAX"        // limit or over_limit say nothing there
	warnLimitLarge             = "LIMIT_LARGE"              // some of Kinde's clients cannot read it
	warnAllowForGood           = "ALLOW_FOR_GOOD"           // over_limit: allow on what never resets
	warnIncludedAboveMax       = "INCLUDED_ABOVE_MAX"       // use stops before
	warnCapNeverBinds          = "CAP_NEVER_BINDS"          // max is no more in the same windows
	warnThresholdsWithoutLimit = "THRESHOLDS_WITHOUT_LIMIT" // they are percents of nothing
	warnGrantsUnused           = "GRANTS_UNUSED"            // an unlimited allowance pays for all
	warnTermWithoutCycle       = "TERM_WITHOUT_CYCLE"       // what is granted with each term comes once
	warnPoolMissing            = "POOL_MISSING"             // the plan burns what it has not
	warnBurnsAsBefore          = "BURNS_AS_BEFORE"          // plans that are not in the file go on
	warnExtendsNoMore          = "EXTENDS_NO_MORE"          // a plan that is not in the file keeps its items
)

// catalogWarnings are those of the codes that applying a catalog warns with.
var catalogWarnings = []string{
	warnPlansResetDifferently, warnCycleNone, warnAddOnLiftsLimit, warnAddOnRhythm, warnPlanWithoutPrice, warnPriceHidden,
	warnFallbackCosts, warnEndsWithoutFallback, warnAnnualDearer, warnLimitWithoutMax, warnLimitLarge, warnAllowForGood,
	warnIncludedAboveMax, warnCapNeverBinds, warnThresholdsWithoutLimit, warnGrantsUnused, warnTermWithoutCycle,
	warnPoolMissing, warnBurnsAsBefore, warnExtendsNoMore,
}

var warningCodes = slices.Concat(catalogWarnings, []string{
	warnScheduledKept, warnScheduledWithdrawn, warnEndTakenBack, warnEndKept, warnStartsInPast, warnAddOnEnds, warnOverrideHidesPlan,
	warnOverrideWithoutPlan, warnOverrideJoined, warnOverrideIdle, warnExternalIDLeftBehind, warnGrantsMany, warnGrantOver, warnGrantVoided,
	warnGrantIdle,
})

func warning(code, format string, args ...any) Warning {
	return Warning{Code: code, Message: fmt.Sprintf(format, args...)}
}

// EndsWithoutFallback warns of the ends that customers of a group have since before it had
// this fallback. Of more than most customers it is not said how many they are.
func EndsWithoutFallback(customers, most int, group, fallback Code) Warning {
	count := "1 customer of group %s has"
	switch {
	case customers > most:
		count = fmt.Sprintf("more than %d customers of group %%s have", most)
	case customers > 1:
		count = fmt.Sprintf("%d customers of group %%s have", customers)
	}
	return warning(warnEndsWithoutFallback, count+" an end and no fallback; %s counts for ends that are set from now on", group, fallback)
}

// outcome is what came of a change, once it is settled, with the warnings that
// follow from the difference.
func (b *Book) outcome(a AgreementAt, warnings ...Warning) Outcome {
	out := Outcome{Agreement: a, Made: b.index(a.ID) >= 0 && b.isNew(a.ID), Warnings: warnings}
	var gone []string
	for _, w := range b.diff.Withdrawn {
		out.Withdrawn = append(out.Withdrawn, w.ID)
		if w.ID != a.ID {
			gone = append(gone, phase(&w))
		}
	}
	if len(gone) > 0 {
		out.Warnings = append(out.Warnings, warning(warnScheduledWithdrawn, "withdrawn: %s", strings.Join(gone, ", ")))
	}
	for i := range b.Agreements {
		addOn := &b.Agreements[i]
		if addOn.Kind == KindAddOn && !addOn.ExpiresOn.IsZero() && !addOn.ExpiresOn.Equal(addOn.OwnEnd) && b.endedAnew(addOn) {
			out.Warnings = append(out.Warnings, warning(warnAddOnEnds, "the add-on %s (%s) ends with the plan, on %s",
				addOn.Plan, addOn.ID, addOn.ExpiresOn.Format(time.RFC3339Nano)))
		}
	}
	return out
}

// endedAnew reports whether the end of an agreement follows, since the book was
// opened, from that of the plans.
func (b *Book) endedAnew(a *Agreement) bool {
	for _, other := range b.Agreements {
		if other.slot() == a.slot() && other.StartsOn.Equal(a.ExpiresOn) {
			return false // from the next in its place
		}
	}
	old := b.storedAgreement(a.ID)
	return old == nil || !old.ExpiresOn.Equal(a.ExpiresOn)
}

// phase names an agreement that is to begin.
func phase(a *Agreement) string {
	return fmt.Sprintf("%s from %s (%s)", a.Plan, a.StartsOn.Format(time.RFC3339Nano), a.ID)
}

// keptWarning names what is still scheduled in a slot, but for one, if anything is.
func (b *Book) keptWarning(slot Code, but AgreementID) []Warning {
	var kept []string
	for i := range b.Agreements {
		if a := &b.Agreements[i]; a.slot() == slot && a.Scheduled(b.Now) && a.ID != but && a.Origin != fromFallback {
			kept = append(kept, phase(a))
		}
	}
	if len(kept) == 0 {
		return nil
	}
	slices.Sort(kept)
	return []Warning{warning(warnScheduledKept, "still scheduled: %s; scheduled=drop, or cancelling each, withdraws them", strings.Join(kept, ", "))}
}

// hiddenBy says of each override with a max that it is less than what an agreement
// to a plan gives.
func (b *Book) hiddenBy(a *Agreement) (out []Warning) {
	if a.Kind != KindPlan {
		return nil
	}
	for i := range b.Overrides {
		if o := &b.Overrides[i]; !o.ended(latest(b.Now, a.StartsOn)) {
			out = append(out, b.hides(o, a)...)
		}
	}
	return out
}

// hides says of an override that its max is less than what an agreement to a plan gives,
// if it is.
func (b *Book) hides(o *Override, a *Agreement) []Warning {
	terms := b.Terms(a)
	i := terms.Find(o.Feature)
	if i < 0 || !o.HasMax || !larger(a.part(&terms.Items[i]), o.Max) {
		return nil
	}
	return []Warning{warning(warnOverrideHidesPlan,
		"the override of %s allows %d, less than plan %s does; end it, or give at_least in place of max", o.Feature, *o.Max, a.Plan)}
}
