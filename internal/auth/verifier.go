package auth

import (
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/maypok86/otter/v2"
)

// MaxTokenBytes is the length of the longest token that is looked at.
const MaxTokenBytes = 8 << 10

// algorithms are all that a [Key] may have.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}

// Key is a public key and the one algorithm that it verifies.
type Key struct {
	Public    crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	Algorithm jose.SignatureAlgorithm
	// Until is when what was verified with the key must be verified anew,
	// because the key may be gone by then; zero if it does not go.
	Until time.Time
}

// Issuer is one whose tokens are accepted.
type Issuer struct {
	URL string // iss, compared exactly
	// Audiences are those of which a token must name at least one; see Accepts.
	// There must be one: without it every token that the issuer gives to anybody,
	// for any service, would be a key to this one.
	Audiences []string
	// Leeway is how far nbf may lie in the future. There is none for exp.
	Leeway time.Duration
	// Key looks up a key by its kid, which is never empty. It returns an
	// ErrInvalidCredentials if there is none, or none can be had from another
	// issuer; any other error is a fault and not the caller's.
	Key func(ctx context.Context, kid string) (Key, error)
	// Known looks up a key among those that are in memory, however long ago they were read, and
	// asks nobody. What is verified by one counts once Key has it too. Nil: Key is asked at once.
	Known func(kid string) (Key, bool)
	// Scopes are all that the issuer's clients may have here, whatever their tokens
	// say; nil means that its word is taken.
	Scopes []string
	// Denied are clients whose tokens are refused, as client or as the one that a
	// user's token was given to.
	Denied []string
	// Check returns nil if the client may call now with a token of this origin, and
	// errors as Key does. It is called for every request, so it must be fast. Nil
	// means that the issuer's signature is all there is to check.
	Check func(ctx context.Context, clientID string, from Origin) error
}

// Origin is what a token says of where it comes from.
type Origin struct {
	ID       string    // jti
	IssuedOn time.Time // iat; zero if it has none
}

// hostPart is an http URL up to its path. Kinde's clients may put one scheme
// before another.
var hostPart = regexp.MustCompile(`^(?i:https?://)+[^/?#]*`)

// Accepts reports whether an audience is one of the issuer's. They are compared
// exactly, but for scheme and host of an http or https URL, which are the same in
// any case (RFC 3986, section 6.2.2.1).
func (is Issuer) Accepts(audience string) bool {
	if slices.Contains(is.Audiences, audience) { // as nearly always
		return true
	}
	folded := hostPart.ReplaceAllStringFunc(audience, strings.ToLower)
	return slices.ContainsFunc(is.Audiences, func(a string) bool {
		return hostPart.ReplaceAllStringFunc(a, strings.ToLower) == folded
	})
}

// Options are what a [Verifier] is made of.
type Options struct {
	Issuers []Issuer
	// CacheBytes bounds the memory of verified tokens that are remembered; 0 means
	// [DefaultCacheBytes]. A fifth of it is for those that were issued and have not
	// been used.
	CacheBytes int
	Now        func() time.Time
}

// DefaultCacheBytes has room for some eight thousand tokens of usual length in use,
// and two thousand to come.
const DefaultCacheBytes = 20 << 20

// Verifier verifies bearer tokens. It is safe for concurrent use.
type Verifier struct {
	issuers map[string]*Issuer
	now     func() time.Time
	// cache is keyed by the token itself: a lookup must not cost a digest.
	cache  *otter.Cache[string, *verified]
	issued issued
	drops  atomic.Uint64 // how often Drop was called
}

// verified is a token whose signature and claims were found right.
type verified struct {
	issuer    *Issuer
	principal Principal
	from      Origin
	until     time.Time // never after exp
	drops     uint64    // those before its verification began; after another one it counts no more
}

// weight is what a cached token takes, in bytes, within a fifth: its text, and
// again as much for the claims kept of it, and the cache's own.
func weight(token string, _ *verified) uint32 { return uint32(2*len(token)) + 400 }

// NewVerifier returns an error that names every issuer with a fault.
func NewVerifier(o Options) (*Verifier, error) {
	v := &Verifier{issuers: map[string]*Issuer{}, now: o.Now}
	var errs []error
	for _, is := range o.Issuers {
		switch {
		case is.URL == "":
			errs = append(errs, errors.New("issuer without a URL"))
		case v.issuers[is.URL] != nil:
			errs = append(errs, fmt.Errorf("issuer %s: given twice", is.URL))
		case len(is.Audiences) == 0 || slices.Contains(is.Audiences, ""):
			errs = append(errs, fmt.Errorf("issuer %s: no audience: name the one its tokens must be for", is.URL))
		default:
			v.issuers[is.URL] = &is
		}
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	toCome := o.CacheBytes / 5
	v.issued.tokens = newWeighed(toCome, func(token string, _ *verified) int { return int(weight(token, nil)) })
	var err error
	v.cache, err = otter.New(&otter.Options[string, *verified]{MaximumWeight: uint64(o.CacheBytes - toCome), Weigher: weight})
	return v, errors.Join(append(errs, err)...)
}

// Drop forgets all verified tokens. A verification that is under way when Drop
// is called is not remembered either.
func (v *Verifier) Drop() {
	v.drops.Add(1) // from here on none of them counts
	v.cache.InvalidateAll()
	v.issued.drop()
}

// Verify returns who a token speaks for, to all who ask the same: do not change
// it. It returns an [ErrInvalidCredentials]
// if the token is not good, now, and another error if that cannot be told.
func (v *Verifier) Verify(ctx context.Context, token string) (*Principal, error) {
	if token == "" || len(token) > MaxTokenBytes {
		return nil, invalid("token of %d bytes, want 1 to %d", len(token), MaxTokenBytes)
	}
	if by, known, err := v.Recall(ctx, token); known {
		return by, err
	}
	p, err := v.prove(ctx, token, true)
	if err != nil {
		return nil, err
	}
	return v.Admit(ctx, p)
}

// ErrKeyUnknown is a token of which nothing can be told without its issuer's keys being read
// anew.
var ErrKeyUnknown = errors.New("the token's key is not in memory")

// Proof is a token whose signature and claims were found right by a key that is in memory.
type Proof struct {
	token string
	kid   string
	t     *verified
}

// Prove is the part of [Verifier.Verify] that takes a processor, and waits for no store: whoever
// made the token has, or had, a key of its issuer. Its error may be [ErrKeyUnknown].
func (v *Verifier) Prove(ctx context.Context, token string) (Proof, error) {
	if token == "" || len(token) > MaxTokenBytes {
		return Proof{}, invalid("token of %d bytes, want 1 to %d", len(token), MaxTokenBytes)
	}
	return v.prove(ctx, token, false)
}

// Admit is the rest of it: whether the key is still the issuer's, and the client may call. An
// error that is no [ErrInvalidCredentials] says that this cannot be told now.
func (v *Verifier) Admit(ctx context.Context, p Proof) (*Principal, error) {
	if err := p.confirm(ctx); err != nil {
		return nil, err
	}
	if err := p.t.check(ctx); err != nil {
		return nil, err
	}
	v.cache.Set(p.token, p.t)
	return &p.t.principal, nil
}

// confirm asks whether the key is still the issuer's.
func (p *Proof) confirm(ctx context.Context) error {
	if p.t.issuer.Known == nil {
		return nil
	}
	key, err := p.t.issuer.Key(ctx, p.kid)
	if err == nil {
		p.t.limit(key)
	}
	return err
}

// Recall is [Verifier.Verify] of a token that was found to be good before and still counts,
// which costs nothing. Of any other it says that it is not known.
func (v *Verifier) Recall(ctx context.Context, token string) (by *Principal, known bool, err error) {
	t, used := v.cache.GetIfPresent(token)
	if known = used; !used {
		t, known = v.issued.take(token)
	}
	if !known || t.drops != v.drops.Load() || !v.now().Before(t.until) {
		return nil, false, nil
	}
	if err := t.check(ctx); err != nil {
		return nil, true, err
	}
	if !used {
		v.cache.Set(token, t)
	}
	return &t.principal, true, nil
}

// check asks whether the token's client may call now.
func (t *verified) check(ctx context.Context) error {
	if t.issuer.Check == nil {
		return nil
	}
	return t.issuer.Check(ctx, t.principal.ClientID, t.from)
}

// prove looks at a token's signature and claims. If its key is not in memory it is asked for, or
// the error is [ErrKeyUnknown].
func (v *Verifier) prove(ctx context.Context, token string, ask bool) (Proof, error) {
	drops := v.drops.Load()
	t, kid, err := v.verify(ctx, token, ask)
	if err != nil {
		return Proof{}, err
	}
	t.drops = drops
	return Proof{token, kid, t}, nil
}

// limit has a token count no longer than what its key verifies.
func (t *verified) limit(key Key) {
	if !key.Until.IsZero() && key.Until.Before(t.until) {
		t.until = key.Until
	}
}

// key is that of a kid.
func (is *Issuer) key(ctx context.Context, kid string, ask bool) (Key, error) {
	if is.Known != nil {
		if key, ok := is.Known(kid); ok {
			return key, nil
		}
		if !ask {
			return Key{}, ErrKeyUnknown
		}
	}
	return is.Key(ctx, kid)
}

func (v *Verifier) verify(ctx context.Context, token string, ask bool) (*verified, string, error) {
	if !canonical(token) {
		return nil, "", invalid("not three parts of unpadded base64url")
	}
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, "", invalid("%w", err)
	}
	// Whose token it claims to be decides whose keys are tried; none of the other
	// claims is looked at before the signature is.
	c, err := parseClaims(jws.UnsafePayloadWithoutVerification())
	if err != nil {
		return nil, "", err
	}
	issuer := v.issuers[c.Issuer]
	if issuer == nil {
		return nil, "", invalid("unknown issuer %.100q", c.Issuer)
	}
	if err := checkHeader(token); err != nil {
		return nil, "", err
	}
	header := jws.Signatures[0].Protected
	if header.KeyID == "" {
		return nil, "", invalid("token without kid")
	}
	key, err := issuer.key(ctx, header.KeyID, ask)
	if err != nil {
		return nil, "", err
	}
	if header.Algorithm != string(key.Algorithm) {
		return nil, "", invalid("token signed with %s, its key is for %s", header.Algorithm, key.Algorithm)
	}
	if _, err := jws.Verify(key.Public); err != nil { // the payload is that which was parsed
		return nil, "", invalid("%w", err)
	}
	if err := c.valid(issuer, v.now()); err != nil {
		return nil, "", err
	}
	t := &verified{issuer: issuer, principal: c.principal(issuer), from: c.origin()}
	t.until = t.principal.Expires
	t.limit(key)
	return t, header.KeyID, nil
}

// canonical reports whether a token, if it is three parts of base64url, has them
// in the one spelling that their bytes have. Decoders also take line breaks and
// stray bits in the last few letters, so that one token could be written in many
// ways.
func canonical(token string) bool {
	if strings.Contains(token, "\r") || strings.Contains(token, "\n") || strings.Count(token, ".") != 2 {
		return false
	}
	for part := range strings.SplitSeq(token, ".") {
		last := part[len(part)&^3:]
		if _, err := base64.RawURLEncoding.Strict().DecodeString(last); err != nil {
			return false
		}
	}
	return true
}
