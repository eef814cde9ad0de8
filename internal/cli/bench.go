package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/bench"
	"github.com/allot-dev/allot/internal/server"
)

type benchCommands struct {
	Run     runBench     `cmd:"" default:"withargs" help:"Measure; without a word between, so does allot bench."`
	Table   tableBench   `cmd:"" help:"Measure what there are goals for, each beside its limit, within some minutes."`
	Seed    seedBench    `cmd:"" help:"Fill an empty database with customers, for measurements."`
	Ceiling ceilingBench `cmd:"" hidden:"" help:"Answer everything with the same bytes: what allot bench compares with."`
}

// benchPlace is where measurements are made. It has no twins in the environment:
// what is set for a real server must not be filled with customers or usage.
type benchPlace struct {
	Data     string `placeholder:"DIR" help:"Directory for the database and the key file." group:"Place:"`
	Database string `placeholder:"URL" help:"The database, such as sqlite:FILE; by default allot.db in the data directory." group:"Place:"`
	Force    bool   `help:"Use a database that has customers of its own too. They stay as they are." group:"Place:"`
}

func (p *benchPlace) place() server.Place { return server.Place{Data: p.Data, Database: p.Database} }

// benchTurns are the flags of how a run measures.
type benchTurns struct {
	Customers int           `default:"100000" placeholder:"N" help:"How many customers there shall be. Default: ${default}."`
	Shrink    int           `default:"1" placeholder:"N" help:"Divide the sizes of growth-holds and the like by so much, to see that they work."`
	Rounds    int           `default:"5" placeholder:"N" help:"Rounds, in each of which every side is measured once. Default: ${default}."`
	Sustained time.Duration `default:"1m" help:"How long the turn of consume-sustained lasts. Default: ${default}."`
	Serve     []string      `placeholder:"FLAG" sep:"none" help:"A further flag of allot serve, such as --serve=--rate-limit=0; may be repeated."`
	Out       string        `placeholder:"FILE" help:"Record everything as JSON in this file too."`
}

// benchHint says where to read on.
const benchHint = "allot bench run --help says what each flag takes"

func (c *benchTurns) check(duration time.Duration) error {
	switch {
	case c.Rounds < 1:
		return usagef(benchHint, "--rounds %d: want 1 or more; 5 for figures to rely on", c.Rounds)
	case c.Customers < 1:
		return usagef(benchHint, "--customers %d: want 1 or more", c.Customers)
	case c.Shrink < 1:
		return usagef(benchHint, "--shrink %d: want 1 or more", c.Shrink)
	case duration <= 0 || c.Sustained <= 0:
		return usagef(benchHint, "--duration, --sustained: want more than nothing")
	}
	return nil
}

// measure runs and says what it has found.
func (c *benchTurns) measure(ctx context.Context, s *session, o bench.Options) (err error) {
	if o.Program, err = os.Executable(); err != nil {
		return err
	}
	o.Customers, o.Shrink, o.Rounds, o.Sustained, o.Serve = c.Customers, c.Shrink, c.Rounds, c.Sustained, c.Serve
	o.Version, o.Progress = s.build().Version, s.note
	report, err := bench.Run(ctx, o)
	if len(report.Comparisons) == 0 && err != nil {
		return benchError(err)
	}
	// What was found before something failed took long enough to be kept.
	if c.Out != "" {
		err = errors.Join(err, report.WriteFile(c.Out))
	}
	if s.json {
		err = errors.Join(err, s.print(report, nil))
	} else {
		err = errors.Join(err, report.WriteText(s.out))
	}
	return benchError(err)
}

type runBench struct {
	benchPlace  `embed:""`
	benchTurns  `embed:""`
	Scenarios   []string      `arg:"" optional:"" name:"scenario" help:"What to measure; all but spread and those of growth if none is named."`
	Sizes       []int         `default:"1000,100000,1000000" placeholder:"N,…" help:"The numbers of customers that growth goes through. Default: ${default}."`
	Connections []int         `default:"16,64" placeholder:"N,…" help:"Numbers of connections. Default: ${default}."`
	Duration    time.Duration `default:"2s" help:"How long a side is measured in a round. Default: ${default}."`
	Rate        float64       `placeholder:"N" help:"Send so many requests a second, whether or not answers have come. By default a connection sends its next request when it has its answer."`

	URL          string `name:"url" placeholder:"URL" help:"Measure a server that runs, on a database that was seeded with --customers. What it costs the processor is not known then." group:"Server:"`
	ClientID     string `placeholder:"ID" env:"ALLOT_CLIENT_ID" help:"The client to call as." group:"Server:"`
	ClientSecret string `placeholder:"SECRET" env:"ALLOT_CLIENT_SECRET" help:"Its secret; better given in the environment." group:"Server:"`
}

// Help lists the scenarios.
func (*runBench) Help() string {
	var b strings.Builder
	b.WriteString("Each figure is compared with the most that could be had, in the same run: a handler that always answers with the same bytes, and for what is durable a bare commit and a bare wait for the disk.\n\nScenarios:\n\n")
	for _, s := range bench.Scenarios() {
		fmt.Fprintf(&b, "  %-22s %s\n", s.Name, s.About)
	}
	return b.String()
}

func (c *runBench) check() error {
	if err := c.benchTurns.check(c.Duration); err != nil {
		return err
	}
	switch {
	case c.Rate < 0:
		return usagef(benchHint, "--rate %g: want requests a second, or 0 for as many as are answered", c.Rate)
	case c.URL != "" && (c.Data != "" || c.Database != ""):
		return usagef(benchHint, "--url is a server that runs, --data and --database are for one that is started: want one of them")
	case c.URL != "" && (c.ClientID == "" || c.ClientSecret == ""):
		return usagef("set ALLOT_CLIENT_ID and ALLOT_CLIENT_SECRET; allot client create prints them", "no credentials for %s", c.URL)
	}
	for _, list := range [][]int{c.Connections, c.Sizes} {
		for _, n := range list {
			if n < 1 {
				return usagef(benchHint, "--connections, --sizes: %d: want numbers of 1 or more", n)
			}
		}
	}
	return nil
}

func (c *runBench) Run(ctx context.Context, s *session) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.measure(ctx, s, bench.Options{
		Scenarios: c.Scenarios, Place: c.place(), Others: c.Force, Sizes: c.Sizes,
		URL: c.URL, ClientID: c.ClientID, ClientSecret: c.ClientSecret,
		Connections: c.Connections, Duration: c.Duration, Rate: c.Rate,
	})
}

type tableBench struct {
	benchPlace `embed:""`
	benchTurns `embed:""`
	Duration   time.Duration `default:"1s" help:"How long a side is measured in a round. Default: ${default}."`
}

func (c *tableBench) Run(ctx context.Context, s *session) error {
	if err := c.check(c.Duration); err != nil {
		return err
	}
	return c.measure(ctx, s, bench.Options{Table: true, Place: c.place(), Others: c.Force, Duration: c.Duration})
}

// note tells on standard error what is going on.
func (s *session) note(format string, args ...any) {
	fmt.Fprintf(s.err, format+"\n", args...)
}

// benchError makes of an error one that says what to do.
func benchError(err error) error {
	if _, ok := errors.AsType[bench.Unknown](err); ok {
		return &usageError{err, "allot bench run --help lists them"}
	}
	if errors.Is(err, bench.ErrOthers) {
		return &hintedError{err, "name a place of its own with --data, or leave it out for a temporary one; --force measures beside them"}
	}
	return err
}

type seedBench struct {
	benchPlace `embed:""`
	Customers  int `required:"" placeholder:"N" help:"How many there shall be, with those seeded before."`
}

func (c *seedBench) Run(ctx context.Context, s *session) error {
	if c.Data == "" && c.Database == "" {
		return usagef("name it with --data or --database", "no place to seed")
	}
	if c.Customers < 1 {
		return usagef("such as --customers 1000000", "--customers %d: want 1 or more", c.Customers)
	}
	seeding := s.newProgress(int64(c.Customers))
	p, err := bench.Seed(ctx, bench.SeedOptions{
		Place: c.place(), Customers: c.Customers, Others: c.Force,
		Progress: func(n int) { seeding.at(int64(n), fmt.Sprintf("%d of %d customers", n, c.Customers)) },
	})
	seeding.end()
	if err != nil {
		return benchError(err)
	}
	return s.print(p, func(w io.Writer) {
		field(w, "customers", strconv.Itoa(p.Customers))
		field(w, "added", strconv.Itoa(p.Added))
	})
}

type ceilingBench struct {
	Length int `required:"" help:"How many bytes of standard input to answer with."`
}

func (c *ceilingBench) Run(ctx context.Context, s *session) error {
	return bench.Ceiling(ctx, s.in, c.Length, slog.New(slog.NewTextHandler(s.err, nil)))
}
