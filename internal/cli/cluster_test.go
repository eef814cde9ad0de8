package cli_test

import (
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/pgtest"
)

// TestClusterConsumesExactly is [TestNodesConsumeExactly] on a database that is
// there, which make test-distributed names: one that is spread over machines, of
// which one is stopped and started meanwhile.
func TestClusterConsumesExactly(t *testing.T) {
	if os.Getenv("ALLOT_TEST_DISTRIBUTED") == "" {
		t.Skip("it is for a cluster of databases: make test-distributed URL=… runs it")
	}
	k := newKilled(t, "ALLOT_DATABASE="+pgtest.URL(t))
	k.http = &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections},
		Timeout:   10 * time.Second, // then a caller tries again
	}
	t.Run("undisturbed", func(t *testing.T) { k.testNodes(t) })
	t.Run("server killed", func(t *testing.T) {
		again := k.testNodes(t, func(_ *testing.T, nodes []*background) { nodes[0].kill() })
		if again == 0 {
			t.Error("no connection was with the server that was killed")
		}
	})
	t.Run("data node stopped", func(t *testing.T) {
		stop, start := os.Getenv("ALLOT_TEST_STOP_NODE"), os.Getenv("ALLOT_TEST_START_NODE")
		if stop == "" || start == "" {
			t.Skip("STOP_NODE and START_NODE are not set: commands that stop and start a data node")
		}
		k.testNodes(t, func(t *testing.T, _ []*background) {
			for _, command := range []string{stop, start} {
				if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", command, err, out)
				}
			}
		})
	})
}
