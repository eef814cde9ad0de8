package admin

import (
	"net/http"
	"sync"
	"time"
)

// Once remembers what came of forms that were sent, the newest of them, so that one that is
// sent twice is answered alike. What has an Idempotency-Key is done once anyway, on whichever
// node; for the rest the second answer would be that it is done already, or a second thing of
// the kind. It is safe for concurrent use.
type Once[T any] struct {
	mu    sync.Mutex
	works map[string]*work[T]
	order []string // of the keys of works, by age
}

// work is that of a form.
type work[T any] struct {
	began time.Time
	mu    sync.Mutex
	done  bool
	came  T
}

// It remembers so many forms, for so long: what came of one may have a secret in it.
const (
	manyDone = 500
	keptDone = 10 * time.Minute
)

// Do does the work of a form that name has sent, unless the same form was sent before and it
// was done then; of two at once the second waits. The work says whether it was done, with
// what came of it: what was refused is tried again.
func (o *Once[T]) Do(now time.Time, name string, r *http.Request, do func() (came T, done bool, err error)) (T, error) {
	w := o.work(now, name+" "+r.URL.Path+" "+keyOf(r))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return w.came, nil
	}
	came, done, err := do()
	if done && err == nil {
		w.came, w.done = came, true
	}
	return came, err
}

// work is that of a form by the key.
func (o *Once[T]) work(now time.Time, key string) *work[T] {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.order) > 0 && (len(o.order) >= manyDone || now.Sub(o.works[o.order[0]].began) >= keptDone) {
		delete(o.works, o.order[0])
		o.order = o.order[1:]
	}
	w := o.works[key]
	if w == nil {
		if o.works == nil {
			o.works = map[string]*work[T]{}
		}
		w = &work[T]{began: now}
		o.works[key], o.order = w, append(o.order, key)
	}
	return w
}
