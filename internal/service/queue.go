package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Batching is how a store wants the transactions put together that write usage.
type Batching struct {
	// Queues is how many of them it takes at one time, each with a queue of its own; at least 1.
	Queues int
	// Serial says that the store has one writer: no transaction sees what another
	// commits meanwhile, and one may be for several customers.
	Serial bool
	// Apart says that customers may be on different machines: an [Store].Apply is of one
	// of them then, as a commit on several is dear.
	Apart bool
	// Bounded says that the store may not answer, so that what it is asked for is given up in
	// time: see [Counting].Until.
	Bounded bool
}

// A caller who does not say until when it waits is answered within answerTime. What has not
// begun to be written lastBegin before the end is refused, for certain: who begins later
// might hear of its end too late, and is longer about it than a database has anybody wait for
// a lock.
const (
	answerTime = 40 * time.Second
	lastBegin  = 20 * time.Second
)

// codeSlow is that of a store which has ended what took too long, and wrote nothing.
const codeSlow = "STORE_SLOW"

// errLate is what those are told who waited until it was too late to begin. Nothing of theirs
// is written.
var errLate = billing.Unavailable.Errorf(codeSlow, "what came before has taken the database too long, so this was not begun: try again in a moment")

// isSlow reports whether an error is that of a store which took too long, and wrote nothing.
func isSlow(err error) bool {
	e, ok := errors.AsType[*billing.Error](err)
	return ok && e.Code == codeSlow
}

// isOver reports whether it is too late to begin what is to have come to its end by then.
func isOver(until time.Time) bool { return time.Until(until) < lastBegin }

// Within is a context that ends at a time, if the store may not answer.
func (s *Service) Within(ctx context.Context, until time.Time) (context.Context, context.CancelFunc) {
	if until.IsZero() || !s.batching().kind.Bounded {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, until)
}

// maxBatch bounds what one transaction does, in records.
const maxBatch = 2000

// count is a unit that waits for a transaction to run in.
type count struct {
	ctx context.Context
	Counting
	by  billing.Actor
	fn  func(*Work) error
	err error

	// turn receives true when it is the unit's to lead, and false when it is done.
	turn chan bool
	told bool // that it is done
}

// queue has the units that wait, of which one batch at a time is run. Whoever finds
// it idle leads: it runs its own unit at once, alone, while those who come then
// wait and make up the next batch, which the first of them leads. So a batch is
// as large as the store is slow, and nobody ever waits for a batch to fill.
//
// A batch comes to its end by when the first of its callers is to be answered, and begins
// nothing late. So who leads is answered in time, and so is who waits: what is before it came
// before it. Only a part of a request that has gone on for a while may have less time than those
// before it, and be told as late as they are; if it is too late as it comes it is told at once.
// What has time left where its batch has none waits for the next.
type queue struct {
	mu      sync.Mutex
	busy    bool
	waiting []*count
}

// queues are those of a service.
type queues struct {
	once sync.Once
	kind Batching
	all  []queue
}

// batching is the queues, made for the store on first use.
func (s *Service) batching() *queues {
	s.queues.once.Do(func() {
		s.queues.kind = s.Store.Batching()
		s.queues.all = make([]queue, s.queues.kind.Queues)
	})
	return &s.queues
}

// of is the queue of a customer. No byte of an id need be random: callers give ids too.
func (qs *queues) of(customer billing.CustomerID) *queue {
	return &qs.all[maphash.Comparable(queueSeed, customer)%uint64(len(qs.all))]
}

var queueSeed = maphash.MakeSeed()

// Counting is what a unit of [Service.Count] is about.
type Counting struct {
	Customer billing.CustomerID
	// Features are those whose usage it may record, so that units are put
	// together in the order in which features are locked. One that is left out
	// costs time, no more.
	Features []billing.Code
	// Records is how many it may make.
	Records int
	// Until is by when the caller is to be answered; zero is 40 s from when it comes. Where it
	// is not known by then what has become of a unit, its error says nothing of that.
	Until time.Time
	// Turn is told when the unit waits for others; nil if nobody asks.
	Turn Turn
}

// Turn is that of a request to compute. It is paused while the request waits for a commit
// that another makes for it.
type Turn interface {
	Pause(records int)
	Resume()
}

// Count runs fn, which records usage of one customer by [Work.Consume],
// [Work.MeterUsage] or [Work.RecordUsage] and changes nothing else. It is as
// [Service.Do], but the transaction may be shared with others that come at the
// same time. Each decides in its turn, on what those before it have left, and
// none is told anything before all is committed.
func (s *Service) Count(ctx context.Context, by billing.Actor, what Counting, fn func(*Work) error) error {
	what.Records = max(what.Records, 1)
	if what.Until.IsZero() {
		what.Until = time.Now().Add(answerTime)
	} else if isOver(what.Until) { // it could only wait to be told so
		return errLate
	}
	c := &count{ctx: ctx, Counting: what, by: by, fn: fn, turn: make(chan bool, 2)}
	q := s.batching().of(what.Customer)
	q.mu.Lock()
	q.waiting = append(q.waiting, c)
	leads := !q.busy
	q.busy = true
	q.mu.Unlock()
	for done := false; !done; {
		if leads || c.wait() {
			leads, done = false, s.lead(q)
		} else {
			done = true
		}
	}
	return c.err
}

// over is why the unit is not to be run any more; nil if it is.
func (c *count) over() error {
	err := c.ctx.Err()
	if errors.Is(err, context.DeadlineExceeded) {
		return errLate
	}
	return err
}

// wait returns true when it is the unit's turn to lead, and false when it is done.
func (c *count) wait() (leads bool) {
	if c.Turn == nil {
		return <-c.turn
	}
	c.Turn.Pause(c.Records)
	defer c.Turn.Resume()
	return <-c.turn
}

// next hands the queue on, whose lock is held.
func (q *queue) next() {
	if len(q.waiting) > 0 {
		q.waiting[0].turn <- true
	} else {
		q.busy, q.waiting = false, nil
	}
}

// lead runs the batch that has gathered and hands the queue on. It reports whether the unit
// that leads, which is the first, is done; else it waits again. If it is too late for one of them
// nothing is begun: who is late is told at once, and the others make up the next batch.
func (s *Service) lead(q *queue) (done bool) {
	batch, until := q.take()
	ended := false
	defer func() { done = q.put(batch, ended) }()
	if !isOver(until) {
		s.runAll(batch, until)
	}
	ended = true
	return false // but if it is told
}

// take is the batch that has gathered, and by when it is to come to its end.
func (q *queue) take() (batch []*count, until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, records := 0, 0
	for ; n < len(q.waiting) && (n == 0 || records+q.waiting[n].Records <= maxBatch); n++ {
		c := q.waiting[n]
		if n == 0 || c.Until.Before(until) {
			until = c.Until
		}
		records += c.Records
	}
	batch, q.waiting = q.waiting[:n:n], q.waiting[n:]
	return batch, until
}

// put tells those of a batch who were not told and have no time left, has the others wait as the
// first, and hands the queue on. A batch that has not ended was left by a store that panicked. It
// reports whether the first is done.
func (q *queue) put(batch []*count, ended bool) (done bool) {
	var back []*count
	for i, c := range batch {
		switch {
		case c.told:
		case ended && !isOver(c.Until):
			back = append(back, c)
		case ended:
			fail(batch[i:i+1], errLate)
		default:
			fail(batch[i:i+1], errPanicked)
		}
	}
	done = batch[0].told
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(back) > 0 {
		q.waiting = slices.Concat(back, q.waiting)
	}
	q.next()
	return done
}

// runAll runs a batch, and tells those of it that are done. Of the others nothing is written.
func (s *Service) runAll(batch []*count, until time.Time) {
	rest := batch
	if s.Known != nil {
		rest = s.inMemory(batch, until)
	}
	if len(rest) == 0 {
		return
	}
	s.memory.inStore.Add(uint64(len(rest)))
	for _, part := range s.queues.kind.parts(rest) {
		s.runBatch(part, until)
	}
}

// tell wakes those who wait for units that are done.
func tell(done []*count) {
	for _, c := range done {
		c.told = true
		c.turn <- false // which has room, also that of the leader
	}
}

// fail tells units what they have come to.
func fail(units []*count, err error) {
	for _, c := range units {
		c.err = err
	}
	tell(units)
}

// errPanicked is what those are told whose batch ended in a panic of the store.
// As after a commit that failed, they cannot know what is written.
var errPanicked = errors.New("the store panicked")

// parts are the transactions that a batch makes: one, or one for each customer
// in the order of the first that came. In these the units come in the order in
// which their features are locked; those of one feature, as they came.
func (b Batching) parts(batch []*count) [][]*count {
	if b.Serial {
		return [][]*count{batch}
	}
	var parts [][]*count
	of := make(map[billing.CustomerID]int, len(batch))
	for _, c := range batch {
		i, ok := of[c.Customer]
		if !ok {
			i, parts = len(parts), append(parts, nil)
			of[c.Customer] = i
		}
		parts[i] = append(parts[i], c)
	}
	for _, part := range parts {
		slices.SortStableFunc(part, func(a, b *count) int { return cmp.Compare(a.firstFeature(), b.firstFeature()) })
	}
	return parts
}

func (c *Counting) firstFeature() billing.Code {
	if len(c.Features) == 0 {
		return ""
	}
	return slices.Min(c.Features)
}

// runBatch runs units in one transaction, and tells them. If that cannot be done for the
// fault of one of them, and nothing is written, each gets its own. If it is too late to begin
// nobody is told.
func (s *Service) runBatch(batch []*count, until time.Time) {
	if isOver(until) {
		return
	}
	// The transaction must not end because one caller has gone.
	ctx, cancel := s.Within(context.WithoutCancel(batch[0].ctx), until)
	defer cancel()
	undone, err := s.transact(ctx, true, func(ses *session) error {
		for _, c := range batch {
			if c.err = c.over(); c.err != nil {
				continue
			}
			before := ses.written
			c.err = c.run(ses)
			if c.err != nil && (!isRefusal(c.err) || ses.written != before) {
				return c.err
			}
		}
		return nil
	})
	switch {
	case err == nil:
		tell(batch)
	case undone && len(batch) > 1 && !isSlow(err): // nobody waits a second time for what they all want
		for i := range batch {
			s.runBatch(batch[i:i+1], until)
		}
	default:
		fail(batch, err)
	}
}

// run runs the unit. Whoever leads runs those of others too, and must not panic
// for them.
func (c *count) run(ses *session) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.fn(&Work{ses, c.by})
}

// isRefusal reports whether an error is an answer to the caller, and no fault.
func isRefusal(err error) bool {
	var several billing.Errors
	var one *billing.Error
	return errors.As(err, &several) || errors.As(err, &one) && one.Kind != billing.Internal
}
