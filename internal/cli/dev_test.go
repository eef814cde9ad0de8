package cli

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"syscall"
	"testing"

	"github.com/allot-dev/allot/internal/server"
)

// What listens at the address that a newcomer gets when none is asked for does not
// keep the example from being served, but is said.
func TestDevTakesAnotherPort(t *testing.T) {
	other, err := new(net.ListenConfig).Listen(t.Context(), "tcp", server.DefaultListen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE): // by something else, which does as well
	case err != nil:
		t.Fatal(err)
	default:
		defer other.Close()
	}
	ctx, stop := context.WithCancel(t.Context())
	srv, taken, err := new(devCommand).start(ctx, &session{err: io.Discard}, t.TempDir())
	if err != nil {
		stop()
		t.Fatal(err)
	}
	if taken != server.DefaultListen || srv.Addr().String() == server.DefaultListen {
		t.Errorf("it listens on %s and says that %q is taken", srv.Addr(), taken)
	}
	stop()
	if err := srv.Wait(); err != nil {
		t.Error(err)
	}
}

func TestShellWord(t *testing.T) {
	for _, text := range []string{"plain", "/var/allot-dev-1/env", "it's", "a b", "$HOME", "`id`", "", "a\nb", "*", "é"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellWord(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q is read as %q (%v)", text, out, err)
		}
	}
}
