package store

import (
	"testing"

	"github.com/allot-dev/allot/internal/pgtest"
)

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
