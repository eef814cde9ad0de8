package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// A database that was put back by hand, beside the log of the one before, is not served
// with that log, whose commits would come back.
func TestRestoredBesideALog(t *testing.T) {
	for name, put := range map[string]func(path, backup string) error{
		"written over": func(path, backup string) error { return overwrite(path, backup) },
		"removed first": func(path, backup string) error {
			return errors.Join(os.Remove(path), overwrite(path, backup))
		},
		"renamed over": func(path, backup string) error { return os.Rename(backup, path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "allot.db")
			killed(t, path, 5)
			had := stopped(t, path)
			backup := filepath.Join(t.TempDir(), "bak")
			if err := overwrite(backup, path); err != nil {
				t.Fatal(err)
			}
			killed(t, path, 7)
			time.Sleep(10 * time.Millisecond) // of a file system that keeps times that coarse
			if err := put(path, backup); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Options{Path: path, Serve: true})
			if _, ok := errors.AsType[*DamageError](err); !ok || !strings.Contains(err.Error(), "still beside it") {
				t.Fatal(err)
			}
			db, err := Open(t.Context(), Options{Path: path, Serve: true, AcceptDamage: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if n := customers(t, db); n != had {
				t.Errorf("%d customers, want those of the backup, %d", n, had)
			}
			if kept, _ := filepath.Glob(path + "-wal.damaged-*"); len(kept) != 1 {
				t.Errorf("kept %q", kept)
			}
		})
	}
}

// needsUse leaves a test out where the system does not tell who has a file open: never where CI is.
func needsUse(t *testing.T) {
	t.Helper()
	if !tellsUse && os.Getenv("CI") == "true" {
		t.Fatal("who has a file open cannot be told here")
	} else if !tellsUse {
		t.Skip("who has a file open cannot be told here")
	}
}

// What another program did to a database that goes with its log still, before the server was killed, keeps
// nothing from being opened: it copied the log, or set the time of the file. Nor does it where the server
// had no time to see that.
func TestCopiedByAnotherBeforeACrash(t *testing.T) {
	needsUse(t)
	for _, do := range []string{"passive", "full", "restart", "truncate", "touch"} {
		for _, seen := range []bool{true, false} {
			for _, more := range []int{0, 2} {
				if do == "touch" && !seen && more == 0 {
					continue // nothing tells it from the same file put there after the crash
				}
				t.Run(fmt.Sprintf("%s, seen %t, and %d writes", do, seen, more), func(t *testing.T) {
					path := filepath.Join(t.TempDir(), "allot.db")
					w := startWriter(t, path, 5)
					time.Sleep(20 * time.Millisecond) // as fine as the times of files may be
					if do == "touch" {
						if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
							t.Fatal(err)
						}
					} else {
						copyApart(t, path, do)
					}
					if seen {
						time.Sleep(4 * lookEvery)
					} else {
						time.Sleep(20 * time.Millisecond)
					}
					for range more {
						w.write()
					}
					w.kill()
					if has := stopped(t, path); has != 5+more {
						t.Errorf("%d customers, want %d", has, 5+more)
					}
				})
			}
		}
	}
}

// copyIn is the database whose log a process copies, in the mode of copyMode.
const (
	copyIn   = "ALLOT_TEST_COPY_IN"
	copyMode = "ALLOT_TEST_COPY_MODE"
)

// TestMain copies a log, as another program does, where it is told to.
func TestMain(m *testing.M) {
	path := os.Getenv(copyIn)
	if path == "" {
		os.Exit(m.Run())
	}
	db, err := connect(path, 1, "")
	if err == nil {
		_, err = checkpoint(context.Background(), db, os.Getenv(copyMode))
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// copyApart has another process copy a log.
func copyApart(t *testing.T, path, mode string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), copyIn+"="+path, copyMode+"="+mode)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s, %v", out, err)
	}
}

// A backup of the database that was put back after a crash is noticed too where it is of the same run of the
// log: more of the log had been copied since.
func TestRestoredBesideACopiedLog(t *testing.T) {
	needsUse(t)
	path := filepath.Join(t.TempDir(), "allot.db")
	w := startWriter(t, path, 3)
	reader, err := connect(path, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := reader.BeginTx(t.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), "select count(*) from customers")
	}
	if err != nil {
		t.Fatal(err)
	}
	copyApart(t, path, "passive")
	backup := filepath.Join(t.TempDir(), "bak")
	if err := overwrite(backup, path); err != nil {
		t.Fatal(err)
	}
	w.write() // the log goes on, as somebody reads there
	if err := errors.Join(tx.Rollback(), reader.Close()); err != nil {
		t.Fatal(err)
	}
	copyApart(t, path, "passive")
	w.kill()
	time.Sleep(20 * time.Millisecond)
	if err := overwrite(path, backup); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		db, err := Open(t.Context(), Options{Path: path, Serve: true})
		if err == nil {
			db.Close()
		}
		if _, ok := errors.AsType[*DamageError](err); !ok {
			t.Fatalf("it is opened: %v", err)
		}
	}
}

// stopped takes in the log of a database, as a server does that ends, and says how many
// customers there are.
func stopped(t *testing.T, path string) (has int) {
	t.Helper()
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	has = customers(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return has
}

func overwrite(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// Nobody is told of a commit that went to a file without a name, and the next start knows
// that there was a database, and what it had.
func TestReplacedFile(t *testing.T) {
	for name, test := range map[string]struct {
		take func(t *testing.T, path string) error
		next string // the error of the next start
	}{
		"removed": {func(_ *testing.T, path string) error {
			names, err := filepath.Glob(path + "*")
			for _, name := range names {
				err = errors.Join(err, os.Remove(name))
			}
			return err
		}, "is missing, and "},
		"log removed":    {func(_ *testing.T, path string) error { return os.Remove(path + "-wal") }, ""},
		"memory removed": {func(_ *testing.T, path string) error { return os.Remove(path + "-shm") }, ""},
		"renamed away":   {func(_ *testing.T, path string) error { return os.Rename(path, path+".old") }, "is missing, and "},
		"another renamed over it": {func(t *testing.T, path string) error {
			other := filepath.Join(t.TempDir(), "allot.db")
			stopped(t, other)
			return os.Rename(other, path)
		}, "of another"},
		"its own older state renamed over it": {func(t *testing.T, path string) error {
			return errors.Join(overwrite(path+".bak", path), os.Rename(path+".bak", path))
		}, ""}, // the log has all that it lacks
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "allot.db")
			db, err := Open(t.Context(), Options{Path: path, Serve: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			st := sqlstore.New(db.Backend())
			write := func(i int) error {
				return st.Update(t.Context(), func(tx service.Tx) error { return createCustomer(tx, i) })
			}
			for i := range 3 {
				if err := write(i); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.take(t, path); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				e, ok := errors.AsType[*billing.Error](write(3 + i))
				if !ok || e.Code != codeReplaced || e.Kind != billing.Unavailable {
					t.Errorf("write %d: %v", i, e)
				}
			}
			// Nor is what was answered before: it may be lost.
			err = st.View(t.Context(), func(r service.Reader) error { _, err := r.Answer("none", "key"); return err })
			if e, ok := errors.AsType[*billing.Error](err); !ok || e.Code != codeReplaced {
				t.Errorf("an answer: %v", err)
			}
			if err := db.Close(); err != nil && test.next == "" {
				t.Error(err)
			}
			next, err := Open(t.Context(), Options{Path: path, Serve: true})
			if err == nil {
				next.Close()
			}
			if (err == nil) != (test.next == "") || err != nil && !strings.Contains(err.Error(), test.next) {
				t.Errorf("the next start: %v, want %q", err, test.next)
			}
		})
	}
}

// It is noticed within a second where nothing is written, and is over when the file is back.
func TestReplacedFileWithoutWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	await := func(gone bool) {
		t.Helper()
		began := time.Now()
		for (db.present.gone.Load() != nil) != gone {
			if time.Since(began) > 3*lookEvery {
				t.Fatalf("after %s: %v", time.Since(began), db.present.gone.Load())
			}
			time.Sleep(lookEvery / 100)
		}
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	await(true)
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	await(false)
}

// In this variable a process finds the database that it tries to serve.
const serveIn = "ALLOT_TEST_SERVE_IN"

// TestServes is no test: it says whether the file can be served, and holds it until its
// standard input ends.
func TestServes(t *testing.T) {
	path := os.Getenv(serveIn)
	if path == "" {
		t.Skip("only for other tests")
	}
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("serving\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = db.Close()
}

// servedApart has another process serve a database, until end is called, which returns how it ended.
func servedApart(t *testing.T, path string) (end func() error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServes$") // which is killed at the test's end
	cmd.Env = append(os.Environ(), serveIn+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceValue(func() error {
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		return cmd.Wait()
	})
	t.Cleanup(func() { _ = end() })
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			t.Fatal("it does not serve")
		}
		if lines.Text() == "serving" {
			return end
		}
	}
}

// Of two servers the second is refused, whatever name it has for the file and whatever
// became of the lock file.
func TestSecondServer(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "allot.db")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	stopped(t, path)
	end := servedApart(t, path)
	link, hard, inSub := filepath.Join(dir, "l.db"), filepath.Join(dir, "h.db"), filepath.Join(dir, "sub", "allot.db")
	for _, err := range []error{os.Symlink(path, link), os.Link(path, hard), os.Symlink(filepath.Join("..", "allot.db"), inSub)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(name string) {
		t.Helper()
		_, err := Open(t.Context(), Options{Path: name, Serve: true})
		if _, ok := errors.AsType[*ServedError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
		if release, err := Reserve(name); err == nil {
			t.Errorf("%s is reserved", name)
			_ = release()
		}
	}
	names := []string{path, link, inSub, hard}
	for _, name := range names {
		refused(name)
	}
	if err := os.Remove(lockPath(path)); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		refused(name)
	}
	// Beside it a tool works, by a name whose log is the right one.
	for _, name := range []string{path, link, inSub} {
		tool, err := Open(t.Context(), Options{Path: name, Existing: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := tool.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(t.Context(), Options{Path: hard, Existing: true}); err == nil {
		t.Error("a tool opens the file beside another log")
	}
	refused(path) // still: closing a tool has dropped nothing of the server's
	if err := end(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(hard); err != nil {
		t.Fatal(err)
	}
	stopped(t, link) // and now it can be served
}

// A place that says that there was a database gets no new one by itself.
func TestGonePlace(t *testing.T) {
	for name, left := range map[string]string{"key": "allot.key", "lock": "allot.db.lock", "log": "allot.db-wal", "mark": "allot.db.mark", "spare": "allot.db-spare"} {
		for _, empty := range []bool{false, true} {
			dir := t.TempDir()
			path := filepath.Join(dir, "allot.db")
			files := []string{left}
			if empty {
				files = append(files, "allot.db")
			}
			for _, name := range files {
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			opts := Options{Path: path, Serve: true, Left: []string{filepath.Join(dir, "allot.key")}}
			_, err := Open(t.Context(), opts)
			if _, ok := errors.AsType[*GoneError](err); !ok || !strings.Contains(err.Error(), left) {
				t.Errorf("%s, empty %t: %v", name, empty, err)
			}
			if now, err := os.ReadDir(dir); err != nil || len(now) != len(files) {
				t.Errorf("%s: %v, %v", name, now, err)
			}
			opts.New = true
			db, err := Open(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestNoDatabase(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("this is a text that is no database, "), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, serve := range []bool{false, true} {
		_, err := Open(t.Context(), Options{Path: text, Serve: serve})
		if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), text) {
			t.Errorf("serve %t: %v", serve, err)
		}
	}
}

// A tool does not take a file that was put in the place of the one that a server has: it would
// find their log beside it, and the server would not hear of what it does.
func TestToolBesideAReplacedFile(t *testing.T) {
	needsUse(t)
	path := filepath.Join(t.TempDir(), "allot.db")
	stopped(t, path)
	servedApart(t, path)
	tool := func() error {
		db, err := Open(t.Context(), Options{Path: path, Existing: true})
		if err != nil {
			return err
		}
		return db.Close()
	}
	if err := tool(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(overwrite(path+".copy", path), os.Rename(path, path+".away"), os.Rename(path+".copy", path)); err != nil {
		t.Fatal(err)
	}
	if e, ok := errors.AsType[*billing.Error](tool()); !ok || e.Code != codeReplaced {
		t.Errorf("beside a copy of the file: %v", e)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := tool(); err != nil {
		t.Errorf("with the file back: %v", err)
	}
}

// What is no file is not a place for a database: one made there would take its name.
func TestNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, opts := range []Options{{Path: path, Serve: true, New: true}, {Path: path}, {Path: path, Existing: true}} {
		if _, err := Open(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "is no file but a socket") {
			t.Errorf("%+v: %v", opts, err)
		}
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("there is %v, %v", info, err)
	}
}
