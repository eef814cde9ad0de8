package site

import (
	"errors"
	"sync"
	"testing"
)

// A page is made once for a revision, and while it is made others are there; what failed is
// tried again.
func TestKeptPages(t *testing.T) {
	var k kept
	made := 0
	began, end := make(chan struct{}), make(chan struct{})
	slow := func() ([]byte, error) {
		made++
		close(began)
		<-end
		return []byte("slow"), nil
	}
	var all sync.WaitGroup
	for range 2 { // both ask for the same page, and one makes it
		all.Go(func() {
			if text, err := k.page("1", "a", slow); err != nil || string(text) != "slow" {
				t.Errorf("%s %v", text, err)
			}
		})
	}
	<-began
	if text, err := k.page("1", "b", func() ([]byte, error) { return []byte("b"), nil }); err != nil || string(text) != "b" {
		t.Errorf("%s %v", text, err)
	}
	close(end)
	all.Wait()
	if made != 1 {
		t.Errorf("it was made %d times", made)
	}
	fails := errors.New("not now")
	if _, err := k.page("2", "a", func() ([]byte, error) { return nil, fails }); !errors.Is(err, fails) {
		t.Error(err)
	}
	if text, err := k.page("2", "a", func() ([]byte, error) { return []byte("new"), nil }); err != nil || string(text) != "new" {
		t.Errorf("%s %v", text, err)
	}
}
