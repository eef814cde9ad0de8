package wire

import (
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// The main endpoint's answer is put together from texts that encoding/json made
// once for each item of a plan version. What is a customer's own in them is the
// id and, if the customer has more than that plan, the limit.

// Lists writes the answers of the main endpoint and keeps the texts that they are
// made of.
type Lists struct {
	encode func(any) ([]byte, error)
	texts  atomic.Pointer[planTexts] // of the newest catalog seen; nil at first
}

// NewLists returns a writer of lists; encode is how a wire type becomes a line of
// JSON.
func NewLists(encode func(any) ([]byte, error)) *Lists { return &Lists{encode: encode} }

// ListQuery says which part of the entitlements is wanted, and how.
type ListQuery struct {
	Page     service.Page[billing.EntitlementID]
	MaxValue *int64 // stands in where an entitlement has no maximum
	Plans    bool   // the plans of the live agreements too
}

// Append writes an [api.BillingEntitlementList] as encoding/json
// would, and a line feed.
func (l *Lists) Append(b []byte, snap *billing.Snapshot, in *ListQuery, now time.Time) ([]byte, error) {
	b = append(b, `{"code":"`+api.CodeOK+`","message":"`+api.MessageSuccess+`"`...)
	var err error
	if sole := snap.Sole(now); sole != nil {
		b, err = l.appendSole(b, snap, sole, in, now)
	} else {
		b, err = l.appendMerged(b, snap, in, now)
	}
	if err == nil && in.Plans {
		b, err = appendPlans(append(b, `,"plans":`...), snap, now)
	}
	return append(b, "}\n"...), err
}

// appendPlans writes those of the live agreements, also of a customer that is
// suspended: it is on them still.
func appendPlans(b []byte, snap *billing.Snapshot, now time.Time) ([]byte, error) {
	start := len(b)
	for i := range snap.Agreements {
		agreement := &snap.Agreements[i]
		if !agreement.Live(now) {
			continue
		}
		since, err := api.Time{Time: agreement.StartsOn}.MarshalJSON()
		if err != nil {
			return b, err
		}
		b = append(b, `,{"code":"`...) // which is no text to escape
		b = append(b, agreement.Plan...)
		b = append(b, `","subscribed_on":`...)
		b = append(b, since...)
		b = append(b, '}')
	}
	return bracketed(b, start), nil
}

// itemText is an [api.BillingEntitlement] as JSON, after a comma.
type itemText struct {
	text string
	// limit is the entitlement_limit_max that the text has, or nil; limitAt and
	// limitEnd are where it stands in the text, or would.
	limit             *int64
	limitAt, limitEnd int
}

const (
	idAt      = len(`,{"id":"entitlement_`) // where the digits of the id stand in a text
	limitName = `,"entitlement_limit_max":`
)

func (l *Lists) newItemText(e *billing.Entitlement) (itemText, error) {
	// The limits are the last two fields of an entitlement.
	out := BillingEntitlement(e)
	text, err := l.encode(out)
	if err != nil {
		return itemText{}, err
	}
	t := itemText{text: "," + string(text[:len(text)-1]), limit: out.EntitlementLimitMax}
	t.limitEnd = len(t.text) - len("}")
	if out.EntitlementLimitMin != nil {
		t.limitEnd -= len(`,"entitlement_limit_min":` + strconv.FormatInt(*out.EntitlementLimitMin, 10))
	}
	t.limitAt = t.limitEnd
	if t.limit != nil {
		t.limitAt -= len(limitName + strconv.FormatInt(*t.limit, 10))
	}
	return t, nil
}

// append writes the text with the first of an id's digits, or all of them, and
// another limit.
func (t *itemText) append(b []byte, digits []byte, limit *int64) []byte {
	at := len(b)
	switch {
	case limit == t.limit, limit != nil && t.limit != nil && *limit == *t.limit:
		b = append(b, t.text...)
	case limit == nil:
		b = append(b, t.text[:t.limitAt]...)
		b = append(b, t.text[t.limitEnd:]...)
	default:
		b = append(b, t.text[:t.limitAt]...)
		b = append(b, limitName...)
		b = strconv.AppendInt(b, *limit, 10)
		b = append(b, t.text[t.limitEnd:]...)
	}
	copy(b[at+idAt:], digits)
	return b
}

// planTexts are the texts of plan versions in one catalog, which names their
// features, made when they are first wanted. They go with their catalog.
type planTexts struct {
	catalog *billing.Catalog
	texts   sync.Map // *planText by planKey
}

type planKey struct {
	version *billing.PlanVersion
	annual  bool
}

// planText are the texts of the items of an agreement's plan version, with the
// limits that they have by themselves.
func (l *Lists) planText(snap *billing.Snapshot, of *billing.Agreement) (*planText, error) {
	kept := l.texts.Load()
	if kept == nil || kept.catalog != snap.Catalog {
		older := kept != nil && kept.catalog.Rev > snap.Catalog.Rev
		kept = &planTexts{catalog: snap.Catalog}
		if !older { // or the last requests on an old catalog would cost those on the new one theirs
			l.texts.Store(kept)
		}
	}
	key := planKey{snap.Terms(of), of.Annual}
	if texts, ok := kept.texts.Load(key); ok {
		return texts.(*planText), nil
	}
	items, all := snap.Alone(of)
	texts := &planText{whole: all, items: make([]itemText, len(items)), ends: make([]int, 1, len(items)+1)}
	var joined strings.Builder
	for i := range items {
		var err error
		if texts.items[i], err = l.newItemText(&items[i]); err != nil {
			return nil, err
		}
		joined.WriteString(texts.items[i].text)
		texts.ends = append(texts.ends, joined.Len())
		texts.unlimited = texts.unlimited || texts.items[i].limit == nil
	}
	texts.all = joined.String()
	for i := range texts.items { // one memory for both
		texts.items[i].text = texts.all[texts.ends[i]:texts.ends[i+1]]
	}
	kept.texts.Store(key, texts)
	return texts, nil
}

// planText are the texts of the items of a plan version.
type planText struct {
	items []itemText
	// all are those of all items, one behind the other; that of item i ends at
	// ends[i+1].
	all       string
	ends      []int
	unlimited bool // whether an item has no limit
	whole     bool // whether each item is an entitlement by itself
}

// append writes the texts of some items with the first of their ids' digits.
func (t *planText) append(b []byte, from, to int, digits []byte) []byte {
	if from >= to {
		return b
	}
	begin := t.ends[from]
	at := len(b) - begin
	b = append(b, t.all[begin:t.ends[to]]...)
	for _, end := range t.ends[from:to] {
		copy(b[at+end+idAt:], digits)
	}
	return b
}

// appendSole writes the entitlements of a sole agreement: see
// [billing.Snapshot.Sole]. Where some of its items entitle to nothing it is as any other.
func (l *Lists) appendSole(b []byte, snap *billing.Snapshot, sole *billing.Agreement, in *ListQuery, now time.Time) ([]byte, error) {
	texts, err := l.planText(snap, sole)
	if err != nil {
		return b, err
	}
	if !texts.whole {
		return l.appendMerged(b, snap, in, now)
	}
	from, to, more := in.Page.Of(len(texts.items), func(i int, key billing.EntitlementID) int {
		return billing.CompareIDs(sole.ID.Entitlement(i), key)
	})
	stem := sole.ID.Stem()
	var digits [2 * len(stem)]byte
	hex.Encode(digits[:], stem[:])
	b = appendMore(b, more)
	start := len(b)
	if in.MaxValue == nil || !texts.unlimited {
		return bracketed(texts.append(b, from, to, digits[:]), start), nil
	}
	for i := from; i < to; i++ {
		limit := texts.items[i].limit
		if limit == nil {
			limit = in.MaxValue
		}
		b = texts.items[i].append(b, digits[:], limit)
	}
	return bracketed(b, start), nil
}

// appendMerged writes the entitlements of any customer.
func (l *Lists) appendMerged(b []byte, snap *billing.Snapshot, in *ListQuery, now time.Time) ([]byte, error) {
	all := billing.Entitlements(snap, now)
	from, to, more := in.Page.Of(len(all), func(i int, key billing.EntitlementID) int {
		return billing.CompareIDs(all[i].ID, key)
	})
	var (
		digits [2 * len(all[0].ID)]byte
		of     *billing.Agreement // whose texts these are
		texts  *planText
		err    error
	)
	b = appendMore(b, more)
	start := len(b)
	for i := from; i < to; i++ {
		e := &all[i]
		var text itemText
		if e.Agreement == nil {
			text, err = l.newItemText(e)
		} else {
			if e.Agreement != of {
				of = e.Agreement
				texts, err = l.planText(snap, of)
			}
			if err == nil {
				text = texts.items[e.ID.Position()]
			}
		}
		if err != nil {
			return b, err
		}
		limit := e.LimitMax
		if limit == nil {
			limit = in.MaxValue
		}
		hex.Encode(digits[:], e.ID[:])
		b = text.append(b, digits[:], limit)
	}
	return bracketed(b, start), nil
}

func appendMore(b []byte, more bool) []byte {
	b = append(b, `,"has_more":`...)
	b = strconv.AppendBool(b, more)
	return append(b, `,"entitlements":`...)
}

// bracketed makes a list of what stands behind start: elements that each have a
// comma before them.
func bracketed(b []byte, start int) []byte {
	if len(b) == start {
		b = append(b, ',')
	}
	b[start] = '['
	return append(b, ']')
}
