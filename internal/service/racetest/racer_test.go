package racetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// racer is a customer that many callers ask for.
type racer struct {
	id    billing.CustomerID
	began time.Time // of the first of its windows

	mu    sync.Mutex
	holds [len(features)][]usage.HoldID
	seen  billing.Revision // the last that an answer named
	reads []reading
	history
}

// reading is what was read of the facts that a node keeps: the limits, of a revision
// that is no older than one that was seen before.
type reading struct {
	least, rev billing.Revision
	limits     [len(features)]int64
}

// request is what is asked for: one input for each feature that it is about.
type request struct {
	inputs []input
	read   bool // of the facts that a node keeps, which is no part of the history
}

// next is what is asked for next. Usage is also recorded of a second window if there
// is one ahead.
func (r *racer) next(n *rand.Rand, ahead bool) request {
	in := input{feature: n.IntN(len(features)), units: 1 + n.Int64N(3)}
	both := false
	switch n.IntN(24) {
	case 0:
		in.kind, in.plan = planTo, plans[n.IntN(len(plans))]
	case 1:
		in.kind, in.units = overrideTo, []int64{0, 5, 20}[n.IntN(3)]
	case 2:
		in.kind, in.units = suspend, min(n.Int64N(4), 1)^1
	case 3:
		in.kind, in.plan = []kind{migrate, apply}[n.IntN(2)], plans[n.IntN(len(plans))]
		in.units = 8 + n.Int64N(20)
	case 4, 5, 6:
		in.kind = hold
	case 7, 8, 9:
		in.kind = []kind{confirm, release}[n.IntN(2)]
		r.mu.Lock()
		defer r.mu.Unlock()
		of := r.holds[in.feature]
		if len(of) == 0 {
			in.kind = check
			break
		}
		in.hold, in.units = of[n.IntN(len(of))], 0
	case 10, 11:
		in.kind, in.id, both = record, n.IntN(20), n.IntN(2) == 0
		in.units = int64(in.id%3) + 1
		if ahead {
			in.window = in.id % 2
		}
	case 12, 13, 14:
		in.kind, both = check, n.IntN(2) == 0
	case 15, 16, 17:
		in.kind, in.key = consume, 1+n.IntN(30)
		in.feature, in.units = in.key%len(features), int64(in.key%3)+1
	case 18:
		return request{read: true}
	default:
		in.kind = consume
	}
	req := request{inputs: []input{in}}
	if both {
		other := in
		other.feature = 1 - in.feature
		req.inputs = append(req.inputs, other)
	}
	return req
}

// noted adds what was asked and answered.
func (r *racer) noted(req request, outs []output, call, ret int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, in := range req.inputs {
		out := outs[i]
		r.note(porcupine.Operation{Input: in, Output: out, Call: call, Return: ret})
		if out.hold != (usage.HoldID{}) {
			r.holds[in.feature] = append(r.holds[in.feature], out.hold)
		}
		r.seen.Customer, r.seen.Catalog = max(r.seen.Customer, out.rev), max(r.seen.Catalog, out.catalog)
	}
}

// ask asks a node. What it was answered is by the inputs.
func (r *racer) ask(ctx context.Context, s *service.Service, req request) []output {
	outs := make([]output, len(req.inputs))
	err := r.answer(ctx, s, req, outs)
	var refused *billing.Error
	switch {
	case errors.As(err, &refused) && refused.Kind != billing.Internal && refused.Kind != billing.Unavailable: // that is no answer
		for i := range outs {
			outs[i] = output{code: refused.Code}
		}
	case err != nil:
		for i := range outs {
			outs[i] = output{unknown: true, fault: err.Error()}
		}
	}
	return outs
}

func (r *racer) answer(ctx context.Context, s *service.Service, req request, outs []output) error {
	in := req.inputs[0]
	about := service.Counting{Customer: r.id, Features: []billing.Code{features[in.feature]}, Records: len(req.inputs)}
	switch {
	case in.kind == check:
		codes := make([]billing.Code, len(req.inputs))
		for i, in := range req.inputs {
			codes[i] = features[in.feature]
		}
		ds, err := s.Check(ctx, r.id, codes, units(in.units))
		for i, d := range ds {
			outs[i] = r.decided(d)
		}
		return err
	case in.kind == record:
		return s.Count(ctx, "test", about, func(u *service.Work) error { return r.bulk(u, req.inputs, outs) })
	case in.key != 0:
		return r.once(ctx, s, in, &outs[0])
	case in.kind == consume:
		return s.Count(ctx, "test", about, func(u *service.Work) error {
			d, err := u.Consume(r.id, features[in.feature], units(in.units))
			outs[0] = r.decided(d)
			return err
		})
	}
	return s.Do(ctx, "test", func(u *service.Work) (err error) {
		outs[0], err = r.change(u, in)
		return err
	})
}

// decided is a decision as an answer.
func (r *racer) decided(d billing.Decision) output {
	if d.Feature == nil {
		return output{}
	}
	out := output{
		allowed: d.Allowed, reason: d.Reason, used: int64(d.Used / billing.OneUnit), held: int64(d.Held / billing.OneUnit),
		limit: *d.Limit.Max, rev: d.Revision.Customer, catalog: d.Revision.Catalog,
	}
	if d.Window.Start.After(r.began) {
		out.window = 1
	}
	return out
}

// bulk records a report for each feature.
func (r *racer) bulk(u *service.Work, inputs []input, outs []output) error {
	reports := make([]usage.Report, len(inputs))
	for i, in := range inputs {
		reports[i] = usage.Report{
			ID: fmt.Sprint(features[in.feature], in.id), Feature: features[in.feature], Value: units(in.units), Stamp: r.began.AddDate(0, 0, in.window),
		}
	}
	done, err := u.RecordUsage(r.id, reports)
	for i, d := range done {
		outs[i] = output{}
		if d.Duplicate {
			outs[i].code = "duplicate"
		}
		err = errors.Join(err, d.Err)
	}
	return err
}

// once consumes under an idempotency key. What is kept is the answer in words.
func (r *racer) once(ctx context.Context, s *service.Service, in input, out *output) error {
	const words = "%t %s %d %d %d %d %d %d"
	once := service.Once{
		Customer: r.id, Records: 1, Features: []billing.Code{features[in.feature]}, Key: fmt.Sprint("key", in.key), Fingerprint: []byte{1},
		Refusal: func(error) (service.Answer, bool) { return service.Answer{}, false },
	}
	a, _, err := s.Once(ctx, "test", once, func(u *service.Work) (service.Answer, error) {
		d, err := u.Consume(r.id, features[in.feature], units(in.units))
		o := r.decided(d)
		return service.Answer{Status: 200, Body: fmt.Appendf(nil, words, o.allowed, o.reason, o.limit, o.used, o.held, o.window, o.rev, o.catalog)}, err
	})
	if err != nil {
		return err
	}
	*out = output{}
	_, err = fmt.Sscanf(string(a.Body), words, &out.allowed, &out.reason, &out.limit, &out.used, &out.held, &out.window, &out.rev, &out.catalog)
	return err
}

func (r *racer) change(u *service.Work, in input) (out output, err error) {
	var d billing.Decision
	var rev billing.Revision
	code := features[in.feature]
	switch in.kind {
	case hold:
		var h usage.Hold
		h, d, err = u.Hold(r.id, code, units(in.units), 3*time.Hour)
		out = r.decided(d)
		out.hold = h.ID
		return out, err
	case confirm:
		_, d, err = u.ConfirmHold(in.hold, usage.Confirm{})
		return r.decided(d), err
	case release:
		_, d, err = u.ReleaseHold(in.hold)
		return r.decided(d), err
	case planTo:
		_, rev, err = u.Subscribe(r.id, billing.NewAgreement{Plan: in.plan})
	case overrideTo:
		if in.units == 0 {
			rev, err = u.EndOverride(r.id, code)
		} else {
			_, _, rev, err = u.SetOverride(r.id, code, billing.NewOverride{HasMax: true, Max: &in.units})
		}
	case suspend:
		status := []billing.CustomerStatus{billing.Active, billing.Suspended}[in.units]
		var c billing.CustomerAt
		c, err = u.UpdateCustomer(r.id, billing.CustomerUpdate{Status: &status})
		rev = c.Revision
	case apply:
		var changes billing.CatalogChanges
		changes, err = u.ApplyCatalog(billing.CatalogSpec{Plans: []billing.PlanSpec{daily(in.plan, in.units)}})
		rev.Catalog = changes.Rev
	}
	return output{rev: rev.Customer, catalog: rev.Catalog}, err
}

// migrated is what a migration of all on a plan was to the customer.
func (r *racer) migrated(done service.Migrated, err error) output {
	if err != nil {
		return output{unknown: true, fault: err.Error()}
	}
	return output{moved: slices.Contains(done.Moved, r.id), version: done.Version}
}

// look reads the facts that a node keeps, no older than any that was answered.
func (r *racer) look(ctx context.Context, n *node) error {
	r.mu.Lock()
	least := r.seen
	r.mu.Unlock()
	got, err := n.Get(ctx, r.id, least)
	if err != nil {
		return err
	}
	read := reading{least: least, rev: got.Snapshot.Revision()}
	for i, code := range features {
		read.limits[i] = *got.Snapshot.Allowance(got.Snapshot.Catalog.Features[code], got.Now).Limit.Max
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads = append(r.reads, read)
	return nil
}

// holdReads checks that what nodes keep is as it is said to be.
func (r *racer) holdReads(t testing.TB, name string) {
	t.Helper()
	for _, read := range r.reads {
		var want [len(features)]int64
		for i := range want {
			want[i] = r.limit(read.rev.Customer, i)
		}
		if read.rev.Customer < read.least.Customer || read.rev.Catalog < read.least.Catalog || read.limits != want {
			t.Errorf("%s: facts of %v with the limits %v were read, want %v or later with %v", name, read.rev, read.limits, read.least, want)
		}
	}
}
