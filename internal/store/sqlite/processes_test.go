package sqlite_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/store/storetest"
)

// In this variable a process that counts beside the test finds the database.
const countIn = "ALLOT_TEST_COUNT_IN"

// Increments of a counter by two processes, as of a server and a command beside
// it, are not lost.
func TestCountersOfTwoProcesses(t *testing.T) {
	const ofChild = 100
	path := os.Getenv(countIn)
	child := path != ""
	if !child {
		path = filepath.Join(t.TempDir(), "allot.db")
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	st := sqlstore.New(db.Backend())
	customer := billing.Customer{ID: billing.CustomerID{1}}
	count := func(id string) {
		t.Helper()
		err := st.Update(t.Context(), func(tx service.Tx) error { return storetest.CountOne(tx, customer.ID, id) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if child {
		for i := range ofChild {
			count(fmt.Sprint("child ", i))
		}
		return
	}
	err = st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateCustomer(customer) })
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCountersOfTwoProcesses$")
	cmd.Env = append(os.Environ(), countIn+"="+path)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	done := make(chan error, 1)
	go func() { done <- cmd.Run() }()
	for n := 0; ; n++ { // for as long as the other counts
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the other process: %v", err)
			}
			storetest.CheckCounted(t, st, customer.ID, n+ofChild)
			return
		default:
			count(fmt.Sprint("parent ", n))
		}
	}
}
