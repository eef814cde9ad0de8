package cli

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// maxPending is how much of the log may wait to be written.
	maxPending = 1 << 20
	// flushTimeout is for how long a command that ends waits for its log.
	flushTimeout = time.Second
)

// logWriter writes a log without anybody having to wait for it: whoever reads it may have
// stalled, or gone. What there is no room for, or cannot be written, is counted, and told
// in the log once that goes on.
type logWriter struct {
	to io.Writer

	mu       sync.Mutex
	changed  sync.Cond // pending or written has
	pending  []byte
	writing  bool
	dropped  uint64 // lines that are not in the log
	untold   uint64 // how many of them the log does not tell of
	finished bool
}

// newLogWriter makes one. It writes until it is closed.
func newLogWriter(to io.Writer) *logWriter {
	w := &logWriter{to: to}
	w.changed.L = &w.mu
	go w.run()
	return w
}

// Write takes lines to be written.
func (w *logWriter) Write(lines []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending)+len(lines) > maxPending {
		w.drop(lines)
	} else {
		w.pending = append(w.pending, lines...)
		w.changed.Broadcast()
	}
	return len(lines), nil
}

func (w *logWriter) drop(lines []byte) {
	n := uint64(bytes.Count(lines, []byte("\n")))
	w.dropped += n
	w.untold += n
}

// Dropped is how many lines are not in the log.
func (w *logWriter) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

func (w *logWriter) run() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.pending) == 0 && !w.finished {
			w.changed.Wait()
		}
		if len(w.pending) == 0 {
			return
		}
		lines := w.pending
		w.pending, w.writing = nil, true
		if w.untold > 0 {
			lines = fmt.Appendf(lines, "time=%s level=WARN msg=\"lines of the log were dropped, since nobody read it\" lines=%d\n",
				time.Now().Format(time.RFC3339Nano), w.untold)
			w.untold = 0
		}
		w.mu.Unlock()
		n, err := w.to.Write(lines)
		w.mu.Lock()
		if w.writing = false; err != nil {
			w.drop(lines[n:])
		}
		w.changed.Broadcast()
	}
}

// close waits until all is written, but not for long, and ends the writing.
func (w *logWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = true
	w.changed.Broadcast()
	late := false
	timer := time.AfterFunc(flushTimeout, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		late = true
		w.changed.Broadcast()
	})
	defer timer.Stop()
	for (w.writing || len(w.pending) > 0) && !late {
		w.changed.Wait()
	}
}
