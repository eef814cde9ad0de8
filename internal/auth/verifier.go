package auth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
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
	// Check returns nil if the client may call now, and errors as Key does. It
	// is called for every request, so it must be fast. Nil means that the
	// issuer's signature is all there is to check.
	Check func(ctx context.Context, clientID string) error
}

// hostPart is an http URL up to its path. Kinde's clients may put one scheme
// before another.
var hostPart = regexp.MustCompile(`^(?i:https?://)+[^/?#]*`)

// Accepts reports whether an audience is one of the issuer's. They are compared
// exactly, but for scheme and host of an http or https URL, which are the same in
// any case (RFC 3986, section 6.2.2.1).
func (is Issuer) Accepts(audience string) bool {
	folded := hostPart.ReplaceAllStringFunc(audience, strings.ToLower)
	return slices.ContainsFunc(is.Audiences, func(a string) bool {
		return hostPart.ReplaceAllStringFunc(a, strings.ToLower) == folded
	})
}

// Options are what a [Verifier] is made of.
type Options struct {
	Issuers []Issuer
	// CacheSize is how many verified tokens are remembered; 0 means 10,000.
	CacheSize int
	Now       func() time.Time
}

// Verifier verifies bearer tokens. It is safe for concurrent use.
type Verifier struct {
	issuers map[string]*Issuer
	now     func() time.Time

	mu    sync.Mutex
	cache recent[[sha256.Size]byte, verified] // by hash: no credentials in memory
	drops uint64
}

// verified is a token whose signature and claims were found right.
type verified struct {
	issuer    *Issuer
	principal Principal
	until     time.Time // never after exp
}

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
	if o.CacheSize == 0 {
		o.CacheSize = 10_000
	}
	v.cache = newRecent[[sha256.Size]byte, verified](o.CacheSize)
	return v, errors.Join(errs...)
}

// Drop forgets all verified tokens. A verification that is under way when Drop
// is called is not remembered either.
func (v *Verifier) Drop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cache.clear()
	v.drops++
}

// Verify returns who a token speaks for. It returns an [ErrInvalidCredentials]
// if the token is not good, now, and another error if that cannot be told.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	if token == "" || len(token) > MaxTokenBytes {
		return Principal{}, invalid("token of %d bytes, want 1 to %d", len(token), MaxTokenBytes)
	}
	hash := sha256.Sum256([]byte(token))
	t, drops, ok := v.recall(hash)
	if !ok {
		var err error
		if t, err = v.verify(ctx, token); err != nil {
			return Principal{}, err
		}
	}
	if t.issuer.Check != nil {
		if err := t.issuer.Check(ctx, t.principal.ClientID); err != nil {
			return Principal{}, err
		}
	}
	if !ok {
		v.remember(hash, t, drops)
	}
	return t.principal, nil
}

func (v *Verifier) recall(hash [sha256.Size]byte) (t verified, drops uint64, ok bool) {
	now := v.now()
	v.mu.Lock()
	defer v.mu.Unlock()
	t, ok = v.cache.get(hash)
	if ok && !now.Before(t.until) {
		v.cache.remove(hash)
		ok = false
	}
	return t, v.drops, ok
}

// remember keeps t unless Drop was called since drops was read.
func (v *Verifier) remember(hash [sha256.Size]byte, t verified, drops uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.drops == drops {
		v.cache.put(hash, t)
	}
}

func (v *Verifier) verify(ctx context.Context, token string) (verified, error) {
	if !canonical(token) {
		return verified{}, invalid("not three parts of unpadded base64url")
	}
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return verified{}, invalid("%w", err)
	}
	// Whose token it claims to be decides whose keys are tried; nothing else of
	// the payload is looked at before the signature is.
	claimed, err := parseClaims(jws.UnsafePayloadWithoutVerification())
	if err != nil {
		return verified{}, err
	}
	issuer := v.issuers[claimed.Issuer]
	if issuer == nil {
		return verified{}, invalid("unknown issuer %.100q", claimed.Issuer)
	}
	header := jws.Signatures[0].Protected
	if header.KeyID == "" {
		return verified{}, invalid("token without kid")
	}
	key, err := issuer.Key(ctx, header.KeyID)
	if err != nil {
		return verified{}, err
	}
	if header.Algorithm != string(key.Algorithm) {
		return verified{}, invalid("token signed with %s, its key is for %s", header.Algorithm, key.Algorithm)
	}
	payload, err := jws.Verify(key.Public)
	if err != nil {
		return verified{}, invalid("%w", err)
	}
	c, err := parseClaims(payload)
	if err != nil {
		return verified{}, err
	}
	if err := c.valid(issuer, v.now()); err != nil {
		return verified{}, err
	}
	t := verified{issuer: issuer, principal: c.principal()}
	t.until = t.principal.Expires
	if !key.Until.IsZero() && key.Until.Before(t.until) {
		t.until = key.Until
	}
	return t, nil
}

// canonical reports whether a token is three parts in the one spelling that
// their bytes have. Decoders also take line breaks and stray last bits, so that
// one token could be written in many ways.
func canonical(token string) bool {
	if strings.ContainsAny(token, "\r\n") || strings.Count(token, ".") != 2 {
		return false
	}
	for part := range strings.SplitSeq(token, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return false
		}
	}
	return true
}
