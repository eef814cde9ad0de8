package catalog

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	maxLong     = 4000 // characters of a description
	maxMetadata = 500  // characters of a text of metadata, as a customer's has
	mostEntries = 50   // of metadata
)

// none is the word for what a feature has and an item of it has not.
const none = "none"

// about is what is told of a thing.
func (o object) about() billing.About {
	return billing.About{Description: o.long("description"), Metadata: o.metadata("metadata")}
}

// long is text of some lines.
func (o object) long(key string) string {
	text, ok := o.written(key, "text")
	if !ok {
		return ""
	}
	if why := notLong(text, maxLong); why != "" {
		o.wrong(key, "%s", why)
		return ""
	}
	return text
}

// notLong says why a text is not one of some lines; "" if it is.
func notLong(text string, most int) string {
	switch length := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "":
		return fmt.Sprintf("empty; give text of 1 to %d characters", most)
	case length > most:
		return fmt.Sprintf("has %d characters; give at most %d", length, most)
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && unprintable(r) }):
		return quote(text) + " has a control character; give text"
	}
	return ""
}

// metadata is text by text.
func (o object) metadata(key string) map[string]string {
	n := o.value(key)
	if n == nil {
		return nil
	}
	if n.kind != mapping {
		o.wrong(key, "%s is not metadata; give texts by their keys, such as {crm_id: \"42\"}", describe(n))
		return nil
	}
	if len(n.entries) > mostEntries {
		o.wrong(key, "metadata has at most %d entries; these are %d", mostEntries, len(n.entries))
		return nil
	}
	var out map[string]string
	for _, e := range n.entries {
		// A key of metadata may have any letters, so that faults are of the whole.
		fault := func(format string, args ...any) { o.fault(e.place(), join(o.path, key), format, args...) }
		length := utf8.RuneCountInString(e.key)
		switch _, twice := out[e.key]; {
		case strings.TrimSpace(e.key) == "" || length > maxText || strings.ContainsFunc(e.key, unprintable):
			fault("%s is not a key of metadata; give 1 to %d characters on one line", quote(e.key), maxText)
		case twice:
			fault("%s is given twice; remove one", quote(e.key))
		case e.value.kind != scalar || e.value.style == bare:
			fault("%s of %s is not text; give text, in quotes", describe(e.value), quote(e.key))
		case e.value.text != "" && notLong(e.value.text, maxMetadata) != "":
			fault("%s: %s", quote(e.key), notLong(e.value.text, maxMetadata))
		default:
			if out == nil {
				out = map[string]string{}
			}
			out[e.key] = e.value.text
		}
	}
	return out
}

// each reads the elements of a list of single values, nil if one of them has a fault.
func each[T any](o object, key, what string, read func(n *node) (T, string)) []T {
	out, before := []T{}, len(o.doc.Faults)
	there := o.elements(key, what, func(n *node, path string) {
		if n.kind != scalar {
			o.fault(n.at, path, "%s is not one of %s", describe(n), what)
			return
		}
		v, right := read(n)
		if right != "" {
			o.fault(n.at, path, "%s %s", describe(n), right)
			return
		}
		out = append(out, v)
	})
	if !there || len(o.doc.Faults) > before {
		return nil
	}
	return out
}

func (o object) codes(key, what string) []billing.Code {
	return each(o, key, what, func(n *node) (billing.Code, string) {
		if code := billing.Code(n.text); n.style != bare && code.Valid() {
			return code, ""
		}
		return "", "is not a code"
	})
}

// texts are single values as they are written: 30 and "30" are the same.
func (o object) texts(key, what string) []string {
	return each(o, key, what, func(n *node) (string, string) {
		if strings.TrimSpace(n.text) == "" || utf8.RuneCountInString(n.text) > maxText || strings.ContainsFunc(n.text, unprintable) {
			return "", fmt.Sprintf("is not one line of 1 to %d characters", maxText)
		}
		return n.text, ""
	})
}

func (o object) thresholds(key string) []int {
	return each(o, key, "percents", func(n *node) (int, string) {
		percent := 0
		text := n.text
		if n.style == quoted || !wholePattern.MatchString(text) || len(text) > 4 || text == "0" {
			if whole, ok := strings.CutSuffix(text, "%"); ok && wholePattern.MatchString(whole) {
				return 0, "is not a whole number; write percents without the sign: " + shorten(whole)
			}
			return 0, "is not a whole number; give percents of the limit from 1 to 1000, such as 80"
		}
		for _, digit := range text {
			percent = 10*percent + int(digit-'0')
		}
		if percent > 1000 {
			return 0, "is more than 1000 percent"
		}
		return percent, ""
	})
}

// low is as integer has it; below 0 for the word none.
func (o object) low(key string) *int64 {
	if o.is(key, none) {
		return new(int64(-1))
	}
	return o.integer(key, 0, billing.MaxAmount, "for what the feature says, none for nothing")
}

// is reports whether the value of a key is a word.
func (o object) is(key, word string) bool {
	n := o.value(key)
	return n != nil && n.kind == scalar && n.style != bare && n.text == word
}

// burns is what a feature burns; in an item it may be the word none.
func (o object) burns(key string, orNone bool) *billing.Burns {
	if orNone && o.is(key, none) {
		return &billing.Burns{}
	}
	n := o.value(key)
	if n == nil {
		return nil
	}
	if n.kind != mapping {
		o.wrong(key, "%s does not say what is burned at which rate; give {feature: credits, rate: 1.5}", describe(n))
		return nil
	}
	b, _ := o.child(key, burnsShape)
	feature, rate := b.code("feature"), b.decimal("rate", "a rate", "give how many units of what is burned each unit takes, such as 1.5 or 0.000003")
	if feature == "" || rate == nil {
		return nil
	}
	return &billing.Burns{Feature: feature, Rate: *rate}
}

// parts calls read for each object in a list. It reports false if there is no list, or
// one of them has a fault.
func (o object) parts(key, what string, s shape, read func(object)) bool {
	before := len(o.doc.Faults)
	there := o.elements(key, what, func(n *node, path string) {
		if part, ok := o.object(n, n.at, path, s); ok {
			read(part)
		}
	})
	return there && len(o.doc.Faults) == before
}

func (o object) caps(key string) []billing.Cap {
	caps := []billing.Cap{}
	if !o.parts(key, "caps", capShape, func(c object) {
		if most, reset := c.integer("max", 0, billing.MaxAmount, ""), c.reset("reset"); most != nil && reset != "" {
			caps = append(caps, billing.Cap{Max: *most, Reset: reset})
		}
	}) {
		return nil
	}
	return caps
}

func (o object) rollover(key string) *billing.RolloverSpec {
	if o.is(key, "true") {
		o.wrong(key, "true does not say how much; give {} for all that is left, for one window, or {max: 300, windows: 2}")
		return nil
	}
	r, ok := o.child(key, rolloverShape)
	if !ok {
		return nil
	}
	out := &billing.RolloverSpec{Max: r.integer("max", 0, billing.MaxAmount, "for all that is left")}
	if n := r.integer("windows", 1, 12, "for 1"); n != nil {
		out.Windows = new(int(*n))
	}
	return out
}

func (o object) grants(key string) []billing.ItemGrantSpec {
	grants := []billing.ItemGrantSpec{}
	if !o.parts(key, "grants", grantShape, func(g object) {
		grant := billing.ItemGrantSpec{
			Amount: g.units("amount"),
			At:     choice(g, "at", billing.Words[billing.GrantAt]()...),
			Kind:   choice(g, "kind", billing.Words[billing.GrantKind]()...),
		}
		grant.Lasts, grant.Days = g.lasts("lasts")
		if n := g.integer("priority", 0, 100, "for 50"); n != nil {
			grant.Priority = new(int(*n))
		}
		grants = append(grants, grant)
	}) {
		return nil
	}
	return grants
}

// wholeDays is what is right of a time that is no word.
const wholeDays = "a grant lasts by a word or for whole days, such as {days: 30}"

// lasts is how long a grant does: a word, or days.
func (o object) lasts(key string) (billing.GrantLife, int) {
	if n := o.value(key); n == nil || n.kind != mapping {
		words := slices.DeleteFunc(billing.Words[billing.GrantLife](), func(w billing.GrantLife) bool { return w == billing.LastsDays })
		return hinted(o, key, func(text string) string {
			if wholePattern.MatchString(strings.TrimSuffix(text, " days")) {
				return "; did you mean {days: " + shorten(strings.TrimSuffix(text, " days")) + "}?"
			}
			return "; " + wholeDays
		}, words...), 0
	}
	d, _ := o.child(key, lastsShape)
	days := d.integer("days", 1, maxDays, "")
	if days == nil {
		return "", 0
	}
	return billing.LastsDays, int(*days)
}

// units is an amount of usage.
func (o object) units(key string) *billing.Units {
	const right = "give an amount below 10^12 with at most 6 digits after the point, such as 500"
	n, ok := o.scalar(key, "an amount; "+right)
	if !ok {
		return nil
	}
	if hint, ok := misspelt(n, decimalPattern); ok {
		o.wrong(key, "%s is not an amount; %s", quote(n.text), hint)
		return nil
	}
	units, err := billing.ParseUnits(n.text)
	if err != nil || n.style == quoted {
		o.wrong(key, "%s is not an amount; %s", describe(n), right)
		return nil
	}
	return &units
}

func (o object) rate(key string) *billing.Rate {
	n := o.value(key)
	if n == nil {
		return nil
	}
	if n.kind != mapping {
		o.wrong(key, "%s is not a rate; give {max: 100, per: second}", describe(n))
		return nil
	}
	r, _ := o.child(key, rateShape)
	most, per := r.integer("max", 1, billing.MaxAmount, ""), choice(r, "per", billing.Words[billing.RatePer]()...)
	burst := r.integer("burst", 1, billing.MaxAmount, "for none")
	if most == nil || per == "" {
		return nil
	}
	return &billing.Rate{Max: *most, Per: per, Burst: burst}
}

// setting is the value of a config feature.
func (o object) setting(key string) *billing.ValueSpec {
	n := o.value(key)
	switch {
	case n == nil:
		return nil
	case n.kind == list:
		texts := o.texts(key, "values")
		if texts == nil {
			return nil
		}
		return &billing.ValueSpec{List: texts}
	case n.kind != scalar:
		o.wrong(key, "%s is not a value; give text, a number, true, false, or a list", describe(n))
		return nil
	}
	v := &billing.ValueSpec{Text: n.text}
	if n.style != quoted && decimalPattern.MatchString(n.text) {
		if v.Number = o.amount(key); v.Number == nil {
			return nil
		}
		return v
	}
	if strings.TrimSpace(n.text) == "" || utf8.RuneCountInString(n.text) > maxText || strings.ContainsFunc(n.text, unprintable) || n.style == bare && n.text != "true" && n.text != "false" {
		o.wrong(key, "%s is not a value; give one line of 1 to %d characters", describe(n), maxText)
		return nil
	}
	return v
}
