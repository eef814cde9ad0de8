package cli_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // for the command sql

	"github.com/allot-dev/allot/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaned{m}, map[string]func(){
		"allot": func() { os.Exit(cli.Main("v0.0.0-test")) },
	})
}

// TestScripts runs testdata/script, the specification of the command line. What
// the scripts can say beside testscript's own commands:
//
//	start FLAGS…        runs "allot serve FLAGS" in the background until it
//	                    listens, and sets ALLOT_URL and ALLOT_ISSUER
//	start dev FLAGS…    the same with "allot dev"; its output is in dev.out
//	end [HUP]           ends what was started with SIGTERM, or SIGHUP; it must exit
//	                    with 0 and its log is in server.log
//	hangup              sends it SIGHUP
//	admin               makes a client with all scopes, and sets
//	                    ALLOT_CLIENT_ID and ALLOT_CLIENT_SECRET
//	fails N COMMAND…    the command must exit with N
//	value NAME PATH     sets a variable from the last stdout, which must be one
//	                    JSON document: value ID agreements.0.id
//	document            the last stdout must be one JSON document
//	status N PATH       GET with the token in $TOKEN, "" for none, must answer N
//	stranger [BODY]     another program listens, and ALLOT_URL is its address; it
//	                    has nothing, or answers everything with 200 and a body
//	sql FILE STATEMENT  changes an SQLite database by hand; it must change something
//	shutout PATH        the token in $TOKEN must be refused within a second
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("CR", "\r") // scripts cannot write it
			env.Setenv("ALLOT_DATA", env.Getenv("WORK")+"/data")
			env.Setenv("ALLOT_LISTEN", "127.0.0.1:0")
			env.Setenv("ALLOT_DRAIN_DELAY", "0s")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":    start,
			"end":      end,
			"hangup":   hangup,
			"admin":    admin,
			"fails":    fails,
			"value":    value,
			"document": document,
			"status":   status,
			"stranger": stranger,
			"sql":      sqlCommand,
			"shutout":  shutout,
		},
	})
}

// running is what each script has started last.
var running sync.Map // from *testscript.TestScript to *background

func start(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 || args[0] != "dev" {
		args = append([]string{"serve"}, args...)
	} else if !slices.Contains(args, "--listen") { // it does not heed ALLOT_LISTEN
		args = append(args, "--listen", "127.0.0.1:0")
	}
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	// What a script sets for a server; the rest is for the commands.
	for _, name := range []string{"ALLOT_DATA", "ALLOT_LISTEN", "ALLOT_RATE_LIMIT", "ALLOT_TLSCERT"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	b, err := launch("allot", ts.MkAbs("."), env, args...)
	ts.Check(err)
	ts.Defer(b.kill)
	ts.Setenv("ALLOT_URL", b.url)
	ts.Setenv("ALLOT_ISSUER", b.url)
	ts.Check(os.WriteFile(ts.MkAbs("dev.out"), []byte(b.text(&b.out)), 0o600))
	running.Store(ts, b)
}

func hangup(ts *testscript.TestScript, _ bool, _ []string) {
	v, ok := running.Load(ts)
	if !ok {
		ts.Fatalf("nothing was started")
	}
	ts.Check(v.(*background).cmd.Process.Signal(syscall.SIGHUP))
}

func end(ts *testscript.TestScript, _ bool, args []string) {
	v, ok := running.LoadAndDelete(ts)
	if !ok {
		ts.Fatalf("nothing was started")
	}
	b := v.(*background)
	signal := syscall.SIGTERM
	if len(args) == 1 && args[0] == "HUP" {
		signal = syscall.SIGHUP
	}
	ts.Check(b.cmd.Process.Signal(signal))
	select {
	case <-b.exited:
	case <-time.After(time.Minute):
		_ = b.cmd.Process.Kill()
		ts.Fatalf("it goes on after %s", signal)
	}
	ts.Check(os.WriteFile(ts.MkAbs("server.log"), b.log.Bytes(), 0o600))
	if code := b.cmd.ProcessState.ExitCode(); code != 0 {
		ts.Fatalf("exit code %d:\n%s", code, b.log.String())
	}
}

func admin(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(ts.Exec("allot", "client", "create", "--name", "admin", "--scope", "all", "--json"))
	value(ts, false, []string{"ALLOT_CLIENT_ID", "client_id"})
	value(ts, false, []string{"ALLOT_CLIENT_SECRET", "client_secret"})
}

func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != want {
		ts.Fatalf("ended with %v, want exit code %d", err, want)
	}
}

// stdoutDocument is the last stdout as JSON.
func stdoutDocument(ts *testscript.TestScript) any {
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("stdout is not one JSON document: %v", err)
	}
	return v
}

func document(ts *testscript.TestScript, _ bool, _ []string) { stdoutDocument(ts) }

func value(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: value NAME PATH")
	}
	v := stdoutDocument(ts)
	for key := range strings.SplitSeq(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(at) {
				ts.Fatalf("no %s in %v", key, at)
			}
			v = at[i]
		}
	}
	if v == nil {
		ts.Fatalf("no %s in the document", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

func get(ts *testscript.TestScript, path string) int {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, ts.Getenv("ALLOT_URL")+path, nil)
	ts.Check(err)
	if token := ts.Getenv("TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	_, err = io.Copy(io.Discard, resp.Body)
	ts.Check(errors.Join(err, resp.Body.Close()))
	return resp.StatusCode
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: status N PATH")
	}
	if got := strconv.Itoa(get(ts, args[1])); got != args[0] {
		ts.Fatalf("GET %s: %s, want %s", args[1], got, args[0])
	}
}

func stranger(ts *testscript.TestScript, _ bool, args []string) {
	handler := http.NotFoundHandler()
	if len(args) == 1 {
		handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, err := io.WriteString(w, args[0])
			ts.Check(err)
		})
	}
	s := httptest.NewServer(handler)
	ts.Defer(s.Close)
	ts.Setenv("ALLOT_URL", s.URL)
}

func sqlCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENT")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	result, err := db.ExecContext(context.Background(), args[1])
	ts.Check(err)
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("%s changes nothing (%v)", args[1], err)
	}
}

// The second is the promise itself, so it is measured: no request that begins
// later is answered.
func shutout(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: shutout PATH")
	}
	began := time.Now()
	for {
		at := time.Since(began)
		code := get(ts, args[0])
		switch {
		case code == http.StatusForbidden:
			return
		case code != http.StatusOK:
			ts.Fatalf("GET %s: %d", args[0], code)
		case at > time.Second:
			ts.Fatalf("GET %s is still answered after %v", args[0], at)
		}
	}
}
