package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressEvery is how often long work says how far it is where nobody watches.
const progressEvery = 5 * time.Second

// progress tells on standard error how far long work is: on a terminal by a line
// that is written over, else by a line every few seconds.
type progress struct {
	s    *session
	bar  *progressbar.ProgressBar // nil where it is no terminal
	told time.Time                // when the last line was written
	left string                   // the last line, if it was not
}

// newProgress begins to tell of work on so many things; -1 is not known how many.
func (s *session) newProgress(total int64) *progress {
	p := &progress{s: s, told: time.Now()}
	if f, ok := s.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(s.err),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	}
	return p
}

// at says that n things are done; text says it for whoever reads it as a line.
func (p *progress) at(n int64, text string) {
	p.left = text
	if p.bar != nil {
		p.bar.Describe(text)
		_ = p.bar.Set64(n) // it is shown or not: the work goes on
		return
	}
	if time.Since(p.told) >= progressEvery {
		p.tell()
	}
}

// end takes the line that was written over away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
		_ = p.bar.Finish()
	}
}

// tell writes the line that was not written yet, if there is one.
func (p *progress) tell() {
	if p.left != "" {
		fmt.Fprintln(p.s.err, p.left)
	}
	p.left, p.told = "", time.Now()
}
