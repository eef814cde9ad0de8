package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	remoteLeeway = time.Minute // for the nbf of an issuer whose clock is not ours
	// refetchAfter is the least time between two fetches of an issuer's keys for
	// kids that they do not have, whether or not the first was answered: tokens
	// with made-up kids must not become a load on the issuer. Fetches for other
	// reasons do not count, so that a key made just after one of them is found.
	refetchAfter = time.Minute
	// retryAfter is the least time between two attempts to get any keys at all.
	retryAfter = 5 * time.Second
	// keysAge is how long fetched keys are taken for the issuer's keys without
	// asking again. So a key that it withdraws goes here too, if later.
	keysAge      = time.Hour
	fetchTimeout = 5 * time.Second
	maxFetched   = 1 << 20 // bytes of a discovery document or key set
	minRSABits   = 2048
)

// RemoteOptions are other issuers as the command line names them. Every value begins
// with the issuer's URL and "=". Where several things may follow, they are separated
// by spaces; a value without "=" goes on with the URL before it.
type RemoteOptions struct {
	Trusted []string // URL=AUDIENCE; a URL may be given several times, with one audience each
	// Scopes are URL=SCOPES, those that the issuer's clients may have: "all" is all. An
	// issuer that has none here speaks for its users only.
	Scopes []string
	Denied []string // URL=CLIENT, clients that are refused
	// Known are all scopes that there are.
	Known []string
	Now   func() time.Time
}

// RemoteIssuers makes of the options the issuers they name. The keys are found by
// OpenID Connect discovery when the
// first token comes: an issuer that is down keeps nobody from starting. One that
// has no discovery document is asked for /.well-known/jwks.json, then
// /.well-known/jwks. While its keys cannot be had, its tokens are refused as
// ErrInvalidCredentials, for the fault is not this server's; the error says why.
//
// It returns an error that names every value with a fault. A URL must be https,
// but for a loopback address.
func RemoteIssuers(o RemoteOptions) ([]Issuer, error) {
	var issuers []Issuer
	var errs []error
	find := func(url string) int { return slices.IndexFunc(issuers, func(is Issuer) bool { return is.URL == url }) }
	for _, value := range o.Trusted {
		issuer, audience, _ := strings.Cut(value, "=")
		if audience == "" {
			errs = append(errs, fmt.Errorf("trusted issuer %q: want URL=AUDIENCE, with the audience its tokens for this server have", value))
			continue
		}
		if err := checkRemoteURL(issuer); err != nil {
			errs = append(errs, fmt.Errorf("trusted issuer %q: %w", value, err))
			continue
		}
		i := find(issuer)
		if i < 0 {
			i = len(issuers)
			keys := newRemoteKeys(issuer, o.Now)
			issuers = append(issuers, Issuer{URL: issuer, Leeway: remoteLeeway, Scopes: []string{}, Key: keys.key})
		}
		issuers[i].Audiences = append(issuers[i].Audiences, audience)
	}
	// words calls take with each URL and one of what follows it.
	words := func(name, form string, values []string, take func(is *Issuer, word string) error) {
		url := ""
		for _, value := range values {
			if strings.TrimSpace(value) == "" {
				continue
			}
			first, rest, named := strings.Cut(value, "=")
			if named {
				url = first
			} else {
				rest = value
			}
			i := find(url)
			switch {
			case url == "" || strings.TrimSpace(rest) == "":
				errs = append(errs, fmt.Errorf("%s %q: want %s", name, value, form))
				continue
			case i < 0 && named:
				errs = append(errs, fmt.Errorf("%s %q: no trusted-issuer has this URL, to the letter", name, value))
				continue
			case i < 0:
				continue // said with the URL
			}
			for word := range strings.FieldsSeq(rest) {
				if err := take(&issuers[i], word); err != nil {
					errs = append(errs, fmt.Errorf("%s %q: %w", name, value, err))
				}
			}
		}
	}
	words("trusted-issuer-scope", `URL="SCOPE SCOPE", the scopes that the issuer's clients may have`, o.Scopes, func(is *Issuer, scope string) error {
		switch {
		case scope == "all":
			is.Scopes = slices.Clone(o.Known)
		case !slices.Contains(o.Known, scope):
			return fmt.Errorf("unknown scope %q: valid are %s, or all", scope, strings.Join(o.Known, " "))
		case !slices.Contains(is.Scopes, scope):
			is.Scopes = append(is.Scopes, scope)
		}
		return nil
	})
	words("trusted-issuer-deny", "URL=CLIENT, a client that is refused", o.Denied, func(is *Issuer, client string) error {
		is.Denied = append(is.Denied, client)
		return nil
	})
	return issuers, errors.Join(errs...)
}

// checkRemoteURL refuses what keys must not be fetched from: whoever sits
// between could give us others.
func checkRemoteURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("not a URL of the form https://host/path")
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return errors.New("want https, or http on a loopback address")
	}
	return nil
}

// remoteKeys are the keys of another issuer, as last fetched.
type remoteKeys struct {
	issuer string
	client *http.Client
	now    func() time.Time

	fetching chan struct{} // holds one: the right to fetch

	mu       sync.Mutex
	keys     map[string]Key // nil until they were had once
	triedOn  time.Time      // when the last fetch ended; zero if there was none
	missedOn time.Time      // the same of the last one for a kid that keys did not have
	err      error          // how the last fetch ended
}

func newRemoteKeys(issuer string, now func() time.Time) *remoteKeys {
	return &remoteKeys{
		issuer: issuer,
		now:    now,
		client: &http.Client{
			Transport: strictTransport{http.DefaultTransport},
		},
		fetching: make(chan struct{}, 1),
	}
}

// key looks up a key. If it is unknown, or known for long, the keys are fetched
// anew, unless that was done a moment ago: see look. Those that want a known key
// do not wait for a fetch that another does.
func (r *remoteKeys) key(ctx context.Context, kid string) (Key, error) {
	key, known, due := r.look(kid)
	if !due {
		return r.answer(key, known, kid)
	}
	if known {
		select {
		case r.fetching <- struct{}{}:
		default:
			return key, nil
		}
	} else {
		select {
		case r.fetching <- struct{}{}:
		case <-ctx.Done():
			return Key{}, ctx.Err()
		}
	}
	defer func() { <-r.fetching }()
	if key, known, due = r.look(kid); due { // another may have fetched meanwhile
		r.fetch(ctx, known)
		key, known, _ = r.look(kid)
	}
	return r.answer(key, known, kid)
}

// look reports whether the kid is known and whether a fetch is due for it.
func (r *remoteKeys) look(kid string) (key Key, known, due bool) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	key, known = r.keys[kid]
	switch {
	case r.keys == nil:
		due = passed(now, r.triedOn, retryAfter)
	case known:
		due = !now.Before(key.Until) && passed(now, r.triedOn, refetchAfter)
	default:
		due = passed(now, r.missedOn, refetchAfter)
	}
	return key, known, due
}

// passed reports whether d has passed since then, if that ever was.
func passed(now, then time.Time, d time.Duration) bool {
	return then.IsZero() || !now.Before(then.Add(d))
}

// answer tells a kid that the issuer does not have from one that could not be
// asked for, for the log.
func (r *remoteKeys) answer(key Key, known bool, kid string) (Key, error) {
	if known {
		return key, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return Key{}, invalid("keys of issuer %s cannot be had: %w", r.issuer, r.err)
	}
	return Key{}, invalid("issuer %s has no key %.100q", r.issuer, kid)
}

// fetch replaces the keys, or keeps them if the issuer does not answer. Known
// tells whether they have the one that it is for. It does not end with the
// request that happened to need it: the next ones would have to wait.
func (r *remoteKeys) fetch(ctx context.Context, known bool) {
	began := r.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	keys, err := r.download(ctx, began.Add(keysAge))

	r.mu.Lock()
	defer r.mu.Unlock()
	// Not from when it began: those who waited while an issuer did not answer must
	// not each wait for another attempt.
	r.triedOn, r.err = r.now(), err
	if r.keys != nil && !known {
		r.missedOn = r.triedOn
	}
	if err == nil {
		r.keys = keys
	}
}

func (r *remoteKeys) download(ctx context.Context, until time.Time) (map[string]Key, error) {
	uri, err := r.discover(ctx)
	if !answeredNotFound(err) {
		if err != nil {
			return nil, fmt.Errorf("discovery: %.300s", err.Error()) // it may quote the whole answer
		}
		return r.downloadSet(ctx, uri, until)
	}
	base := strings.TrimSuffix(r.issuer, "/") + "/.well-known/"
	keys, err := r.downloadSet(ctx, base+"jwks.json", until)
	if answeredNotFound(err) {
		keys, err = r.downloadSet(ctx, base+"jwks", until)
	}
	if answeredNotFound(err) {
		return nil, fmt.Errorf("the issuer has neither a discovery document nor a key set below %s", base)
	}
	return keys, err
}

// discover asks the issuer where its key set is.
func (r *remoteKeys) discover(ctx context.Context) (string, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, r.client), r.issuer)
	if err != nil {
		return "", err
	}
	var document struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := provider.Claims(&document); err != nil {
		return "", err
	}
	if err := checkRemoteURL(document.JWKSURI); err != nil {
		return "", fmt.Errorf("jwks_uri %q: %w", document.JWKSURI, err)
	}
	return document.JWKSURI, nil
}

func (r *remoteKeys) downloadSet(ctx context.Context, uri string, until time.Time) (map[string]Key, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err // names the URL
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	keys, err := parseKeySet(body, until)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	return keys, nil
}

// parseKeySet takes the keys of a JWK set that have a kid and can verify one of
// our algorithms, and leaves the others out: issuers publish keys for much.
// Of several with one kid it takes the first.
func parseKeySet(body []byte, until time.Time) (map[string]Key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	keys := map[string]Key{}
	for _, raw := range set.Keys {
		var jwk jose.JSONWebKey
		if err := json.Unmarshal(raw, &jwk); err != nil {
			continue
		}
		algorithm, ok := keyAlgorithm(jwk)
		if _, taken := keys[jwk.KeyID]; !ok || taken {
			continue
		}
		keys[jwk.KeyID] = Key{Public: jwk.Key, Algorithm: algorithm, Until: until}
	}
	return keys, nil
}

// keyAlgorithm is the one algorithm of a public key: that which it names, else
// the usual one of its type.
func keyAlgorithm(jwk jose.JSONWebKey) (jose.SignatureAlgorithm, bool) {
	if jwk.KeyID == "" || jwk.Use != "" && jwk.Use != "sig" {
		return "", false
	}
	var able []jose.SignatureAlgorithm
	switch public := jwk.Key.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() >= minRSABits {
			able = []jose.SignatureAlgorithm{jose.RS256, jose.PS256}
		}
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			able = []jose.SignatureAlgorithm{jose.ES256}
		}
	case ed25519.PublicKey:
		able = []jose.SignatureAlgorithm{jose.EdDSA}
	}
	if len(able) == 0 {
		return "", false
	}
	if jwk.Algorithm == "" {
		return able[0], true
	}
	named := jose.SignatureAlgorithm(jwk.Algorithm)
	return named, slices.Contains(able, named)
}

// strictTransport makes an error of every answer but 200, so of redirects too:
// keys come from where they were looked for or not at all. It cuts answers off
// that are longer than maxFetched, with an error: an issuer must not be able to
// fill our memory.
type strictTransport struct{ next http.RoundTripper }

func (t strictTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, &statusError{resp.StatusCode}
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxFetched)
	return resp, nil
}

// statusError is an answer that has another status than 200.
type statusError struct{ status int }

func (e *statusError) Error() string {
	return fmt.Sprintf("answered %d %s", e.status, http.StatusText(e.status))
}

// answeredNotFound reports whether a server answered that it has no such page.
func answeredNotFound(err error) bool {
	answer, ok := errors.AsType[*statusError](err)
	return ok && answer.status == http.StatusNotFound
}
