//go:build unix

package pgtest

import (
	"os/exec"
	"syscall"
)

// apart keeps the signals of a terminal from a program.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr.Setpgid = true }

// as has a program run as a user.
func as(cmd *exec.Cmd, uid, gid int) {
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
