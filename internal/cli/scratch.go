package cli

import (
	"errors"
	"os"
	"os/signal"
	"sync"
)

// scratch are the directories that go with the process: when their command ends,
// and when it is killed by a second signal before it has.
type scratch struct {
	mu   sync.Mutex
	dirs []string
}

// make makes a directory for temporary files, for its owner only.
func (s *scratch) make(pattern string) (string, error) {
	s.mu.Lock() // so that there is none that die does not know of
	defer s.mu.Unlock()
	dir, err := os.MkdirTemp("", pattern)
	if err == nil {
		s.dirs = append(s.dirs, dir)
	}
	return dir, err
}

// remove removes all directories.
func (s *scratch) remove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.removeAll()
}

func (s *scratch) removeAll() error {
	var errs []error
	for _, dir := range s.dirs {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

// die ends the process by a signal, as if nothing had taken it.
func (s *session) die(by os.Signal) {
	s.scratch.mu.Lock() // for good: nothing is made from here on
	for range 10 {
		if s.scratch.removeAll() == nil { // a command that still writes there gets in the way
			break
		}
	}
	signal.Reset(by)
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(by)
	}
	if err != nil {
		os.Exit(1)
	}
	select {} // the signal is on its way
}
