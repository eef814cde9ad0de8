package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// In this variable a process finds the database that it writes to until it is killed.
const (
	writeIn  = "ALLOT_TEST_WRITE_IN"
	writeAll = "ALLOT_TEST_WRITES"
)

// TestWriter is no test: it writes as a server does, and says on standard output what it
// has acknowledged.
func TestWriter(t *testing.T) {
	path := os.Getenv(writeIn)
	if path == "" {
		t.Skip("only for other tests")
	}
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	st := sqlstore.New(db.Backend())
	writes, err := strconv.Atoi(os.Getenv(writeAll))
	if err != nil {
		t.Fatal(err)
	}
	first := customers(t, db)
	for i := first; i < first+writes; i++ {
		if err := st.Update(t.Context(), func(tx service.Tx) error { return createCustomer(tx, i) }); err != nil {
			t.Fatal(err)
		}
		fmt.Println("acknowledged", i)
	}
	for more, i := bufio.NewScanner(os.Stdin), first+writes; more.Scan(); i++ { // one for each line
		if err := st.Update(t.Context(), func(tx service.Tx) error { return createCustomer(tx, i) }); err != nil {
			t.Fatal(err)
		}
		fmt.Println("acknowledged", i)
	}
	select {} // until it is killed: what was not acknowledged may be lost
}

func createCustomer(tx service.Tx, i int) error {
	id := billing.CustomerID{byte(i >> 8), byte(i), 1}
	return tx.CreateCustomer(billing.Customer{ID: id, Type: billing.Organization, Status: billing.Active, ExternalID: fmt.Sprint("ext ", i)})
}

// killed is a database whose server was killed after so many acknowledged writes.
func killed(t *testing.T, path string, writes int) {
	t.Helper()
	w := startWriter(t, path, writes)
	w.kill()
}

// writer is a server in another process.
type writer struct {
	t    *testing.T
	in   io.Writer
	out  *bufio.Scanner
	kill func()
}

// startWriter starts one and waits for so many acknowledged writes.
func startWriter(t *testing.T, path string, writes int) *writer {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestWriter$")
	cmd.Env = append(os.Environ(), writeIn+"="+path, writeAll+"="+strconv.Itoa(writes))
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
	w := &writer{t: t, in: in, out: bufio.NewScanner(out), kill: sync.OnceFunc(func() {
		kill()
		_ = cmd.Wait() // killed
	})}
	t.Cleanup(w.kill)
	w.await(writes)
	return w
}

// write has it write once more.
func (w *writer) write() {
	w.t.Helper()
	if _, err := io.WriteString(w.in, "\n"); err != nil {
		w.t.Fatal(err)
	}
	w.await(1)
}

func (w *writer) await(writes int) {
	w.t.Helper()
	for n := 0; n < writes; {
		if !w.out.Scan() {
			w.t.Fatalf("it ended after %d writes", n)
		}
		if strings.HasPrefix(w.out.Text(), "acknowledged ") {
			n++
		} else if strings.Contains(w.out.Text(), "FAIL") {
			w.t.Fatal(w.out.Text())
		}
	}
}

// customers is how many there are.
func customers(t *testing.T, db *DB) (n int) {
	t.Helper()
	if err := db.writer.QueryRowContext(t.Context(), "select count(*) from customers").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	for _, end := range []string{"", "-wal", "-shm", ".mark"} {
		b, err := os.ReadFile(from + end)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(to+end, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// logOfAnother is the write-ahead log of a database that is no Allot's.
func logOfAnother(t *testing.T, pageSize int) []byte {
	t.Helper()
	other := filepath.Join(t.TempDir(), "other.db")
	db, err := connectWith(other, 1, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(t.Context(), fmt.Sprintf("pragma page_size = %d; create table t (x); pragma journal_mode = wal; insert into t values (1)", pageSize))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(other + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// edit changes a file by hand.
func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A database that has lost acknowledged writes is not opened, whatever took them, until
// it is said that it is to be; one that was only killed is.
func TestDamageIsNoticed(t *testing.T) {
	const writes = 40
	origin := filepath.Join(t.TempDir(), "allot.db")
	killed(t, origin, 5)
	older := filepath.Join(t.TempDir(), "older.db")
	copyFiles(t, origin, older)
	if db, err := Open(t.Context(), Options{Path: older}); err != nil || db.Close() != nil {
		t.Fatal(err) // its log is taken in
	}
	killed(t, origin, writes)
	newer := filepath.Join(t.TempDir(), "newer.db")
	copyFiles(t, origin, newer)
	killed(t, newer, writes)
	if db, err := Open(t.Context(), Options{Path: newer}); err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	report, err := readLog(origin+"-wal", PageSize)
	if err != nil || report.frames < 2*writes || report.damaged() || report.commits < writes {
		t.Fatalf("the log: %+v, %v", report, err)
	}
	const frameSize = frameHeaderSize + PageSize
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 4; return b }
	}
	frameAt := func(n int) int { return logHeaderSize + (n-1)*frameSize }
	middle := frameAt(report.frames / 2)
	for name, test := range map[string]struct {
		change func(t *testing.T, path string)
		says   string // of the error; "" if it is opened
	}{
		"only killed": {func(*testing.T, string) {}, ""},
		"torn tail": {func(t *testing.T, path string) { // a transaction that nobody was told of
			edit(t, path+"-wal", func(b []byte) []byte { return append(b, b[frameAt(2):frameAt(3)-99]...) })
		}, ""},
		"a whole bad frame at the end": {func(t *testing.T, path string) {
			edit(t, path+"-wal", func(b []byte) []byte { return append(b, b[frameAt(2):frameAt(3)]...) })
		}, ""},
		"no mark": {func(t *testing.T, path string) { edit(t, path+".mark", func([]byte) []byte { return nil }) }, ""},
		"mark behind": {func(t *testing.T, path string) {
			edit(t, path+".mark", func(b []byte) []byte {
				return append([]byte(markHead+"0000000000000000003"), b[len(markHead)+markDigits:]...)
			})
		}, ""},

		"page":               {func(t *testing.T, p string) { edit(t, p+"-wal", flip(middle+frameHeaderSize+777)) }, "damaged in frame"},
		"page number":        {func(t *testing.T, p string) { edit(t, p+"-wal", flip(middle+3)) }, "damaged in frame"},
		"size":               {func(t *testing.T, p string) { edit(t, p+"-wal", flip(middle+7)) }, "damaged in frame"},
		"salt":               {func(t *testing.T, p string) { edit(t, p+"-wal", flip(middle+8)) }, "damaged in frame"},
		"sum":                {func(t *testing.T, p string) { edit(t, p+"-wal", flip(middle+16)) }, "damaged in frame"},
		"first frame":        {func(t *testing.T, p string) { edit(t, p+"-wal", flip(frameAt(1)+100)) }, "damaged in frame 1 "},
		"last frame":         {func(t *testing.T, p string) { edit(t, p+"-wal", flip(frameAt(report.sound)+100)) }, "are lost"},
		"magic":              {func(t *testing.T, p string) { edit(t, p+"-wal", flip(0)) }, "the header of the write-ahead log"},
		"order of bytes":     {func(t *testing.T, p string) { edit(t, p+"-wal", func(b []byte) []byte { b[3] ^= 1; return b }) }, "the header of the write-ahead log"},
		"version":            {func(t *testing.T, p string) { edit(t, p+"-wal", flip(6)) }, "the header of the write-ahead log"},
		"page size":          {func(t *testing.T, p string) { edit(t, p+"-wal", flip(10)) }, "the header of the write-ahead log"},
		"salt of the header": {func(t *testing.T, p string) { edit(t, p+"-wal", flip(17)) }, "the header of the write-ahead log"},
		"sum of the header":  {func(t *testing.T, p string) { edit(t, p+"-wal", flip(30)) }, "the header of the write-ahead log"},
		"page without a mark": {func(t *testing.T, p string) {
			edit(t, p+"-wal", flip(middle+frameHeaderSize+777))
			if err := os.Remove(p + ".mark"); err != nil {
				t.Fatal(err)
			}
		}, "damaged in frame"},
		"log removed": {func(t *testing.T, p string) {
			if err := os.Remove(p + "-wal"); err != nil {
				t.Fatal(err)
			}
		}, "are lost"},
		"log emptied":       {func(t *testing.T, p string) { edit(t, p+"-wal", func([]byte) []byte { return nil }) }, "are lost"},
		"log cut in half":   {func(t *testing.T, p string) { edit(t, p+"-wal", func(b []byte) []byte { return b[:middle] }) }, "are lost"},
		"log cut in a page": {func(t *testing.T, p string) { edit(t, p+"-wal", func(b []byte) []byte { return b[:middle+999] }) }, "are lost"},
		"log garbled": {func(t *testing.T, p string) {
			edit(t, p+"-wal", func(b []byte) []byte {
				for i := range b {
					b[i] = byte(i * 7)
				}
				return b
			})
		}, "are lost"},
		"zeros in the log": {func(t *testing.T, p string) {
			edit(t, p+"-wal", func(b []byte) []byte { clear(b[middle : middle+3*frameSize]); return b })
		}, "damaged in frame"},
		"another log": {func(t *testing.T, p string) {
			edit(t, p+"-wal", func([]byte) []byte { return logOfAnother(t, 8192) })
		}, "of another database: its pages"},
		"another log, pages alike": {func(t *testing.T, p string) {
			edit(t, p+"-wal", func([]byte) []byte { return logOfAnother(t, PageSize) })
		}, "the write-ahead log beside it is of another database"},
		"older database, no log": {func(t *testing.T, p string) {
			edit(t, p, func([]byte) []byte { b, _ := os.ReadFile(older); return b })
			if err := os.Remove(p + "-wal"); err != nil {
				t.Fatal(err)
			}
		}, "are lost"},
		"newer database": {func(t *testing.T, p string) {
			edit(t, p, func([]byte) []byte { b, _ := os.ReadFile(newer); return b })
		}, "a newer database was put in the place"},
		"another installation": {func(t *testing.T, p string) {
			other := filepath.Join(t.TempDir(), "allot.db")
			db, err := Open(t.Context(), Options{Path: other})
			if err != nil || db.Close() != nil {
				t.Fatal(err)
			}
			edit(t, p, func([]byte) []byte { b, _ := os.ReadFile(other); return b })
			if err := os.Remove(p + "-wal"); err != nil {
				t.Fatal(err)
			}
		}, "another file was put in its place"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "allot.db")
			copyFiles(t, origin, path)
			test.change(t, path)
			before, _ := os.ReadFile(path + "-wal")
			for _, serve := range []bool{false, true} {
				db, err := Open(t.Context(), Options{Path: path, Serve: serve})
				if test.says == "" {
					if err != nil {
						t.Fatal(err)
					}
					if n := customers(t, db); n < writes {
						t.Errorf("%d customers", n)
					}
					if err := db.Close(); err != nil {
						t.Error(err)
					}
					continue
				}
				if _, ok := errors.AsType[*DamageError](err); !ok || !strings.Contains(err.Error(), test.says) {
					t.Fatalf("serve %t: %v, want %q", serve, err, test.says)
				}
			}
			if test.says == "" {
				return
			}
			if after, _ := os.ReadFile(path + "-wal"); string(after) != string(before) {
				t.Errorf("the log was changed: %d bytes, now %d", len(before), len(after))
			}
			db, err := Open(t.Context(), Options{Path: path, Serve: true, AcceptDamage: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d of %d customers", customers(t, db), writes)
			// What it goes on with is whole, also if it is killed: it was accepted once.
			if err := sqlstore.New(db.Backend()).Update(t.Context(), func(tx service.Tx) error { return createCustomer(tx, 9*writes) }); err != nil {
				t.Fatal(err)
			}
			crashed := filepath.Join(t.TempDir(), "allot.db")
			copyFiles(t, path, crashed)
			if again, err := Open(t.Context(), Options{Path: crashed, Serve: true}); err != nil || again.Close() != nil {
				t.Errorf("after a crash: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			kept, _ := filepath.Glob(path + "-wal.damaged-*")
			if len(before) > 0 && len(kept) != 1 {
				t.Errorf("kept %q", kept)
			}
			db, err = Open(t.Context(), Options{Path: path, Serve: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file that is reserved and not opened yet is looked at all the same, as a copy does of its
// source: SQLite would begin the log anew, and what is behind the damage would be gone. What is
// accepted twice within a second is kept twice.
func TestDamageIsNoticedWhereReserved(t *testing.T) {
	origin, path := filepath.Join(t.TempDir(), "allot.db"), filepath.Join(t.TempDir(), "allot.db")
	killed(t, origin, 20)
	edit(t, origin+"-wal", func(b []byte) []byte { b[len(b)/2] ^= 4; return b })
	copyFiles(t, origin, path)
	before, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	release, err := Reserve(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Options{Path: path, Existing: true})
	if _, ok := errors.AsType[*DamageError](err); !ok {
		t.Errorf("opened %v, %v", db != nil, err)
	}
	if after, err := os.ReadFile(path + "-wal"); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the log has changed, %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		copyFiles(t, origin, path)
		db, err := Open(t.Context(), Options{Path: path, Serve: true, AcceptDamage: true})
		if err != nil {
			t.Fatalf("accepted %d times: %v", n+1, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if kept, _ := filepath.Glob(path + "-wal.damaged-*"); len(kept) != n+1 {
			t.Fatalf("kept %q", kept)
		}
	}
}

// Of a log that is accepted with a damaged header nothing is left: once it has begun anew, SQLite
// writes its next frames with the salts of that header, and the good ones behind them were damage after the
// next crash.
func TestAcceptedHeaderIsGone(t *testing.T) {
	path, crashed, again := filepath.Join(t.TempDir(), "allot.db"), filepath.Join(t.TempDir(), "allot.db"), filepath.Join(t.TempDir(), "allot.db")
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	write := func(db *DB, from, to int) {
		t.Helper()
		st := sqlstore.New(db.Backend())
		for i := from; i < to; i++ {
			if err := st.Update(t.Context(), func(tx service.Tx) error { return createCustomer(tx, i) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(db, 0, 3)
	if _, err := checkpoint(t.Context(), db.writer, "restart"); err != nil {
		t.Fatal(err)
	}
	write(db, 3, 20)
	copyFiles(t, path, crashed)
	edit(t, crashed+"-wal", func(b []byte) []byte { b[30] ^= 4; return b }) // the sum of the header
	accepted, err := Open(t.Context(), Options{Path: crashed, Serve: true, AcceptDamage: true})
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	write(accepted, 30, 31)
	copyFiles(t, crashed, again)
	if next, err := Open(t.Context(), Options{Path: again, Serve: true}); err != nil || next.Close() != nil {
		t.Errorf("after a crash: %v", err)
	}
}

// What a crash left of a commit that nobody was told of is no damage to who finds it after the
// next crash, when something shorter was written over its beginning.
func TestHalfACommitIsNoDamageLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	st := sqlstore.New(db.Backend())
	if err := st.Update(t.Context(), func(tx service.Tx) error { return createCustomer(tx, 1) }); err != nil {
		t.Fatal(err)
	}
	crashed := filepath.Join(t.TempDir(), "allot.db")
	copyFiles(t, path, crashed)
	whole, err := readLog(crashed+"-wal", PageSize)
	if err != nil {
		t.Fatal(err)
	}
	err = st.Update(t.Context(), func(tx service.Tx) error {
		for i := range 300 {
			if err := createCustomer(tx, 2+i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	const frameSize = frameHeaderSize + PageSize
	half := (len(log) - logHeaderSize - whole.frames*frameSize) / frameSize / 2
	if half < 5 {
		t.Fatalf("the commit has %d frames", 2*half)
	}
	edit(t, crashed+"-wal", func([]byte) []byte { return log[:logHeaderSize+(whole.frames+half)*frameSize] })

	again, err := Open(t.Context(), Options{Path: crashed, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlstore.New(again.Backend()).Update(t.Context(), func(tx service.Tx) error { return createCustomer(tx, 999) }); err != nil {
		t.Fatal(err)
	}
	twice := filepath.Join(t.TempDir(), "allot.db")
	copyFiles(t, crashed, twice)
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	last, err := Open(t.Context(), Options{Path: twice, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := customers(t, last); n != 2 {
		t.Errorf("%d customers, want 2", n)
	}
	if err := last.Close(); err != nil {
		t.Error(err)
	}
}

// Power failures one after the other, each within a commit of which some pages were written and
// others not, are no damage: what was acknowledged is there, and no more.
func TestTornCommitsInARow(t *testing.T) {
	const frameSize = frameHeaderSize + PageSize
	base := filepath.Join(t.TempDir(), "allot.db")
	first, err := Open(t.Context(), Options{Path: base, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	const seeds, crashes = 12, 5
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 0))
		path, acknowledged, made := filepath.Join(t.TempDir(), "allot.db"), 0, 0
		copyFiles(t, base, path)
		for crash := range crashes {
			db, err := Open(t.Context(), Options{Path: path, Serve: true})
			if err != nil {
				t.Fatalf("seed %d, after %d crashes: %v", seed, crash, err)
			}
			if n := customers(t, db); n != acknowledged {
				t.Fatalf("seed %d, after %d crashes: %d customers, want %d", seed, crash, n, acknowledged)
			}
			st := sqlstore.New(db.Backend())
			write := func(n int) {
				err := st.Update(t.Context(), func(tx service.Tx) error {
					for range n {
						made++
						if err := createCustomer(tx, made); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			for range random.IntN(3) {
				write(1)
				acknowledged++
			}
			next := filepath.Join(t.TempDir(), "allot.db")
			copyFiles(t, path, next) // with the mark of before
			log, err := os.ReadFile(path + "-wal")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			before, err := readLog(path+"-wal", PageSize)
			if err != nil {
				t.Fatal(err)
			}
			write(1 + random.IntN(60))
			after, err := readLog(path+"-wal", PageSize)
			if err != nil {
				t.Fatal(err)
			}
			torn, err := os.ReadFile(path + "-wal")
			if err != nil {
				t.Fatal(err)
			}
			if after.committed <= before.committed {
				t.Fatalf("seed %d: a commit has no frames", seed)
			}
			// Of its pages some were not written: there is what was there before.
			lost := 0
			for frame := before.committed; frame < after.committed; frame++ {
				at := logHeaderSize + frame*frameSize
				if random.IntN(3) > 0 && (lost > 0 || frame < after.committed-1) {
					continue
				}
				lost++
				clear(torn[at : at+frameSize])
				if at < len(log) {
					copy(torn[at:at+frameSize], log[at:])
				}
			}
			edit(t, next+"-wal", func([]byte) []byte { return torn })
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			path = next
		}
		last, err := Open(t.Context(), Options{Path: path, Serve: true})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if n := customers(t, last); n != acknowledged {
			t.Errorf("seed %d: %d customers, want %d", seed, n, acknowledged)
		}
		if err := last.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A file of which the log lies beside another of its names is not opened without it, by whomever.
func TestOtherNameAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	killed(t, path, 20)
	other := filepath.Join(t.TempDir(), "allot.db")
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]Options{"served": {Serve: true}, "a tool": {}, "by itself": {Existing: true}} {
		opts.Path = other
		db, err := Open(t.Context(), opts)
		if err == nil {
			db.Close()
		}
		if e, ok := errors.AsType[*DamageError](err); !ok || !strings.Contains(e.Error(), "several names") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if has := stopped(t, path); has != 20 { // and nothing is amiss where the log is
		t.Errorf("%d customers, want 20", has)
	}
}

// A server does not begin with a table damaged that it cannot do without, unless that is accepted.
func TestDamagedSmallTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	stopped(t, path)
	db, err := connect(path, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	roots := map[string]int64{}
	for _, table := range smallTables[1:] {
		var root int64
		if err := db.QueryRowContext(t.Context(), "select rootpage from sqlite_schema where name = $1", table).Scan(&root); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		roots[table] = root
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for table, root := range roots {
		t.Run(table, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "allot.db")
			copyFiles(t, path, copied)
			edit(t, copied, func(b []byte) []byte {
				for i := range PageSize {
					b[(root-1)*PageSize+int64(i)] = byte(i*7 + 1)
				}
				return b
			})
			db, err := Open(t.Context(), Options{Path: copied, Serve: true})
			if err == nil {
				db.Close()
				t.Error("it is served")
			}
		})
	}
}
