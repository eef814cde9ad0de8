//go:build unix

package browser

import (
	"os/exec"
	"syscall"
)

// apart keeps an interrupt of this process from a child, which it reaches through us.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
