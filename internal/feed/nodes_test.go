package feed_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/pgtest"
)

// Nodes that share a database all get the one feed, whoever of them makes it.
func TestNodes(t *testing.T) {
	url := pgtest.URL(t)
	const nodes, changes = 3, 20
	var wg sync.WaitGroup
	for i := range nodes {
		st, stop := node(t.Context(), t, url, fmt.Sprint("node ", i))
		defer stop()
		heard := st.Heard()
		wg.Go(func() {
			for range changes {
				appendChange(t, st.store)
			}
			for feedLength(t, st.store) < nodes*changes {
				<-heard
			}
		})
	}
	wg.Wait()
}

// From a commit on one node to its place in the feed as another sees it, with
// the lease at a third.
func BenchmarkFeed(b *testing.B) {
	url := pgtest.URL(b)
	open := func(holder string) *member {
		st, stop := node(b.Context(), b, url, holder)
		b.Cleanup(stop)
		return st
	}
	leader := open("leader")
	first := leader.Heard()
	appendChange(b, leader.store)
	for feedLength(b, leader.store) == 0 {
		<-first
	}
	writer, reader := open("writer"), open("reader")
	heard := reader.Heard()
	var took []time.Duration
	for want := 2; b.Loop(); want++ {
		appendChange(b, writer.store)
		committed := time.Now()
		for feedLength(b, reader.store) < want {
			<-heard
		}
		took = append(took, time.Since(committed))
	}
	slices.Sort(took)
	for _, percent := range []int{50, 99} {
		ms := float64(took[len(took)*percent/100].Microseconds()) / 1000
		b.ReportMetric(ms, fmt.Sprintf("p%d-ms", percent))
	}
}
