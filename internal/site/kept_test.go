package site

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// A page is made once for a revision, and while it is made others are there; what failed is
// tried again.
func TestKeptPages(t *testing.T) {
	var k kept
	making, end := make(chan struct{}, 2), make(chan struct{})
	slow := func() ([]byte, error) {
		making <- struct{}{}
		<-end
		return []byte("slow"), t.Context().Err()
	}
	var all sync.WaitGroup
	ask := func() {
		if text, err := k.page("1", "a", slow); err != nil || string(text) != "slow" {
			t.Errorf("%s %v", text, err)
		}
	}
	all.Go(ask)
	<-making
	all.Go(ask)
	other := make(chan struct{})
	go func() {
		defer close(other)
		if text, err := k.page("1", "b", func() ([]byte, error) { return []byte("b"), nil }); err != nil || string(text) != "b" {
			t.Errorf("%s %v", text, err)
		}
	}()
	select {
	case <-other:
	case <-time.After(10 * time.Second):
		t.Error("another page waits for the one that is made")
	}
	select {
	case <-making:
		t.Error("it is made twice at once")
	case <-time.After(50 * time.Millisecond):
	}
	close(end)
	all.Wait()
	<-other
	if len(making) > 0 {
		t.Error("it was made twice")
	}
	fails := errors.New("not now")
	if _, err := k.page("2", "a", func() ([]byte, error) { return nil, fails }); !errors.Is(err, fails) {
		t.Error(err)
	}
	if text, err := k.page("2", "a", func() ([]byte, error) { return []byte("new"), nil }); err != nil || string(text) != "new" {
		t.Errorf("%s %v", text, err)
	}
}
