package auth

// recent is a bounded map that forgets what was not used lately: what is put or
// got is in young; when young weighs half of all that may be kept it becomes old,
// and what was old goes. Each operation takes constant time. It has no lock of its
// own.
type recent[K comparable, V any] struct {
	size       int // what all together may weigh
	weigh      func(K, V) int
	young, old map[K]V
	weight     int // of young
}

// newRecent makes a map of at most size entries.
func newRecent[K comparable, V any](size int) recent[K, V] {
	return newWeighed(size, func(K, V) int { return 1 })
}

// newWeighed makes a map of entries that together weigh less than size and one more
// of them. Those put last, up to half of size, are always among them.
func newWeighed[K comparable, V any](size int, weigh func(K, V) int) recent[K, V] {
	return recent[K, V]{size: size, weigh: weigh, young: map[K]V{}, old: map[K]V{}}
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
	r.take(k)
	r.young[k] = v
	if r.weight += r.weigh(k, v); r.weight >= max(1, r.size/2) {
		r.old, r.young, r.weight = r.young, map[K]V{}, 0
	}
}

// take gets an entry and forgets it.
func (r *recent[K, V]) take(k K) (V, bool) {
	if v, ok := r.young[k]; ok {
		delete(r.young, k)
		r.weight -= r.weigh(k, v)
		return v, true
	}
	v, ok := r.old[k]
	delete(r.old, k)
	return v, ok
}

// clear forgets everything, and gives the memory back.
func (r *recent[K, V]) clear() {
	r.young, r.old, r.weight = map[K]V{}, map[K]V{}, 0
}

func (r *recent[K, V]) len() int { return len(r.young) + len(r.old) }
