// Package cli is the command line of Allot: it reads flags and the ALLOT_* twins
// that some of them have, calls package server for what concerns the database and package client
// for what goes over HTTP, and prints the result.
//
// The key decision: standard output carries results and nothing else, a table
// for people or, with --json, one JSON document; everything else goes to
// standard error. The exit code is 0 if done, 1 if it went wrong or the answer is
// no, 2 if the command line itself is wrong, and 3 if a yes or no was asked for and
// could not be had. An error is a line "allot: …" for each thing that is wrong and a
// line "hint: …" with what to try; with --json it is one document in one line.
//
// The scripts in testdata/script are the specification, a file for each
// command. Start reading at [Run]; the commands are the fields of app.
package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/allot-dev/allot/internal/server"
)

// app is the grammar of the command line.
type app struct {
	JSON        bool `name:"json" help:"Print one JSON document."`
	ShowVersion bool `name:"version" help:"Print the version of this program."`

	Dev          devCommand          `cmd:"" help:"Try Allot: serve an example on this machine until interrupted."`
	Serve        serveCommand        `cmd:"" help:"Serve the API until SIGTERM or an interrupt."`
	Client       clientCommands      `cmd:"" help:"The programs that may call the API."`
	Admin        adminCommands       `cmd:"" help:"Who may sign in to the console."`
	Token        tokenCommand        `cmd:"" help:"Make an access token, without a server."`
	Key          keyCommands         `cmd:"" help:"The keys that tokens are signed with."`
	Apply        applyCommand        `cmd:"" help:"Make the catalog what a file says."`
	Catalog      catalogCommands     `cmd:"" help:"What is sold."`
	Schema       schemaCommand       `cmd:"" help:"Print the JSON Schema of the catalog file."`
	Customer     customerCommands    `cmd:"" help:"Who holds agreements."`
	Agreement    agreementCommands   `cmd:"" help:"What ties customers to plans."`
	Override     overrideCommands    `cmd:"" help:"A customer's own terms for a feature."`
	Entitlements entitlementsCommand `cmd:"" help:"Show what a customer is entitled to, now or at any time."`
	Check        checkCommand        `cmd:"" help:"Ask whether a customer may use a feature; exits with 0 if so, with 1 if not, with 3 if it could not be asked."`
	Consume      consumeCommand      `cmd:"" help:"Ask, and count if the customer may, in one step; exits as check does."`
	Hold         holdCommands        `cmd:"" help:"Units that are set aside before they are used."`
	Grant        grantCommands       `cmd:"" help:"Credits of customers, beside what their plans allow."`
	Credits      creditsCommand      `cmd:"" help:"Show what a customer can pay use of a feature with, now or at any time."`
	Usage        usageCommands       `cmd:"" help:"What customers have used."`
	Webhook      webhookCommands     `cmd:"" help:"Endpoints that are told of events."`
	Plan         planCommands        `cmd:"" help:"What plans there are, and who is on which version."`
	Events       eventsCommand       `cmd:"" help:"Show what happened, in one order, or follow it."`
	Curl         curlCommand         `cmd:"" help:"Make any call of the API, with the credentials of the environment, and print the answer."`
	Repair       repairCommands      `cmd:"" help:"What a wrong clock did to a database."`
	Backup       backupCommand       `cmd:"" help:"Write a verified copy of the database to a file, also while it is served."`
	Restore      restoreCommand      `cmd:"" help:"Make a database of a backup, where there is none."`
	Verify       verifyCommand       `cmd:"" help:"Hold all that is stored against the log; exits with 1 if something does not agree."`
	Copy         copyCommand         `cmd:"" help:"Copy an installation from one database to another, also while it is served."`
	Migrate      migrateCommand      `cmd:"" help:"Bring the schema of a database to this version; allot serve does so too."`
	Bench        benchCommands       `cmd:"" help:"Measure this program on this machine, beside the most that could be had."`
	Completion   completionCommand   `cmd:"" help:"Print what makes a shell complete the commands and flags of this program."`
	Version      versionCommand      `cmd:"" help:"Print the version of this program."`
}

// grammarVars are what the tags of the grammar refer to.
var grammarVars = kong.Vars{
	"listen": server.DefaultListen,
	"data":   server.DefaultData,
	"url":    "http://" + server.DefaultListen,
}

// session is what a command has of the process it runs in.
type session struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	version  string // of the release; "" in other builds
	command  string // as it is called, such as "allot client create"
	// variables are those of the environment that flags are read from.
	variables []string
	scratch   scratch
	// flush writes what was not written to err yet.
	flush func()
}

// Main runs the process's command line and returns its exit code. The first
// interrupt or SIGTERM ends the command's context, the second kills the process.
//
// Whoever reads the output may go before the command ends: writing fails then, and
// a server goes on without its log.
func Main(version string) int {
	signal.Ignore(syscall.SIGPIPE)
	ctx, end := context.WithCancel(context.Background())
	defer end()
	s := newSession(os.Stdin, os.Stdout, os.Stderr, version)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		end()
		s.die(<-signals)
	}()
	return s.main(ctx, os.Args[1:])
}

// Run runs one command and returns its exit code. Besides the arguments it reads
// the environment's ALLOT_* variables.
func Run(ctx context.Context, args []string, in io.Reader, out, err io.Writer, version string) int {
	return newSession(in, out, err, version).main(ctx, args)
}

func newSession(in io.Reader, out, err io.Writer, version string) *session {
	return &session{in: in, out: output{out}, err: err, version: version, command: "allot", flush: func() {}}
}

func (s *session) main(ctx context.Context, args []string) int {
	defer func() { s.flush() }()
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
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
		grammarVars,
	)
	if err != nil {
		return err // the grammar is wrong: a fault of ours
	}
	addExamples(parser.Model)
	if err := forgetEmpty(parser.Model); err != nil {
		return err
	}
	if s.variables, err = twins(parser.Model); err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	s.json = a.JSON || err != nil && wantsJSON(args)
	switch {
	case helped:
		return nil
	case a.ShowVersion: // flags are read before it is found that no command is named
		return versionCommand{}.Run(s)
	case err != nil:
		if parse, ok := errors.AsType[*kong.ParseError](err); ok {
			command = parse.Context
		}
	}
	if command != nil && command.Selected() != nil {
		s.command = command.Selected().FullPath()
	}
	if _, ok := errors.AsType[*outputError](err); ok {
		return err // it was help that was asked for
	}
	if command != nil {
		if faults := misquoted(command.Flags()); faults != nil {
			return &usageError{faults, "leave them out: quotes, line ends and spaces around are for shells, and a file of variables, such as Docker's and systemd's, takes a value as it stands"}
		}
	}
	if err != nil {
		hint := s.usageHint(args)
		if command != nil {
			hint = cmp.Or(databaseHint(args, command.Flags()), hint)
		}
		return &usageError{withoutPasswords(err, args), hint}
	}
	s.noteStrays()
	return command.Run()
}

// wantsJSON reports whether a command line that could not be read asks for JSON.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json")
}

// negative is a number that reads like a flag.
var negative = regexp.MustCompile(`^-[0-9.]+$`)

// usageHint says how it is done right, or where to read it.
func (s *session) usageHint(args []string) string {
	if s.command == "allot usage record" && !slices.Contains(args, "--") {
		if i := slices.IndexFunc(args, negative.MatchString); i >= 0 {
			return "a negative value is written behind two dashes, after the flags: -- " + args[i]
		}
	}
	return s.command + " --help lists what there is"
}
