// Package cli is the command line of Allot: it reads flags and their ALLOT_*
// twins, calls package server for what concerns the database and package client
// for what goes over HTTP, and prints the result.
//
// The key decision: standard output carries results and nothing else, a table
// for people or, with --json, one JSON document; everything else goes to
// standard error. The exit code is 0 if done, 1 if it went wrong or the answer is
// no, 2 if the command line itself is wrong. An error is a line "allot: …" for each thing
// that is wrong and, where there is something to try, a line "hint: …".
//
// The scripts in testdata/script are the specification, a file for each
// command. Start reading at [Run]; the commands are the fields of app.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/allot-dev/allot/internal/server"
)

// app is the grammar of the command line.
type app struct {
	JSON bool `name:"json" help:"Print one JSON document."`

	Dev          devCommand          `cmd:"" help:"Try Allot: serve an example on this machine until interrupted."`
	Serve        serveCommand        `cmd:"" help:"Serve the API until SIGTERM or an interrupt."`
	Client       clientCommands      `cmd:"" help:"The programs that may call the API."`
	Token        tokenCommand        `cmd:"" help:"Make an access token, without a server."`
	Key          keyCommands         `cmd:"" help:"The keys that tokens are signed with."`
	Apply        applyCommand        `cmd:"" help:"Make the catalog what a file says."`
	Schema       schemaCommand       `cmd:"" help:"Print the JSON Schema of the catalog file."`
	Customer     customerCommands    `cmd:"" help:"Who holds agreements."`
	Agreement    agreementCommands   `cmd:"" help:"What ties customers to plans."`
	Override     overrideCommands    `cmd:"" help:"A customer's own terms for a feature."`
	Entitlements entitlementsCommand `cmd:"" help:"Show what a customer is entitled to, now or at any time."`
	Check        checkCommand        `cmd:"" help:"Ask whether a customer may use a feature; exits with 0 if so, with 1 if not."`
	Usage        usageCommands       `cmd:"" help:"What customers have used."`
	Plan         planCommands        `cmd:"" help:"Move customers to another version of their plan."`
	Verify       verifyCommand       `cmd:"" help:"Recompute every counter from the records; exits with 1 if something does not agree."`
	Version      versionCommand      `cmd:"" help:"Print the version of this program."`
}

// session is what a command has of the process it runs in.
type session struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	version  string // of the release; "" in other builds
}

// Main runs the process's command line and returns its exit code. The first
// interrupt or SIGTERM ends the command's context, the second kills the process.
func Main(version string) int {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		end()
	}()
	return Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, version)
}

// Run runs one command and returns its exit code. Besides the arguments it reads
// the environment's ALLOT_* variables.
func Run(ctx context.Context, args []string, in io.Reader, out, err io.Writer, version string) int {
	s := &session{in: in, out: out, err: err, version: version}
	if err := s.run(ctx, args); err != nil {
		return s.fail(err)
	}
	return 0
}

func (s *session) run(ctx context.Context, args []string) error {
	var a app
	helped := false // kong prints help and asks to exit; it does not do so by itself
	parser, err := kong.New(&a,
		kong.Name("allot"),
		kong.Description("Allot answers what a customer is entitled to right now."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(int) { helped = true }),
		kong.DefaultEnvars("ALLOT"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
		kong.Vars{
			"listen": server.DefaultListen,
			"data":   server.DefaultData,
			"url":    "http://" + server.DefaultListen,
		},
	)
	if err != nil {
		return err // the grammar is wrong: a fault of ours
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	switch {
	case helped:
		return nil
	case err != nil:
		return &usageError{err, usageHint(err)}
	}
	s.json = a.JSON
	return command.Run()
}

// usageHint says where to read how it is done right.
func usageHint(err error) string {
	command := "allot"
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			command = node.FullPath()
		}
	}
	return fmt.Sprintf("%s --help lists what there is", command)
}
