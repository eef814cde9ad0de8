// Command peers measures Allot beside other servers that a caller might ask
// "what may this customer use?": each is fetched at a pinned version, built and
// started on loopback, given comparable data, driven, and stopped again.
//
//	go run -C bench/peers . openfga
//
// Key decision: no figure stands alone. Every run of a peer has a run of Allot
// just before it, on the same machine, with the same driver, and what is
// reported is the median of their ratios; both servers' processor time per
// request is counted, because on a machine that others use too it says more than
// requests per second. README.md says what is compared and what is not the same.
//
// Start reading at compare. A recipe, the function that sets one peer up, is in
// the file named after the peer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// recipes are the peers by the name they are called by.
var recipes = map[string]recipe{
	"openfga":        openFGA,
	"openfga-cached": openFGACached,
	"stripe-mock":    stripeMock,
	"prism":          prism,
}

// A recipe builds and starts a peer and gives it its data. The peer runs until
// the context ends.
type recipe func(ctx context.Context, w *workshop, allot *server) (*server, error)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// errUsage is a command line that cannot be followed; what is wrong was said.
var errUsage = errors.New("wrong usage")

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: go run -C bench/peers . [flags] PEER\n\nPEER is one of",
			strings.Join(slices.Sorted(maps.Keys(recipes)), ", ")+".\n\nFlags:")
		flags.PrintDefaults()
	}
	rounds := flags.Int("rounds", 5, "how often each pair of Allot and the peer is run")
	length := flags.Duration("length", 3*time.Second, "how long each run lasts")
	warm := flags.Duration("warm", 2*time.Second, "how long each server is driven beforehand, at each number of connections")
	connections := intList{16, 64}
	flags.Var(&connections, "connections", "numbers of connections, each with one request under way")
	out := flags.String("out", "", "file for the result, - for standard output (default ../results/peers-PEER.json)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag set said why
	}
	name := flags.Arg(0)
	recipe, known := recipes[name]
	if flags.NArg() != 1 || !known || *rounds < 1 || *length <= 0 || *warm <= 0 {
		flags.Usage()
		return errUsage
	}
	if *out == "" {
		*out = filepath.Join("..", "results", "peers-"+name+".json")
	}

	w, err := openWorkshop()
	if err != nil {
		return err
	}
	defer w.close()
	allot, err := startAllot(ctx, w)
	if err != nil {
		return err
	}
	defer allot.stop()
	peer, err := recipe(ctx, w, allot)
	if err != nil {
		return err
	}
	defer peer.stop()
	r, err := compare(ctx, allot, peer, settings{
		rounds: *rounds, length: *length, warm: *warm, connections: connections,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s %s %s\n", peer.name, peer.version, strings.Join(peer.settings, " "))
	return errors.Join(r.WriteText(os.Stderr), r.write(*out))
}

// intList is a flag of positive numbers separated by commas.
type intList []int

func (l *intList) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*l), " ", ","), "[]")
}

func (l *intList) Set(text string) error {
	*l = nil
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return fmt.Errorf("%q: want numbers such as 16,64", text)
		}
		*l = append(*l, n)
	}
	return nil
}
