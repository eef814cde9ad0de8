package cli_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// A migration that is killed, then one whose server is killed, then one that is
// left alone: together they move each customer once.
func TestMigrationKilled(t *testing.T) {
	const customers = 300
	k := newKilled(t)
	b, allot := k.start(t)
	ids := make([]string, customers)
	for i := range ids {
		c, err := allot.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: fmt.Sprint("org_", i)})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = c.ID
	}
	changed := []byte(`plans: [{code: small, name: Small, group: teams, status: published, default: true, items: [{feature: seats, max: 4}]}]`)
	if _, err := allot.Catalog.Apply(t.Context(), changed, false); err != nil {
		t.Fatal(err)
	}
	// moved is how many are on the new version; each is there by one move.
	moved := func() (n int) {
		t.Helper()
		for _, id := range ids {
			c, err := allot.Customers.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			all := 0
			for _, err := range allot.Agreements.All(t.Context(), client.AgreementParams{CustomerID: id}) {
				if err != nil {
					t.Fatal(err)
				}
				all++
			}
			if len(c.Agreements) != 1 || int64(all) != c.Agreements[0].Version {
				t.Fatalf("%s has had %d agreements and holds %+v, want one for each version", id, all, c.Agreements)
			}
			n += int(c.Agreements[0].Version - 1)
		}
		return n
	}
	migrate := func() *background {
		t.Helper()
		env := append([]string{"ALLOT_URL=http://" + b.address(), "ALLOT_TOKEN=" + k.token}, k.env...)
		m, _, err := spawn(k.program, k.dir, env, "plan", "migrate", "small", "--to", "2")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.kill)
		return m
	}

	// awaitMoved waits until a migration that runs has moved a customer.
	awaitMoved := func(m *background, id string) {
		t.Helper()
		for {
			c, err := allot.Customers.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if c.Agreements[0].Version == 2 {
				return
			}
			select {
			case <-m.exited:
				t.Fatal(m.text(&m.log))
			case <-time.After(time.Millisecond):
			}
		}
	}

	first := migrate()
	awaitMoved(first, ids[customers/10])
	first.kill()
	afterFirst := moved()

	second := migrate()
	awaitMoved(second, ids[customers*6/10])
	b.kill()
	<-second.exited
	k.http.CloseIdleConnections()
	b, allot = k.start(t)
	afterSecond := moved()

	third := migrate()
	<-third.exited
	if code := third.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit code %d: %s", code, third.text(&third.log))
	}
	if n := moved(); n != customers {
		t.Errorf("%d customers were moved, want %d", n, customers)
	}
	k.noDrift(t)
	t.Logf("moved %d, %d, %d; the second ended with %v:\n%s", afterFirst, afterSecond, customers, second.cmd.ProcessState, second.text(&second.log))
}
