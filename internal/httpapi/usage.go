package httpapi

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func (a *adapter) usage(c *call) (answer, error) {
	q := readQuery(c.Request, new(faults))
	filter := billing.UsageFilter{Feature: billing.Code(q.text("feature_code")), From: q.time("from"), To: q.time("to")}
	if !filter.From.IsZero() && !filter.To.IsZero() && !filter.From.Before(filter.To) {
		q.refuse("to", "after from")
	}
	page := readPage(q, "a usage record's id, as an earlier page showed it", parseRecordID)
	if err := q.err(); err != nil {
		return answer{}, err
	}
	id, err := parseCustomerID(c.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	var windows []billing.WindowUsage
	var records []billing.UsageRecord
	var more bool
	rev, err := c.fresh(func() (rev billing.Revision, err error) {
		windows, records, more, rev, err = a.Billing.Usage(c.Context(), id, filter, page)
		return rev, err
	})
	if err != nil {
		return answer{}, err
	}
	out := api.Usage{
		CustomerID: id.String(), HasMore: more,
		Windows: make([]api.UsageWindow, len(windows)), Records: make([]api.UsageRecord, len(records)),
	}
	for i, w := range windows {
		out.Windows[i] = api.UsageWindow{
			FeatureCode: string(w.Feature), StartsOn: api.NewTime(w.Window.Start), EndsOn: api.NewTime(w.Window.End), Used: amount(w.Used),
		}
	}
	for i := range records {
		out.Records[i] = usageRecord(&records[i])
	}
	return answer{revision: rev.String(), body: out}, nil
}

func usageRecord(r *billing.UsageRecord) api.UsageRecord {
	return api.UsageRecord{
		ID: r.ID, FeatureCode: string(r.Feature), Type: string(r.Kind), Value: amount(r.Value), Change: amount(r.Change),
		Timestamp: api.Time{Time: r.Stamp}, CountedOn: api.Time{Time: r.CountedOn}, RecordedOn: api.Time{Time: r.RecordedOn},
	}
}

// parseRecordID reads a record's id used as a cursor: any text, the caller's own.
func parseRecordID(s string) (string, error) {
	if !storable(s) || len(s) > billing.MaxRecordID {
		return "", invalid("", "not a record's id")
	}
	return s, nil
}

// report is one record of a bulk request, and what became of it.
type report struct {
	usage    billing.NewUsage
	customer customerRef
	result   api.UsageResult
}

// fail notes why a record is not counted. It returns the error if that is not
// the record's own fault.
func (r *report) fail(err error) error {
	if several, ok := errors.AsType[billing.Errors](err); ok {
		err = several[0]
	}
	e, ok := errors.AsType[*billing.Error](err)
	if !ok || e.Kind == billing.Internal {
		return err
	}
	r.result.Status, r.result.Error = api.UsageFailed, &api.Error{Code: e.Code, Message: e.Message}
	return nil
}

func (a *adapter) recordUsage(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	const what = "a list of 1 to 1000 records"
	records := needed(b, "records", what, func() *[]json.RawMessage {
		var list []json.RawMessage
		if !read(b, "records", what, &list) {
			return nil
		}
		if len(list) == 0 || len(list) > api.MaxUsageRecords {
			b.refuse("records", what)
		}
		return &list
	})
	if err := f.err(); err != nil {
		return change{}, err
	}
	return change{apart: func() (answer, error) {
		reports := make([]report, len(records))
		for i, text := range records {
			reports[i] = c.readReport(i, text)
		}
		if err := a.record(c, reports); err != nil {
			return answer{}, err
		}
		out := api.UsageResultList{Results: make([]api.UsageResult, len(reports))}
		for i := range reports {
			out.Results[i] = reports[i].result
		}
		return answer{body: out}, nil
	}}, nil
}

// readReport reads one record. One that cannot be read has failed.
func (c *call) readReport(i int, text []byte) report {
	var r report
	var f faults
	b, err := parseBody(text, &f)
	if err != nil {
		_ = r.fail(invalid(api.InvalidCode("records"), "each of the records must be a JSON object"))
		return r
	}
	r.customer = b.reported()
	r.usage = billing.NewUsage{
		ID:      b.text("id", someText),
		Feature: billing.Code(b.required("feature_code", aFeatureCode)),
		Value:   needed(b, "value", anAmount, func() *billing.Units { return b.amount("value") }),
		Kind:    billing.UsageKind(b.oneOf("type", aType, api.UsageDelta, api.UsageAbsolute)),
		Stamp:   b.time("timestamp"),
	}
	if len(r.usage.ID) <= billing.MaxRecordID {
		r.result.ID = r.usage.ID
	}
	if err := f.err(); err != nil {
		_ = r.fail(err)
		return r
	}
	if r.usage.ID == "" && c.key != "" {
		r.usage.ID = c.recordID(i)
	}
	return r
}

// reported reads whose usage a record is.
func (b *body) reported() customerRef {
	before := len(b.wrong)
	ref := b.customerFields()
	ref.agreement = b.text("agreement_id", anAgreement)
	switch {
	case len(b.wrong) > before:
	case ref == customerRef{}:
		b.require("customer_id", aCustomerID+"; or give agreement_id, org_code or user_id")
	case ref.agreement != "" && ref != customerRef{agreement: ref.agreement}:
		b.add(api.CodeTooManyParameters, "only one of agreement_id, customer_id and the customer's codes may be given")
	}
	return ref
}

// recordID is the id of a record that was reported without one, under a key. It
// is the same when the request is repeated, even if the first was cut off before
// its answer could be stored. Those of one request follow each other, so that
// they are stored side by side.
func (c *call) recordID(i int) string {
	sum := sha256.Sum256([]byte(c.scopedKey()))
	return fmt.Sprintf("usage_%x%08x", sum[:12], i)
}

// record records what can be, of each customer by itself.
func (a *adapter) record(c *call, reports []report) error {
	of := make(map[billing.CustomerID][]*report)
	type lookup struct {
		id  billing.CustomerID
		err error
	}
	found := make(map[customerRef]lookup)
	for i := range reports {
		r := &reports[i]
		if r.result.Status != "" {
			continue
		}
		who, ok := found[r.customer]
		if !ok {
			who.id, who.err = a.find(c, r.customer)
			found[r.customer] = who
		}
		if who.err == nil {
			of[who.id] = append(of[who.id], r)
		} else if err := r.fail(who.err); err != nil {
			return err
		}
	}
	// At once, so that they can share transactions.
	errs := make(chan error, len(of))
	for id, own := range of {
		go func() { errs <- a.recordOf(c, id, own) }()
	}
	var err error
	for range of {
		err = errors.Join(err, <-errs)
	}
	return err
}

func (a *adapter) recordOf(c *call, id billing.CustomerID, reports []*report) error {
	in := make([]billing.NewUsage, len(reports))
	what := billing.Counting{Customer: id, Features: make([]billing.Code, len(reports)), Records: len(reports)}
	for i, r := range reports {
		in[i], what.Features[i] = r.usage, r.usage.Feature
	}
	var outcomes []billing.UsageOutcome
	err := a.Billing.Count(c.Context(), c.actor, what, func(u *billing.Unit) (err error) {
		outcomes, err = u.RecordUsage(id, in)
		return err
	})
	for i, r := range reports {
		if err != nil {
			if err := r.fail(err); err != nil {
				return err
			}
			continue
		}
		if err := r.settle(outcomes[i]); err != nil {
			return err
		}
	}
	return nil
}

// settle notes what became of a record.
func (r *report) settle(o billing.UsageOutcome) error {
	if o.Err != nil {
		if err := r.fail(renamedAmount(o.Err, "value")); err != nil {
			return err
		}
		if o.Duplicate {
			r.result.ID, r.result.Status = o.ID, api.UsageDuplicate
		}
		return nil
	}
	r.result.ID, r.result.Status = o.ID, api.UsageRecorded
	if o.Duplicate {
		r.result.Status = api.UsageDuplicate
	}
	return nil
}
