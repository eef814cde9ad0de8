package oauth

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/time/rate"

	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/oauth/record"
)

const (
	// MaxStale is how old the knowledge of clients and keys may be that a token
	// is verified with.
	MaxStale = 750 * time.Millisecond

	watchEvery = 250 * time.Millisecond
	// loadTimeout may be longer than MaxStale: whoever waits for a load gets what
	// was true when it began, or an error.
	loadTimeout = 2 * time.Second

	// clocksApart is how far clocks of processes may be apart, and the whole second of
	// a token's iat, for one to be taken for older than the copy.
	clocksApart = 10 * time.Second

	// Credentials that the copy does not know are looked up in the store so often a
	// second, and so many at once; beyond that they are wrong until the copy has them.
	lookUpsEach   = 10
	lookUpsAtOnce = 20
)

// Directory is the clients and signing keys of an installation: a copy of the
// store's for verifying tokens, and the operations that change them. It is safe
// for concurrent use.
type Directory struct {
	store   record.Store
	scopes  []string
	now     func() time.Time
	log     *slog.Logger
	changed atomic.Pointer[func()] // nil until OnChange
	room    func(error) bool       // of DirectoryOptions; may be nil

	lookUps *rate.Limiter

	roster  atomic.Pointer[roster]
	seen    atomic.Pointer[roster] // the last one that was read, however old
	failed  atomic.Pointer[error]  // how the last load ended, if it failed
	begun   atomic.Uint64          // how many loads have begun
	loading chan struct{}          // holds one: the right to load, and to use what follows
	ended   uint64                 // the number of the last load that ended
	err     error                  // how it ended

	needed  atomic.Uint64 // the number of the load that has all that was heard of
	told    chan struct{} // receives when there is something to load
	vouched atomic.Bool   // the feed has said that the copy is as new as can be
}

// roster is the copy: what one load has found.
type roster struct {
	at                  time.Time // not after the state it shows
	clientsRev, keysRev int64
	clients             map[string]standing // by id; all there are
	keys                []publicKey         // ascending by CreatedOn, then id
}

type publicKey struct {
	record.SigningKey
	public *rsa.PublicKey
}

// DirectoryOptions are what a [Directory] is made of.
type DirectoryOptions struct {
	Store record.Store
	// Scopes are all that exist, in the order in which they are listed.
	Scopes []string
	Now    func() time.Time
	Log    *slog.Logger
	// Room makes room in the store for a revocation that failed, if it was for want of that,
	// and reports whether it did: then it is tried once more. May be nil.
	Room func(error) bool
}

// NewDirectory makes a directory that has read nothing yet.
func NewDirectory(o DirectoryOptions) *Directory {
	return &Directory{
		store: o.Store, scopes: o.Scopes, now: o.Now, log: o.Log, room: o.Room,
		lookUps: rate.NewLimiter(lookUpsEach, lookUpsAtOnce),
		loading: make(chan struct{}, 1), told: make(chan struct{}, 1),
	}
}

// OnChange has f called after each change of clients and keys that is seen here,
// whoever made it, and when the store cannot be read. It is for dropping what
// was verified before. f must not use the directory, and takes the place of the
// one given before.
//
// OnChange may be called at any time, best before Watch: of changes that were
// seen earlier f is not told, so it must not be about anything older than itself.
func (d *Directory) OnChange(f func()) { d.changed.Store(&f) }

// tell calls what OnChange was given.
func (d *Directory) tell() {
	if f := d.changed.Load(); f != nil {
		(*f)()
	}
}

// Refresh brings the copy to a state of the store that is not older than this
// call. Calls at one time share a load. Where the last one has failed, and the next is under way,
// nobody waits for it.
func (d *Directory) Refresh(ctx context.Context) error {
	asked := d.begun.Load()
	select {
	case d.loading <- struct{}{}:
	default:
		if failed := d.failed.Load(); failed != nil {
			return *failed
		}
		select {
		case d.loading <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-d.loading }()
	if d.ended > asked { // it began after this call
		return d.err
	}
	number := d.begun.Add(1)
	// Others wait for this load; it must not end with one request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	last := d.roster.Load()
	next, err := d.load(ctx, last)
	if err != nil {
		err = fmt.Errorf("read clients and signing keys: %w", err)
	} else {
		d.roster.Store(next)
		d.seen.Store(next)
		if last == nil || last.clientsRev != next.clientsRev || last.keysRev != next.keysRev {
			d.tell()
		}
	}
	d.ended, d.err = number, err
	if d.failed.Store(nil); err != nil {
		d.failed.Store(&err)
	}
	return err
}

func (d *Directory) load(ctx context.Context, last *roster) (*roster, error) {
	var next *roster
	at := d.now()
	err := d.store.View(ctx, func(r record.Reader) error {
		next = &roster{at: at}
		var err error
		if next.clientsRev, err = r.Revision(record.ScopeClients); err != nil {
			return err
		}
		if next.keysRev, err = r.Revision(record.ScopeKeys); err != nil {
			return err
		}
		if last != nil && last.clientsRev == next.clientsRev {
			next.clients = last.clients
		} else if next.clients, err = loadClients(r); err != nil {
			return err
		}
		if last != nil && last.keysRev == next.keysRev {
			next.keys = last.keys
		} else if next.keys, err = loadKeys(r); err != nil {
			return err
		}
		return nil
	})
	return next, err
}

func loadClients(r record.Reader) (map[string]standing, error) {
	stored, err := r.Clients()
	if err != nil {
		return nil, err
	}
	clients := make(map[string]standing, len(stored))
	for _, c := range stored {
		clients[c.ID] = newStanding(c)
	}
	return clients, nil
}

func loadKeys(r record.Reader) ([]publicKey, error) {
	stored, err := r.SigningKeys()
	if err != nil {
		return nil, err
	}
	keys := make([]publicKey, 0, len(stored))
	for _, k := range stored {
		public, err := x509.ParsePKIXPublicKey(k.Public)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", k.ID, err)
		}
		key, ok := public.(*rsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("signing key %s: a %T, want RSA", k.ID, public)
		}
		keys = append(keys, publicKey{k, key})
	}
	return keys, nil
}

// current is a copy not older than MaxStale.
func (d *Directory) current(ctx context.Context) (*roster, error) {
	if r := d.roster.Load(); d.fresh(r) {
		return r, nil
	}
	return d.refreshed(ctx)
}

// refreshed is a copy not older than the call.
func (d *Directory) refreshed(ctx context.Context) (*roster, error) {
	if err := d.Refresh(ctx); err != nil {
		return nil, err
	}
	return d.roster.Load(), nil
}

func (d *Directory) fresh(r *roster) bool {
	if r == nil {
		return false
	}
	age := d.now().Sub(r.at)
	return 0 <= age && age < MaxStale
}

// Watch keeps the copy fresh until ctx ends: it loads it when a change was heard
// of, and now and then, unless the feed says that there is nothing new. Without it
// all answers are the same; requests just wait for the store now and then.
func (d *Directory) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.told:
		case <-tick.C:
			if d.vouched.Swap(false) {
				continue
			}
		}
		err := d.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && away:
			d.log.Info("clients and signing keys can be read again")
		case err != nil && !away:
			d.log.Error("tokens are refused until the store can be read", "error", err)
		}
		away = err != nil
		if away && !d.fresh(d.roster.Load()) {
			d.tell()
		}
	}
}

// settle makes a change of ours that was committed take effect in this process
// before it is answered.
func (d *Directory) settle(ctx context.Context) {
	if err := d.Refresh(ctx); err != nil {
		d.roster.Store(nil) // the next one who wants it will have to read it
		d.tell()
	}
}

// check is [auth.Issuer].Check for our own tokens.
func (d *Directory) check(ctx context.Context, clientID string, from auth.Origin) error {
	r, err := d.current(ctx)
	if err != nil {
		return err
	}
	c, known := r.clients[clientID]
	// It may have been made a moment ago, by another process.
	if !known || !c.made(from) && r.at.Before(from.IssuedOn.Add(clocksApart)) {
		if r, err = d.refreshed(ctx); err != nil {
			return err
		}
		c, known = r.clients[clientID]
	}
	switch {
	case !known:
		return fmt.Errorf("%w: unknown client %.100q", auth.ErrInvalidCredentials, clientID)
	case !c.RevokedOn.IsZero():
		return fmt.Errorf("%w: client %s is revoked", auth.ErrInvalidCredentials, clientID)
	case !c.made(from):
		return fmt.Errorf("%w: made with a secret of client %s that was replaced", auth.ErrInvalidCredentials, clientID)
	}
	return nil
}

// key is [auth.Issuer].Key for our own tokens.
func (d *Directory) key(ctx context.Context, kid string) (auth.Key, error) {
	r, err := d.current(ctx)
	if err != nil {
		return auth.Key{}, err
	}
	k, ok := r.key(kid, d.now())
	if !ok { // it may have been made a moment ago, by another process
		if r, err = d.refreshed(ctx); err != nil {
			return auth.Key{}, err
		}
		if k, ok = r.key(kid, d.now()); !ok {
			return auth.Key{}, fmt.Errorf("%w: no signing key %.100q", auth.ErrInvalidCredentials, kid)
		}
	}
	return k.verifying(), nil
}

// known is [auth.Issuer].Known for our own tokens.
func (d *Directory) known(kid string) (auth.Key, bool) {
	r := d.seen.Load()
	if r == nil {
		return auth.Key{}, false
	}
	k, ok := r.key(kid, d.now())
	if !ok {
		return auth.Key{}, false
	}
	return k.verifying(), true
}

func (k *publicKey) verifying() auth.Key {
	return auth.Key{Public: k.public, Algorithm: jose.RS256, Until: verifiesUntil(k.SigningKey)}
}

// key is one that verifies now.
func (r *roster) key(kid string, now time.Time) (publicKey, bool) {
	for _, k := range r.verifying(now) {
		if k.ID == kid {
			return k, true
		}
	}
	return publicKey{}, false
}

// verifying are the keys by which tokens are verified now.
func (r *roster) verifying(now time.Time) []publicKey {
	var keys []publicKey
	for _, k := range r.keys {
		if until := verifiesUntil(k.SigningKey); until.IsZero() || now.Before(until) {
			keys = append(keys, k)
		}
	}
	return keys
}

// signing is the key that signs: the newest that is not retired. There can be
// several, when two nodes made one at once; all nodes choose the same, and the
// others verify.
func (r *roster) signing() (publicKey, bool) {
	for i := len(r.keys) - 1; i >= 0; i-- {
		if r.keys[i].RetiredOn.IsZero() {
			return r.keys[i], true
		}
	}
	return publicKey{}, false
}
