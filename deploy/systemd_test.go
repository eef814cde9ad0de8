package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The unit loads without a word of complaint, and leaves little to an intruder: at most 2.0
// of 10 by the measure of systemd.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: the unit is not checked")
	}
	text, err := os.ReadFile("systemd/allot.service")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable() // any will do
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) (verify, security []byte, fault error) {
		unit := filepath.Join(t.TempDir(), "allot.service")
		if err := os.WriteFile(unit, []byte(strings.ReplaceAll(text, "/usr/local/bin/allot", program)), 0o600); err != nil {
			t.Fatal(err)
		}
		verify, _ = exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
		security, fault = exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", unit).CombinedOutput()
		return verify, security, fault
	}
	verify, security, fault := check(string(text))
	if strings.Contains(string(verify), "allot.service") {
		t.Errorf("systemd-analyze verify: %s", verify)
	}
	if fault != nil && strings.Contains(string(security), "Overall exposure") {
		t.Errorf("systemd-analyze security: %v\n%s", fault, security)
	} else if fault != nil {
		t.Skipf("systemd-analyze cannot measure a file here: %s", security) // before systemd 250
	}
	if verify, _, _ := check(strings.Replace(string(text), "ProtectHome=yes", "ProtectHome=perhaps\nPoison=1", 1)); !strings.Contains(string(verify), "Poison") {
		t.Errorf("a fault is not seen: %s", verify)
	}
	if _, _, fault := check(strings.NewReplacer("CapabilityBoundingSet=\n", "", "NoNewPrivileges=yes\n", "", "User=allot\n", "", "SystemCallFilter=@system-service\n", "").Replace(string(text))); fault == nil {
		t.Error("a unit without bounds is not seen")
	}
}
