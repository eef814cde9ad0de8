// The command with runs another one beside a PostgreSQL cluster for tests:
//
//	go run ./internal/pgtest/with go test ./...
//
// The cluster is started before, with settings that are fast and not durable,
// named to the command in ALLOT_TEST_POSTGRES, and gone when the command ends.
// Where that variable is set already, nothing is started. Where PostgreSQL is
// not installed the command runs all the same, and its tests say what they skip.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/allot-dev/allot/internal/pgtest"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
	}
	os.Exit(code)
}

// run returns the exit code of the command.
func run(args []string) (int, error) {
	if len(args) == 0 {
		return 2, errors.New("want a command to run")
	}
	// Before there is something to clean up.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)

	if os.Getenv(pgtest.Variable) == "" {
		cluster, err := pgtest.Start(context.Background(), pgtest.Options{Settings: map[string]string{
			"fsync":              "off",
			"full_page_writes":   "off",
			"synchronous_commit": "off",
			"max_connections":    "500", // packages are tested at the same time
		}})
		switch {
		case errors.Is(err, pgtest.ErrNotInstalled):
			fmt.Fprintln(os.Stderr, "with:", err)
		case err != nil:
			return 1, err
		default:
			defer cluster.Close()
			if err := os.Setenv(pgtest.Variable, cluster.URL("postgres")); err != nil {
				return 1, err
			}
		}
	}

	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // it may have ended
		case err := <-ended:
			if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
				return exit.ExitCode(), nil
			}
			if err != nil {
				return 1, err
			}
			return 0, nil
		}
	}
}
