package cli_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/pgtest"
)

// TestCopyOfLiveInstallation moves an installation from SQLite to PostgreSQL
// while its server is written to: customers, changes of plan, usage and consumes.
// It is copied under load three times, the first of which is killed; then the
// server is killed and what is left is brought over. Everything acknowledged must be on the
// new side, in the same state.
func TestCopyOfLiveInstallation(t *testing.T) {
	k := newKilled(t)
	target := pgtest.URL(t)
	from, to := "sqlite:"+k.dir+"/allot.db", target
	moved := *k
	moved.env = append([]string{"ALLOT_DATABASE=" + to}, k.env...)
	// So that what is killed is the copy. Who is killed while it makes the schema
	// keeps others from that for as long as its lease.
	moved.run(t, new(struct{}), "migrate", "--json")
	b, allot := k.start(t)

	l := newLoad(t, k, b, allot)
	l.await(100)
	broken, _, err := spawn(k.program, k.dir, k.env, "copy", "--from", from, "--to", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broken.kill)
	l.await(60) // by then it is somewhere
	broken.kill()
	first := k.copy(t, from, to)
	if first.Source != "served" || first.Whole || !first.Equal {
		t.Errorf("a copy after one that was killed: %+v", first)
	}
	l.await(100)
	second := k.copy(t, from, to)
	if second.Source != "served" || second.Whole || !second.Equal || second.Written == 0 {
		t.Errorf("the second copy: %+v", second)
	}
	l.await(100)
	partial, _, err := spawn(k.program, k.dir, moved.env, k.serve...)
	if err != nil {
		t.Fatal(err)
	}
	<-partial.exited
	if code := partial.cmd.ProcessState.ExitCode(); code != 1 || !partial.awaitLog("not whole yet") {
		t.Errorf("a server on the copy ended with %d: %s", code, partial.text(&partial.log))
	}

	b.kill()
	customers := append(l.wait(), &known{orgCode: t.Name(), id: l.busy, plan: "busy"})
	k.http.CloseIdleConnections()
	last := k.copy(t, from, to)
	if last.Source != "at rest" || !last.Whole || !last.Equal || last.Written == 0 {
		t.Errorf("the last copy: %+v", last)
	}
	if again := k.copy(t, from, to); again.Written != 0 || again.Removed != 0 || !again.Whole {
		t.Errorf("one more copy: %+v", again)
	}

	k.noDrift(t)
	moved.noDrift(t)
	b, allot = moved.start(t) // with the token from before
	moved.verify(t, allot, customers, true)
	l.verify(&moved, b.address(), allot)
	t.Logf("%d rows; written %d, %d, %d; %d consumes and %d records acknowledged",
		last.Rows, first.Written, second.Written, last.Written, len(l.consumed), len(l.recorded))
}

// copyReport is what "allot copy --json" prints.
type copyReport struct {
	Rows    int64  `json:"rows"`
	Written int64  `json:"written"`
	Removed int64  `json:"removed"`
	Equal   bool   `json:"equal"`
	Source  string `json:"source"`
	Whole   bool   `json:"whole"`
}

func (k *killed) copy(t *testing.T, from, to string) copyReport {
	t.Helper()
	var r copyReport
	k.run(t, &r, "copy", "--from", from, "--to", to, "--json")
	return r
}

const (
	loadWriters = 3    // of each kind
	loadRecords = 5    // of usage, in one request
	recordValue = 0.25 // of each
)

// load is what writes to a server until that is gone.
type load struct {
	writing  sync.WaitGroup
	due      chan struct{} // receives for each acknowledged write
	gone     chan struct{} // closed when nobody writes any more
	t        *testing.T
	busy     string // the customer that consumes
	mu       sync.Mutex
	mine     [][]*known
	consumed map[string]bool // by its key, whether it was allowed
	maybe    int             // consumes that were not answered
	recorded []string        // ids
}

func newLoad(t *testing.T, k *killed, b *background, allot *client.Client) *load {
	t.Helper()
	l := &load{
		t: t, busy: busyCustomer(t, allot), consumed: map[string]bool{}, mine: make([][]*known, loadWriters),
		due: make(chan struct{}), gone: make(chan struct{}),
	}
	for w := range loadWriters {
		random := rand.New(rand.NewPCG(2026, uint64(w)))
		l.writing.Go(func() {
			l.repeat(func(int) error {
				c, err := write(t.Context(), allot, random, l.mine[w])
				if c != nil {
					l.mine[w] = append(l.mine[w], c)
				}
				return err
			})
		})
		l.writing.Go(func() {
			l.repeat(func(nth int) error {
				key := fmt.Sprintf("key %d %d", w, nth)
				c, err := k.consume(t, b.address(), l.busy, key)
				l.mu.Lock()
				defer l.mu.Unlock()
				if err != nil {
					l.maybe++
					return err
				}
				l.consumed[key] = c.Allowed
				return nil
			})
		})
		l.writing.Go(func() {
			l.repeat(func(nth int) error {
				ids := make([]string, loadRecords)
				reports := make([]api.UsageReport, len(ids))
				for i := range ids {
					ids[i] = fmt.Sprintf("record %d %d %d", w, nth, i)
					reports[i] = l.report(ids[i])
				}
				if _, err := allot.Usage.Record(t.Context(), reports); err != nil {
					return err
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				l.recorded = append(l.recorded, ids...)
				return nil
			})
		})
	}
	go func() {
		l.writing.Wait()
		close(l.gone)
	}()
	return l
}

// repeat writes until the server is gone.
func (l *load) repeat(once func(nth int) error) {
	for nth := 0; ; nth++ {
		if err := once(nth); err != nil {
			if refused, ok := errors.AsType[*client.Error](err); ok {
				l.t.Errorf("refused: %v", refused)
			}
			return
		}
		select {
		case l.due <- struct{}{}:
		default: // nobody waits for it
		}
	}
}

// await waits for some more writes to be acknowledged.
func (l *load) await(writes int) {
	l.t.Helper()
	for range writes {
		select {
		case <-l.due:
		case <-l.gone:
			l.t.Fatal("nobody writes any more")
		}
	}
}

// wait waits until all have found the server gone, and returns the customers.
func (l *load) wait() []*known {
	<-l.gone
	return slices.Concat(l.mine...)
}

// verify asks a server again for all that was acknowledged by another: each
// answer is there, and nothing is counted twice.
func (l *load) verify(k *killed, address string, allot *client.Client) {
	t := l.t
	t.Helper()
	allowed := 0
	for key, was := range l.consumed {
		c, err := k.consume(t, address, l.busy, key)
		if err != nil || c.status != http.StatusOK || !c.replayed || c.Allowed != was {
			t.Fatalf("%s was answered allowed=%v, and is now %d %s, replayed=%v, %v", key, was, c.status, c.body, c.replayed, err)
		}
		if was {
			allowed++
		}
	}
	for ids := range slices.Chunk(l.recorded, api.MaxUsageRecords) {
		reports := make([]api.UsageReport, len(ids))
		for i, id := range ids {
			reports[i] = l.report(id)
		}
		results, err := allot.Usage.Record(t.Context(), reports)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Status != api.UsageDuplicate || r.Error != nil {
				t.Fatalf("record %s was acknowledged, and is now %+v", r.ID, r)
			}
		}
	}
	d, err := allot.Check(t.Context(), client.CheckParams{CustomerID: l.busy, FeatureCode: "calls"})
	if err != nil {
		t.Fatal(err)
	}
	used, err := strconv.ParseFloat(string(d.Used), 64)
	if err != nil {
		t.Fatal(err)
	}
	least := float64(allowed) + float64(len(l.recorded))*recordValue
	most := least + float64(l.maybe) + loadWriters*loadRecords*recordValue // what was under way
	if used < least || used > most {
		t.Errorf("%v calls are used, want %v to %v", used, least, most)
	}
}

func (l *load) report(id string) api.UsageReport {
	return api.UsageReport{ID: id, CustomerID: l.busy, FeatureCode: "calls", Value: api.Decimal(fmt.Sprint(recordValue))}
}
