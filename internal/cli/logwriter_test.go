package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reader is who reads a log: not before it is let, and not while it is gone.
type reader struct {
	bytes.Buffer
	let  chan struct{}
	gone bool
}

func (r *reader) Write(p []byte) (int, error) {
	<-r.let
	if r.gone {
		return 0, errors.New("broken pipe")
	}
	return r.Buffer.Write(p)
}

func TestLogOfAReaderThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{let: make(chan struct{})}
		w := newLogWriter(r)
		line := []byte(strings.Repeat("x", 1023) + "\n")
		if _, err := w.Write(line); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it is being written
		for range maxPending/len(line) + 10 {
			if n, err := w.Write(line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		if n := w.Dropped(); n != 10 {
			t.Errorf("%d lines dropped, want 10", n)
		}
		began := time.Now()
		w.close()
		if took := time.Since(began); took != flushTimeout {
			t.Errorf("the end took %s, want %s", took, flushTimeout)
		}
		close(r.let)
		synctest.Wait()
		if text := r.String(); strings.Count(text, "x\n") != maxPending/len(line)+1 || !strings.Contains(text, "lines=10") {
			t.Errorf("%d lines, ending with %s", strings.Count(text, "x\n"), text[len(text)-150:])
		}
	})
}

func TestLogOfAReaderThatIsGone(t *testing.T) {
	r := &reader{let: make(chan struct{}), gone: true}
	close(r.let)
	w := newLogWriter(r)
	if _, err := w.Write([]byte("a\nb\n")); err != nil {
		t.Fatal(err)
	}
	w.close()
	if n := w.Dropped(); n != 2 {
		t.Errorf("%d lines dropped, want 2", n)
	}
}

func TestLogIsWrittenBeforeTheEnd(t *testing.T) {
	r := &reader{let: make(chan struct{})}
	close(r.let)
	w := newLogWriter(r)
	if _, err := w.Write([]byte("last\n")); err != nil {
		t.Fatal(err)
	}
	w.close()
	if r.String() != "last\n" {
		t.Errorf("%q", r.String())
	}
}
