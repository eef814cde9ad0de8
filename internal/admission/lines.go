package admission

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// lineBurst and linesPerSecond are how many lines may be caused so: who can connect must
	// not be able to fill the disk, and to refuse must cost little.
	lineBurst      = 50
	linesPerSecond = 2
	// leftOutAfter is after how long it is said that lines were left out.
	leftOutAfter = 10 * time.Second
)

// Lines is a log for what may be caused without end, by strangers or by too many requests: a few lines of it, and now and then one that
// says how many were left out. What is worse than a warning is always there.
func Lines(log *slog.Logger) *slog.Logger {
	return slog.New(&lines{Handler: log.Handler(), few: &few{log: log, left: lineBurst, at: time.Now()}})
}

// lines is the handler of such a log.
type lines struct {
	slog.Handler
	few *few
}

// few is what several handlers of one log share.
type few struct {
	log *slog.Logger

	mu     sync.Mutex
	left   float64
	at     time.Time
	silent int // lines that were left out and not told of
}

func (l *lines) Handle(ctx context.Context, r slog.Record) error {
	if r.Level > slog.LevelWarn || l.few.may() {
		return l.Handler.Handle(ctx, r)
	}
	return nil
}

func (l *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lines{l.Handler.WithAttrs(attrs), l.few}
}

func (l *lines) WithGroup(name string) slog.Handler { return &lines{l.Handler.WithGroup(name), l.few} }

// may reports whether a line may be written, and counts it if not.
func (f *few) may() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.left = min(lineBurst, f.left+now.Sub(f.at).Seconds()*linesPerSecond)
	f.at = now
	if f.left >= 1 {
		f.left--
		return true
	}
	if f.silent++; f.silent == 1 {
		time.AfterFunc(leftOutAfter, f.tell)
	}
	return false
}

func (f *few) tell() {
	f.mu.Lock()
	n := f.silent
	f.silent = 0
	f.mu.Unlock()
	f.log.Info("lines about requests without credentials, or without room for them, were left out", "lines", n)
}
