package auth

// recent is a bounded map that forgets what was not used lately: what is put or
// got is in young; when young is full it becomes old, and what was old goes. It
// holds at most size entries and each operation takes constant time. It has no
// lock of its own.
type recent[K comparable, V any] struct {
	size       int
	young, old map[K]V
}

func newRecent[K comparable, V any](size int) recent[K, V] {
	return recent[K, V]{size: size, young: map[K]V{}, old: map[K]V{}}
}

func (r *recent[K, V]) get(k K) (V, bool) {
	if v, ok := r.young[k]; ok {
		return v, true
	}
	v, ok := r.old[k]
	if ok {
		r.put(k, v)
	}
	return v, ok
}

func (r *recent[K, V]) put(k K, v V) {
	delete(r.old, k)
	r.young[k] = v
	if len(r.young) >= max(1, r.size/2) {
		r.old, r.young = r.young, map[K]V{}
	}
}

func (r *recent[K, V]) len() int { return len(r.young) + len(r.old) }
