package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Workload is what is sent, and how it is told that the answers are right.
// Requests are numbered, so that what request n is depends on nothing else.
type Workload struct {
	// Render appends request n, head and body, to a buffer and returns it. It is
	// called from many goroutines and its time is the client's.
	Render func(buf []byte, n uint64) []byte
	// Status is the status that every answer must have; 0 is 200.
	Status int
	// Length is how many bytes the body of every answer must have; 0 is any.
	Length int
	// Verify looks at the whole answer to request n. It gets the first answer of
	// each connection, and every [SampleEvery]th. Nil: status and length will do.
	Verify func(n uint64, body []byte) error
}

// SampleEvery is how many requests there are to one whose answer is verified
// whole.
const SampleEvery = 1000

// Load is one measurement.
type Load struct {
	Address     string // host:port
	Connections int
	Workload    Workload
	// First is the number of the first request; see [Sample.Next].
	First uint64
	// The measurement ends after Duration, or, if that is not 0, after as many
	// Requests; those must be answered within Duration and two minutes.
	Duration time.Duration
	Requests uint64
	// Rate is how many requests are sent a second, over all connections: an open
	// loop. A request counts as sent when it was due, so that what waits for a
	// connection behind slow answers counts as slow itself. 0 is a closed loop:
	// each connection sends its next request when it has its answer.
	Rate float64
	// PID is the server's process, whose processor time is taken; 0 if unknown.
	PID int
	// Meter is read when the measurement begins, and when it ends. It may be nil.
	Meter Meter
}

// Meter tells what has been spent so far beside the server's own processor time.
type Meter func(context.Context) (Spent, error)

// Spent is what a [Meter] has counted. What is not known is 0 each time.
type Spent struct {
	// Written is bytes to storage. With Answers, those of the answers to requests are
	// among them, as a process's writes are counted together; a [Sample] is without.
	Written  int64
	Answers  bool
	Database time.Duration // processor time of the database's processes
}

// read is nothing of a meter that there is not.
func (m Meter) read(ctx context.Context) (Spent, error) {
	if m == nil {
		return Spent{}, nil
	}
	return m(ctx)
}

// During counts what is spent while run runs, which returns its sample.
func (m Meter) During(ctx context.Context, run func() (Sample, error)) (Sample, error) {
	before, err := m.read(ctx)
	if err != nil {
		return Sample{}, err
	}
	s, err := run()
	if err != nil {
		return s, err
	}
	s.Spent, err = m.since(ctx, before)
	return s, err
}

// since is what was spent since a reading.
func (m Meter) since(ctx context.Context, before Spent) (Spent, error) {
	after, err := m.read(ctx)
	return Spent{after.Written - before.Written, after.Answers, after.Database - before.Database}, err
}

// Sample is what one measurement found.
type Sample struct {
	Requests uint64
	Elapsed  time.Duration
	// CPU is the server's processor time, user and system; 0 if it is not known.
	CPU     time.Duration
	Spent   Spent // beside that
	Latency Histogram
	// Next is a number from which on no request has had any.
	Next uint64
}

// patience is how long all answers may be late before a measurement fails.
const patience = 2 * time.Minute

// Run measures once, on connections of its own. The first request of each is not
// counted: it pays for the connection. The error is that of the first answer that
// is not what it must be.
func (l Load) Run(ctx context.Context) (Sample, error) {
	run := &run{Load: l}
	run.ticket.Store(l.First)
	defer run.close()
	for range max(1, l.Connections) {
		socket, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Address)
		if err != nil {
			return Sample{}, err
		}
		run.conns = append(run.conns, newConn(socket))
	}
	defer context.AfterFunc(ctx, run.close)()
	s, err := run.measure(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return s, err
}

// Once sends the first request alone, and verifies the answer.
func (l Load) Once(ctx context.Context) error {
	socket, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Address)
	if err != nil {
		return err
	}
	run := &run{Load: l, conns: []*conn{newConn(socket)}}
	run.ticket.Store(l.First)
	defer run.close()
	defer context.AfterFunc(ctx, run.close)()
	return (&worker{run: run, conn: run.conns[0]}).once()
}

// run is a measurement under way.
type run struct {
	Load
	conns []*conn

	ticket  atomic.Uint64 // the number of the next request
	begins  time.Time
	ends    time.Time
	counted uint64 // the number of the first request that counts
	last    uint64 // requests are numbered below it, unless it is 0
	failed  atomic.Bool
	closing sync.Once
}

func (r *run) close() {
	r.closing.Do(func() {
		for _, c := range r.conns {
			c.socket.Close()
		}
	})
}

func (r *run) measure(ctx context.Context) (Sample, error) {
	ready, begin := make(chan error), make(chan struct{})
	histograms := make([]Histogram, len(r.conns))
	errs := make([]error, len(r.conns))
	var working sync.WaitGroup
	for i, c := range r.conns {
		working.Go(func() {
			w := &worker{run: r, conn: c, latency: &histograms[i]}
			err := w.once()
			ready <- err
			<-begin
			if err == nil {
				errs[i] = w.work()
			}
		})
	}
	var err error
	for range r.conns {
		err = cmp.Or(err, <-ready)
	}
	received := r.received()
	spent, unread := r.Meter.read(ctx)
	err = cmp.Or(err, unread)
	r.failed.Store(err != nil)
	r.counted = r.ticket.Load()
	if r.Requests > 0 {
		r.last = r.counted + r.Requests
	}
	before, known := CPUTime(r.PID)
	r.begins = time.Now()
	r.ends = r.begins.Add(r.Duration)
	close(begin)
	working.Wait()
	s := Sample{Elapsed: time.Since(r.begins), Next: r.ticket.Load()}
	if r.last > 0 {
		s.Next = r.last // each worker has drawn one beyond, and seen that it was the end
	}
	if after, still := CPUTime(r.PID); known && still {
		s.CPU = after - before
	}
	if s.Spent, unread = r.Meter.since(ctx, spent); unread != nil {
		err = cmp.Or(err, unread)
	}
	if s.Spent.Answers {
		s.Spent.Written = max(0, s.Spent.Written-(r.received()-received))
		s.Spent.Answers = false
	}
	for i := range histograms {
		s.Latency.Merge(&histograms[i])
	}
	s.Requests = s.Latency.Count()
	// One will do: when a server fails, the others say the same.
	err = cmp.Or(err, cmp.Or(errs...))
	if err == nil && s.Requests == 0 {
		err = errors.New("not one answer came within the time: want a longer one")
	}
	return s, err
}

// received is how many bytes of answers have come over all connections. It is for
// when none is under way.
func (r *run) received() (n int64) {
	for _, c := range r.conns {
		n += c.got.bytes
	}
	return n
}

// worker sends requests over one connection.
type worker struct {
	*run
	conn    *conn
	buf     []byte
	latency *Histogram
	sent    int
}

// once sends a request that does not count.
func (w *worker) once() error {
	if err := w.conn.socket.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	n := w.ticket.Add(1) - 1
	w.render(n)
	return w.send(n)
}

func (w *worker) work() error {
	// One deadline for all requests: setting it for each would cost.
	if err := w.conn.socket.SetDeadline(w.begins.Add(w.Duration + patience)); err != nil {
		return err
	}
	now := time.Now()
	for !w.failed.Load() {
		if w.last == 0 && !now.Before(w.ends) {
			return nil
		}
		n := w.ticket.Add(1) - 1
		if w.last > 0 && n >= w.last {
			return nil
		}
		w.render(n)
		sent := time.Now()
		if w.Rate > 0 {
			due := w.begins.Add(time.Duration(float64(n-w.counted) / w.Rate * float64(time.Second)))
			if w.last == 0 && !due.Before(w.ends) {
				return nil
			}
			time.Sleep(due.Sub(sent))
			sent = due
		}
		if err := w.send(n); err != nil {
			w.failed.Store(true)
			return err
		}
		now = time.Now()
		w.latency.Record(now.Sub(sent))
	}
	return nil
}

func (w *worker) render(n uint64) { w.buf = w.Workload.Render(w.buf[:0], n) }

// send sends what is rendered and checks the answer.
func (w *worker) send(n uint64) error {
	status, body, err := w.conn.exchange(w.buf)
	if err != nil {
		return fmt.Errorf("request %d: %w", n, err)
	}
	want := w.Workload.Status
	if want == 0 {
		want = 200
	}
	if status != want {
		return fmt.Errorf("request %d is answered with %d, want %d: %.300s", n, status, want, body)
	}
	if w.Workload.Length > 0 && len(body) != w.Workload.Length {
		return fmt.Errorf("request %d is answered with %d bytes, want %d: %.300s", n, len(body), w.Workload.Length, body)
	}
	if w.Workload.Verify != nil && w.sent%SampleEvery == 0 {
		if err := w.Workload.Verify(n, body); err != nil {
			return fmt.Errorf("the answer to request %d is wrong: %w", n, err)
		}
	}
	w.sent++
	return nil
}
