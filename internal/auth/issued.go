package auth

import (
	"context"
	"sync"
)

// issued are tokens that were verified when they were given and have not been used
// yet. They are kept apart from those in use, which a flood of tokens that nobody
// uses must not push out: here the oldest go, once all weigh too much. It is safe
// for concurrent use.
type issued struct {
	mu     sync.Mutex
	tokens recent[string, *verified]
}

func (i *issued) put(token string, t *verified) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens.put(token, t)
}

// take gets a token that is used for the first time: from now on it is one of those
// in use.
func (i *issued) take(token string) (*verified, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tokens.take(token)
}

func (i *issued) drop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens.clear()
}

// Issued verifies a token that is about to be given to its client, and remembers it
// so that the first request with it costs what the next ones do. It is verified from
// its text as any other, signature and all: who signs it is not taken at their word.
// One that is not good is not remembered, and whoever sends it is told so then.
//
// What is remembered is what [Verifier.Verify] remembers, and no more: whether the
// client may call is asked at each request, and [Verifier.Drop] forgets it.
func (v *Verifier) Issued(ctx context.Context, token string) {
	if token == "" || len(token) > MaxTokenBytes {
		return
	}
	p, err := v.prove(ctx, token, true)
	if err != nil || p.confirm(ctx) != nil {
		return
	}
	v.issued.put(token, p.t)
}
