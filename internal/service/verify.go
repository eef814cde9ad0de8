package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Drift is something in the store that contradicts something else there.
type Drift struct {
	Customer billing.CustomerID // zero if it is none's
	Of       string             // what it is of, if it is no customer's: "" is the catalog
	Message  string
}

// Whose is the id of the customer, "" if it is none's.
func (d *Drift) Whose() string {
	if d.Customer == (billing.CustomerID{}) {
		return ""
	}
	return d.Customer.String()
}

// How many customers are listed at once, and how many are gone through beside each other,
// which leaves most connections of a store to others.
const (
	verifyBatch   = 200
	verifyWorkers = 4
)

// Verify recomputes every counter from the records and checks the invariants of
// this package, the catalog and then customer by customer, each in one consistent
// state, so that a server may go on beside it. It calls report for what it finds, in the
// order of the customers, and answers how many customers and counters it went through.
func (s *Service) Verify(ctx context.Context, report func(Drift)) (customers, counters int, err error) {
	return s.VerifyAll(ctx, VerifyOptions{Report: report})
}

// VerifyOptions say how to go through a store.
type VerifyOptions struct {
	Report func(Drift)
	// Progress, unless nil, is told now and then how many customers are gone through.
	Progress func(customers int)
	// Workers are how many customers are gone through beside each other; 0 is a few.
	Workers int
}

// VerifyAll is [Service.Verify] with options.
func (s *Service) VerifyAll(ctx context.Context, o VerifyOptions) (customers, counters int, err error) {
	report := o.Report
	v := verifier{report: report, now: s.now(), workers: cmp.Or(o.Workers, verifyWorkers)}
	err = s.Store.View(ctx, v.catalog)
	if errors.Is(err, ErrUnreadable) {
		report(Drift{Message: err.Error()})
	} else if err != nil {
		return 0, 0, err
	}
	var after billing.CustomerID
	for {
		var ids []billing.CustomerID
		err := s.Store.View(ctx, func(r Reader) error {
			var err error
			ids, err = r.CustomerIDs(after, verifyBatch)
			return err
		})
		if err != nil || len(ids) == 0 {
			return customers, counters, err
		}
		for _, found := range s.verifyEach(ctx, &v, ids) {
			if found.err != nil {
				return customers, counters, found.err
			}
			for _, d := range found.drifts {
				report(d)
			}
			counters += found.counters
			customers++
		}
		if o.Progress != nil {
			o.Progress(customers)
		}
		after = ids[len(ids)-1]
	}
}

// verified is what was found of a customer.
type verified struct {
	counters int
	drifts   []Drift
	err      error
}

// verifyEach goes through some customers, a few beside each other.
func (s *Service) verifyEach(ctx context.Context, v *verifier, ids []billing.CustomerID) []verified {
	all := make([]verified, len(ids))
	ctx, stop := context.WithCancel(ctx) // the others, once one has failed
	defer stop()
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(v.workers, len(ids)) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(ids); i = int(next.Add(1)) - 1 {
				found := &all[i]
				found.err = s.Store.View(ctx, func(r Reader) (err error) {
					found.drifts = nil
					own := *v
					own.report = func(d Drift) { found.drifts = append(found.drifts, d) }
					found.counters, err = own.customer(r, ids[i])
					return err
				})
				if errors.Is(found.err, ErrUnreadable) && ctx.Err() == nil {
					found.drifts = append(found.drifts, Drift{Customer: ids[i], Message: found.err.Error()})
					found.err = nil
				}
				if found.err != nil {
					stop()
					return
				}
			}
		})
	}
	working.Wait()
	return firstFailed(all)
}

// firstFailed has the failure that made others fail in the place of theirs.
func firstFailed(all []verified) []verified {
	i := slices.IndexFunc(all, func(f verified) bool { return f.err != nil && !errors.Is(f.err, context.Canceled) })
	for j := range all {
		if i >= 0 && all[j].err != nil {
			all[j].err = all[i].err
		}
	}
	return all
}

// verifier goes through a store. Every says that the log has every row, which is so
// once all was adopted that programs of the version before wrote; finished, that every
// program that writes knows of lanes.
type verifier struct {
	report          func(Drift)
	now             time.Time
	workers         int
	every, finished bool
}

func (v *verifier) drift(id billing.CustomerID, format string, args ...any) {
	v.report(Drift{Customer: id, Message: fmt.Sprintf(format, args...)})
}

// catalog holds the catalog against its log.
func (v *verifier) catalog(r Reader) error {
	catalog, err := r.Catalog()
	if err != nil {
		return err
	}
	_, adopting, err := r.Adopting()
	if err != nil {
		return err
	}
	v.finished = !catalog.Unfinished
	v.every = v.finished && !adopting
	found, err := catalog.LogDiffers(logOf(r.LogReader, billing.ScopeCatalog), v.every, r.TermsDigest)
	for _, message := range found {
		v.report(Drift{Message: message})
	}
	return err
}

// customer goes through one customer, and answers how many counters it has.
func (v *verifier) customer(r Reader, id billing.CustomerID) (counters int, err error) {
	counted, err := r.Counters(id)
	if err != nil {
		return 0, err
	}
	if err := v.counters(r, counted); err != nil {
		return 0, err
	}
	if err := v.draws(r, id, counted); err != nil {
		return 0, err
	}
	damage, err := r.UsageDamage(id)
	if err != nil {
		return 0, err
	}
	values, err := r.ValueDamage(id)
	if err != nil {
		return 0, err
	}
	holds, err := r.HoldDamage(id, v.now)
	if err != nil {
		return 0, err
	}
	derived, err := r.DerivedDamage(id, v.now)
	if err != nil {
		return 0, err
	}
	for _, message := range slices.Concat(damage, values, holds, derived) {
		v.drift(id, "%s", message)
	}
	facts, err := allFacts(r, id)
	if err != nil {
		return 0, err
	}
	if err := v.names(r, &facts); err != nil {
		return 0, err
	}
	if err := v.grants(r, &facts); err != nil {
		return 0, err
	}
	differs, err := r.PackedDrift(id)
	if err != nil {
		return 0, err
	}
	if differs != "" {
		v.drift(id, "%s", differs)
	}
	customer := &facts.Customer
	for _, of := range []func(billing.Scope) ([]string, error){r.LogDamage, r.AnswerDamage} {
		if damage, err = of(id.Scope()); err != nil {
			return 0, err
		}
		for _, message := range damage {
			v.drift(id, "%s", message)
		}
	}
	if err := v.lanes(r, counted, customer.Rev); err != nil {
		return 0, err
	}
	if err := v.windows(r, &facts, counted); err != nil {
		return 0, err
	}
	if err := v.lastAgreement(r, customer); err != nil {
		return 0, err
	}
	changes, err := r.Changes(id.Scope(), customer.Rev-1, 2)
	if err != nil {
		return 0, err
	}
	if len(changes) != 1 || changes[0].Rev != customer.Rev {
		v.drift(id, "the customer is at revision %d, which is not that of its last change", customer.Rev)
	}
	found, err := facts.LogDiffers(withImages(r.LogReader, id, logOf(r.LogReader, id.Scope())), v.every)
	for _, message := range found {
		v.drift(id, "%s", message)
	}
	return len(counted), err
}

// counters holds counters against the records.
func (v *verifier) counters(r Reader, counters []usage.Counter) error {
	for _, c := range counters {
		sum, err := r.SumUsage(c.CustomerID, c.Feature, c.Window, time.Time{})
		if err != nil {
			return err
		}
		if sum != c.Used {
			v.drift(c.CustomerID, "the counter of %s for %s says %s, its records sum to %s", c.Feature, written(c.Window), c.Used, sum)
		}
	}
	return nil
}

// lanes holds what is kept to decide by against what it is kept of: that of a window, as
// a counter is, in counters. Programs that know of no lanes may have moved the rest.
func (v *verifier) lanes(r Reader, counters []usage.Counter, rev int64) error {
	for _, c := range counters {
		l := c.Lane
		if !c.Window.AllTime() || l.Window == nil || !v.finished {
			continue
		}
		if l.Window.AllTime() && l.InWindow != c.Used {
			v.drift(c.CustomerID, "the lane of %s says that %s are used, the counter says %s", c.Feature, l.InWindow, c.Used)
		}
		if l.Facts != rev {
			v.drift(c.CustomerID, "the lane of %s is of revision %d of the customer, which is at %d", c.Feature, l.Facts, rev)
		}
		v.made(&c)
		held, err := r.HeldUnits(c.CustomerID, c.Feature, *l.Window, l.HeldOn, time.Time{})
		if err != nil {
			return err
		}
		gone := v.now.Sub(l.HeldOn) > usage.MaxHold // what was held then may be, and none can have come
		if held > l.Held || held < l.Held && !gone {
			v.drift(c.CustomerID, "the lane of %s says that %s are held on %s, the holds of %s sum to %s",
				c.Feature, l.Held, l.HeldOn.Format(time.RFC3339), written(*l.Window), held)
		}
	}
	return nil
}

// aheadOfNow is how far a clock that wrote may be ahead of that of whoever verifies.
const aheadOfNow = time.Hour

// lastAgreement holds the time in the id of the last agreement against now, which cannot be
// before it, but where a clock that was ahead was repaired. The last change may be: ids are
// used up by what came to nothing.
func (v *verifier) lastAgreement(r Reader, c *billing.Customer) error {
	if c.LastAgreementMS <= latest(v.now, c.ChangedOn).Add(aheadOfNow).UnixMilli() {
		return nil
	}
	for change, err := range logOf(r.LogReader, c.ID.Scope()) {
		if err != nil || change.Kind == billing.ClockRepaired {
			return err
		}
	}
	v.drift(c.ID, "the last one of its agreements is of a time that has not come")
	return nil
}

// names looks up what is unique among all by its value.
func (v *verifier) names(r Reader, f *billing.Facts) error {
	customer := &f.Customer
	if !customer.DeletedOn.IsZero() {
		return nil
	}
	if customer.OrgCode != "" || customer.UserID != "" {
		of, err := r.CustomerByCodes(customer.OrgCode, customer.UserID)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err != nil || of != customer.ID {
			v.drift(customer.ID, "the directory does not have the customer's codes as its own")
		}
	}
	if customer.ExternalID != "" {
		of, err := r.CustomerByExternalID(customer.ExternalID)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err != nil || of != customer.ID {
			v.drift(customer.ID, "the directory does not have the customer's external id as its own")
		}
	}
	for i := range f.Agreements {
		a := &f.Agreements[i]
		of, err := r.AgreementCustomer(a.ID)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err != nil || of != customer.ID {
			v.drift(customer.ID, "the directory does not have agreement %s as the customer's", a.ID)
		}
		if a.ExternalID == "" {
			continue
		}
		named, err := r.AgreementByExternalID(a.ExternalID)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err != nil || named != a.ID {
			v.drift(customer.ID, "the directory does not have the external id of agreement %s as its own", a.ID)
		}
	}
	return nil
}

// pastBatch is how many changes are read of the log at once.
const pastBatch = 200

// withImages is the log of a customer with its images, each behind the change that it
// follows.
func withImages(r LogReader, id billing.CustomerID, log iter.Seq2[billing.Change, error]) iter.Seq2[billing.Change, error] {
	return func(yield func(billing.Change, error) bool) {
		var images []billing.Change
		var last billing.Change
		more := true
		// due yields the images up to a revision.
		due := func(rev int64) bool {
			for {
				if len(images) == 0 && more {
					var err error
					if images, err = r.Images(id, last, imageBatch); err != nil {
						yield(billing.Change{}, err)
						return false
					}
					more = len(images) == imageBatch
				}
				if len(images) == 0 || images[0].Rev > rev {
					return true
				}
				last, images = images[0], images[1:]
				if !yield(last, nil) {
					return false
				}
			}
		}
		for c, err := range log {
			if !yield(c, err) || err != nil || !due(c.Rev) {
				return
			}
		}
		due(math.MaxInt64)
	}
}

// imageBatch is how many images are read at once; each may be large.
const imageBatch = 16

// logOf is the log of a scope: what was adopted, if it was, and then all changes in their
// order. What it ends with may be an error.
func logOf(r LogReader, scope billing.Scope) iter.Seq2[billing.Change, error] {
	return func(yield func(billing.Change, error) bool) {
		adopted, err := r.Adopted(scope)
		if !isNotFound(err) {
			if !yield(adopted, err) || err != nil {
				return
			}
		}
		for after := int64(0); ; {
			changes, err := r.Changes(scope, after, pastBatch)
			if err != nil {
				yield(billing.Change{}, err)
				return
			}
			for _, c := range changes {
				if after = c.Rev; !yield(c, nil) {
					return
				}
			}
			if len(changes) < pastBatch {
				return
			}
		}
	}
}

// farPast is before everything that ends.
var farPast = time.UnixMicro(-1 << 55).UTC()

// farFuture is after everything that starts.
var farFuture = time.UnixMicro(1 << 61).UTC()

// written is a window for a reader.
func written(w billing.Window) string {
	if w.AllTime() {
		return "all time"
	}
	return w.Start.Format(time.RFC3339) + " to " + w.End.Format(time.RFC3339)
}
