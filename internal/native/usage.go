package native

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) usage(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	filter := service.UsageFilter{Feature: billing.Code(q.Text("feature_code")), From: q.Time("from"), To: q.Time("to")}
	if !filter.From.IsZero() && !filter.To.IsZero() && !filter.From.Before(filter.To) {
		q.Refuse("to", "after from")
	}
	page := service.Page[string](door.ReadPage(q, "a usage record's id, as an earlier page showed it", parseRecordID))
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.Usage, billing.Revision, error) {
		windows, records, more, rev, err := h.Billing.Usage(c.Context(), id, filter, page)
		return wire.Usage(id, windows, records, more), rev, err
	})
}

// parseRecordID reads a record's id used as a cursor: any text, the caller's own.
func parseRecordID(s string) (string, error) {
	if !door.Storable(s) || len(s) > usage.MaxRecordID {
		return "", door.Fault("", "not a record's id")
	}
	return s, nil
}

// report is one record of a bulk request, and what became of it.
type report struct {
	usage    usage.Report
	customer customerRef
	result   api.UsageResult
	// unavailable is why nothing can be counted now, if that is what it has failed for.
	unavailable error
}

// fail notes why a record is not counted. It returns the error if it is not one that can
// be told of a record.
func (r *report) fail(c *door.Call, err error) error {
	errs := c.Errors(err)
	if len(errs) == 0 || errs[0].Kind == door.Internal {
		return err
	}
	if errs[0].Kind == door.Unavailable {
		r.unavailable = err
	}
	r.result.Status, r.result.Error = api.UsageFailed, &api.Error{Code: errs[0].Code, Message: errs[0].Message}
	return nil
}

// nothingCounted is why nothing of a request could be counted, if that was no fault of its records. Of one
// of which something was, each record says it for itself: they can be sent again without the others.
func nothingCounted(reports []report) (why error) {
	for i := range reports {
		switch r := &reports[i]; {
		case r.result.Status != api.UsageFailed:
			return nil
		case why == nil:
			why = r.unavailable
		}
	}
	return why
}

// errBulkTime is that the time was not enough, and it is not known of all records what became of them.
var errBulkTime = &door.Error{Kind: door.Unavailable, Code: api.CodeOverloaded, Message: "the records could not all be counted in time; what was counted stays: send all of them again, with the same ids or the same Idempotency-Key, and fewer at a time"}

// someRecords are what may be reported at once.
const someRecords = "a list of 1 to 1000 records"

func (h *handlers) recordUsage(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	records := door.Needed(b.Body, "records", someRecords, func() *[]json.RawMessage {
		var list []json.RawMessage
		if !door.Read(b.Body, "records", someRecords, &list) {
			return nil
		}
		if len(list) == 0 || len(list) > api.MaxUsageRecords {
			b.Refuse("records", someRecords)
		}
		return &list
	})
	if err := f.Err(); err != nil {
		return change{}, err
	}
	return change{Apart: func() (door.Answer, error) {
		until := c.Until()
		if h.BulkTime > 0 {
			until = time.Now().Add(h.BulkTime)
		}
		ctx, cancel := context.WithDeadlineCause(c.Context(), until, errBulkTime)
		defer cancel()
		whole := c.Request
		defer func() { c.Request = whole }()
		c.Request = whole.WithContext(ctx)
		reports, key := make([]report, len(records)), c.Key()
		for i, text := range records {
			reports[i] = readReport(c, text)
			if r := &reports[i]; key != "" && r.result.Status == "" && r.usage.ID == "" {
				r.usage.ID = recordID(key, i)
			}
		}
		err := h.record(c, reports)
		if err == nil {
			err = nothingCounted(reports)
		}
		if err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("%w: %w", errBulkTime, err)
			}
			return door.Answer{}, err
		}
		out := api.UsageResultList{Results: make([]api.UsageResult, len(reports))}
		passing := false
		for i := range reports {
			out.Results[i] = reports[i].result
			passing = passing || reports[i].unavailable != nil
		}
		return door.Answer{Body: out, Passing: passing}, nil
	}}, nil
}

// readReport reads one record. One that cannot be read has failed.
func readReport(c *door.Call, text []byte) report {
	var r report
	var f door.Faults
	b, err := parseBody(text, &f)
	if err != nil {
		_ = r.fail(c, door.Fault(api.InvalidCode("records"), "each of the records must be a JSON object"))
		return r
	}
	r.customer = b.reported()
	r.usage = usage.Report{
		ID:      b.Text("id", door.SomeText),
		Feature: billing.Code(b.Required("feature_code", wire.AFeatureCode)),
		Value:   door.Needed(b.Body, "value", door.AnAmount, func() *billing.Units { return b.amount("value") }),
		Kind:    usage.Kind(b.OneOf("type", wire.AUsageType, api.UsageDelta, api.UsageAbsolute)),
		Stamp:   b.Time("timestamp"),

		Corrects: b.Text("corrects", door.SomeText),
	}
	if len(r.usage.ID) <= usage.MaxRecordID {
		r.result.ID = r.usage.ID
	}
	if err := f.Err(); err != nil {
		_ = r.fail(c, err)
	}
	return r
}

// reported reads whose usage a record is.
func (b body) reported() customerRef {
	before := b.Wrong()
	ref := b.customerFields()
	ref.agreement = b.Text("agreement_id", wire.AnAgreement)
	switch {
	case b.Wrong() > before:
	case ref == customerRef{}:
		b.Require("customer_id", wire.ACustomerID+"; or give agreement_id, org_code, user_id or external_id")
	case ref.agreement != "" && ref != customerRef{agreement: ref.agreement}:
		b.Add(api.CodeTooManyParameters, "only one of agreement_id, customer_id, external_id and the customer's codes may be given")
	}
	return ref
}

// recordID is the id of a record that was reported without one, under a key. It
// is the same when the request is repeated, even if the first was cut off before
// its answer could be stored. Those of one request follow each other, so that
// they are stored side by side.
func recordID(key string, i int) string {
	sum := sha256.Sum256([]byte(key))
	return fmt.Sprintf("usage_%x%08x", sum[:12], i)
}

// record records what can be, of each customer by itself.
func (h *handlers) record(c *door.Call, reports []report) error {
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
			who.id, who.err = h.find(c, r.customer)
			found[r.customer] = who
		}
		if who.err == nil {
			of[who.id] = append(of[who.id], r)
		} else if err := r.fail(c, who.err); err != nil {
			return err
		}
	}
	if len(of) == 1 {
		for id, own := range of {
			return h.recordOf(c, id, own, c.Turn())
		}
	}
	// At once, so that they can share transactions. Some of them write while others wait.
	errs := make(chan error, len(of))
	for id, own := range of {
		go func() { errs <- h.recordOf(c, id, own, nil) }()
	}
	var err error
	for range of {
		err = errors.Join(err, <-errs)
	}
	return err
}

func (h *handlers) recordOf(c *door.Call, id billing.CustomerID, reports []*report, turn service.Turn) error {
	in := make([]usage.Report, len(reports))
	what := service.Counting{Customer: id, Features: make([]billing.Code, len(reports)), Records: len(reports), Turn: turn}
	what.Until, _ = c.Context().Deadline()
	for i, r := range reports {
		in[i], what.Features[i] = r.usage, r.usage.Feature
	}
	var outcomes []service.UsageOutcome
	err := h.Billing.Count(c.Context(), billing.Actor(c.Actor), what, func(u *service.Work) (err error) {
		outcomes, err = u.RecordUsage(id, in)
		return err
	})
	for i, r := range reports {
		if err != nil {
			if err := r.fail(c, err); err != nil {
				return err
			}
			continue
		}
		if err := r.settle(c, outcomes[i]); err != nil {
			return err
		}
	}
	return nil
}

// settle notes what became of a record.
func (r *report) settle(c *door.Call, o service.UsageOutcome) error {
	if o.Err != nil {
		if err := r.fail(c, renamedAmount(o.Err, "value")); err != nil {
			return err
		}
		if o.Duplicate {
			r.result.ID, r.result.Status = o.ID, api.UsageDuplicate
		}
		return nil
	}
	r.result.ID, r.result.Status, r.result.Superseded = o.ID, api.UsageRecorded, o.Superseded
	r.result.Uncovered = wire.UncoveredUnits(o.Uncovered)
	if o.Duplicate {
		r.result.Status = api.UsageDuplicate
	}
	return nil
}
