//go:build linux

package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// small is a directory on a disk of its own of a few MiB.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("a disk of its own needs the right to mount one: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves no room on the disk of a directory, and returns what makes some again.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(bytes.Repeat([]byte{1}, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// exhaust writes until the room is used up that the database's files have on a full disk.
func exhaust(t *testing.T, c *client.Client) {
	t.Helper()
	much := map[string]string{}
	for i := range 40 {
		much[fmt.Sprint("key ", i)] = strings.Repeat("x", 400)
	}
	await(t, func() bool {
		_, err := c.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: rand.Text(), Metadata: much})
		return err != nil && strings.Contains(err.Error(), api.CodeDiskFull)
	})
}

// A full disk is said by readiness, and by the refusal of what would be written; reads go on.
func TestReadyOnAFullDisk(t *testing.T) {
	r := start(t, Config{Place: Place{Data: small(t)}})
	c, token := r.client(t)
	if code := write(t, c); code != "" {
		t.Fatal(code)
	}
	if _, err := c.Catalog.Apply(t.Context(), []byte(`
currency: usd
features: [{code: calls, name: Calls, type: metered}]
plan_groups: [{code: teams, name: Teams, customer_type: organization, default: true}]
plans: [{code: free, name: Free, group: teams, status: published, default: true, ask_for_card: false, items: [{feature: calls}]}]`), false); err != nil {
		t.Fatal(err)
	}
	customer, err := c.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	usage := `{"records": [{"feature_code": "calls", "value": "1", "customer_id": "` + customer.ID + `"}, {"feature_code": "none", "value": "1", "customer_id": "` + customer.ID + `"}]}`
	if status, body := r.post(t, "/v1/usage", token, usage); status != 200 || !strings.Contains(body, `"recorded"`) || !strings.Contains(body, "FEATURE_NOT_FOUND") {
		t.Fatalf("with room: %d %s", status, body)
	}
	if status, body := r.get(t, "/readyz", ""); status != 200 {
		t.Fatalf("with room: %d %s", status, body)
	}
	free := fill(t, filepath.Dir(r.keyFile))
	exhaust(t, c)
	await(t, func() bool {
		status, body := r.get(t, "/readyz", "")
		return status == 503 && strings.Contains(body, `"code":"DISK_FULL"`)
	})
	if status, body := r.get(t, "/v1/customers", token); status != 200 {
		t.Errorf("a read on a full disk: %d %s", status, body)
	}
	if status, body := r.post(t, "/v1/usage", token, usage); status != 503 || !strings.Contains(body, `{"errors":[{"code":"DISK_FULL"`) {
		t.Errorf("usage of which nothing can be counted on a full disk: %d %s", status, body)
	}
	free()
	await(t, func() bool { return write(t, c) == "" })
	await(t, func() bool { status, _ := r.get(t, "/readyz", ""); return status == 200 })
}

// A client that is revoked on a full disk is shut out of the running server within a second, for
// good.
func TestRevokeOnAFullDisk(t *testing.T) {
	t.Run("beside the server", func(t *testing.T) {
		revokeOnAFullDisk(t, func(r *running, id string) error {
			tool, err := Open(t.Context(), Place{Data: filepath.Dir(r.keyFile)})
			if err != nil {
				return err
			}
			return errors.Join(tool.RevokeClient(t.Context(), id), tool.Close())
		})
	})
	t.Run("by the server", func(t *testing.T) {
		revokeOnAFullDisk(t, func(r *running, id string) error { return r.RevokeClient(t.Context(), id) })
	})
}

func revokeOnAFullDisk(t *testing.T, revoke func(r *running, id string) error) {
	place := Place{Data: small(t)}
	r := start(t, Config{Place: place})
	c, _ := r.client(t)
	id, token := r.token(t)
	if status, _ := r.get(t, "/v1/customers", token); status != 200 {
		t.Fatal(status)
	}
	free := fill(t, place.Data)
	exhaust(t, c)
	if err := revoke(r, id); err != nil {
		t.Fatal(err)
	}
	revoked := time.Now()
	await(t, func() bool { status, _ := r.get(t, "/v1/customers", token); return status == 403 })
	if took := time.Since(revoked); took > time.Second {
		t.Errorf("it took effect after %v", took)
	}
	free()
	r.end(t)
	r = start(t, Config{Place: place})
	if status, _ := r.get(t, "/v1/customers", token); status != 403 {
		t.Errorf("after a restart: %d", status)
	}
	if err := r.place.store.KeepSpare(); err != nil {
		t.Errorf("the room is not kept again: %v", err)
	}
}

// A signing key that the key file does not open is said by readiness: every token would be a
// fault.
func TestReadyWithoutSigning(t *testing.T) {
	place := Place{Data: t.TempDir()}
	r := start(t, Config{Place: place})
	if status, body := r.get(t, "/readyz", ""); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	other := place
	other.KeyFile = filepath.Join(t.TempDir(), "other.key")
	tool, err := Open(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	rotate(t, tool)
	await(t, func() bool {
		status, body := r.get(t, "/readyz", "")
		return status == 503 && strings.Contains(body, `"code":"KEY_UNREADABLE"`) && strings.Contains(body, "allot key rotate --lost-key-file")
	})
}

// rotate makes a new signing key, with a key file that need not be the right one.
func rotate(t *testing.T, i *Installation) {
	t.Helper()
	if _, err := i.RotateKey(t.Context(), true); err != nil {
		t.Fatal(err)
	}
}

// However often readiness is asked for, little is written for it.
func TestProbeIsBounded(t *testing.T) {
	r := start(t, Config{Place: Place{Data: t.TempDir()}})
	tries := 0
	try := r.probe.try
	r.probe.try = func(ctx context.Context) error { tries++; return try(ctx) }
	for range 200 {
		if status, body := r.get(t, "/readyz?"+rand.Text(), ""); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	if tries > 2 {
		t.Errorf("200 requests wrote %d times", tries)
	}
}
