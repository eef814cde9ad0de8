package store

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
				appendChange(t, st)
			}
			for feedLength(t, st) < nodes*changes {
				<-heard
			}
		})
	}
	wg.Wait()
}

func TestReplicaIsOptional(t *testing.T) {
	url := pgtest.URL(t)
	st, err := Open(t.Context(), Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if st.Replica() != nil {
		t.Error("there is a replica that was not given")
	}
	// One that is not there does not keep a server from starting.
	with, err := Open(t.Context(), Options{URL: url, ReplicaURL: "postgres://127.0.0.1:1/db"})
	if err != nil {
		t.Fatal(err)
	}
	defer with.Close()
	if with.Replica() == nil {
		t.Error("there is no replica")
	}
}

// From a commit on one node to its place in the feed as another sees it, with
// the lease at a third.
func BenchmarkFeed(b *testing.B) {
	url := pgtest.URL(b)
	open := func(holder string) *Store {
		st, stop := node(b.Context(), b, url, holder)
		b.Cleanup(stop)
		return st
	}
	leader := open("leader")
	first := leader.Heard()
	appendChange(b, leader)
	for feedLength(b, leader) == 0 {
		<-first
	}
	writer, reader := open("writer"), open("reader")
	heard := reader.Heard()
	var took []time.Duration
	for want := 2; b.Loop(); want++ {
		appendChange(b, writer)
		committed := time.Now()
		for feedLength(b, reader) < want {
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
