package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// ErrNotInstalled means that there is no PostgreSQL server on the machine.
var ErrNotInstalled = errors.New("no PostgreSQL server is installed: want Debian's package postgresql, or initdb on the PATH")

// binaries is the directory with the programs of the newest PostgreSQL: where
// Debian keeps them off the PATH, else on it.
func binaries() (string, error) {
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(debian) > 0 {
		newest := slices.MaxFunc(debian, func(a, b string) int { return cmp.Compare(version(a), version(b)) })
		return filepath.Dir(newest), nil
	}
	found, err := exec.LookPath("initdb")
	if err != nil {
		return "", ErrNotInstalled
	}
	found, err = filepath.EvalSymlinks(found)
	return filepath.Dir(found), err
}

// version is that of a program in Debian's directories.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// command is a program to be run as the owner of clusters.
func command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		uid, gid, err := postgres()
		if err != nil {
			return nil, err
		}
		as(cmd, uid, gid)
	}
	return cmd, nil
}

// own gives a file or directory to the owner of clusters.
func own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := postgres()
	if err != nil {
		return err
	}
	return os.Chown(path, uid, gid)
}

// postgres is the user that Debian's package makes. PostgreSQL refuses to run as
// root.
func postgres() (uid, gid int, err error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, 0, fmt.Errorf("PostgreSQL cannot run as root: %w", err)
	}
	uid, err = strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return uid, gid, errors.Join(err, err2)
}
