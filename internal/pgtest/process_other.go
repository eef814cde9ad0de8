//go:build !unix

package pgtest

import "os/exec"

// Elsewhere no cluster is run; it only has to build.

func apart(*exec.Cmd) {}

func as(*exec.Cmd, int, int) {}
