package signin

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
)

// What signs the tokens that say who somebody is: a provider's key, never a shared secret.
var providerAlgorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

const (
	// tripLife is for how long somebody may be away at the provider.
	tripLife = 10 * time.Minute
	// providerTimeout bounds each request to the provider.
	providerTimeout = 10 * time.Second
)

// ProviderError is somebody whom the provider, or what is allowed here, does not let in.
type ProviderError struct {
	Reason string // for people
	Err    error  // for the log
}

func (e *ProviderError) Error() string {
	if e.Err != nil {
		return e.Reason + ": " + e.Err.Error()
	}
	return e.Reason
}

// ProviderOptions say which OpenID provider lets administrators in.
type ProviderOptions struct {
	Issuer, ClientID string
	ClientSecret     string // "" for a client that has none; PKCE is always used
	// CallbackURL is where the provider leads back to.
	CallbackURL string
	// Key seals what a browser keeps while it is away: 32 bytes, the same on every node.
	Key []byte
	Now func() time.Time
}

// Provider is an OpenID provider. It is asked for what it is when the first one goes there,
// so that a server starts without it.
type Provider struct {
	o      ProviderOptions
	client *http.Client
	aead   cipher.AEAD
	found  atomic.Pointer[oidc.Provider] // nil until it was
}

// NewProvider asks nothing yet.
func NewProvider(o ProviderOptions) (*Provider, error) {
	block, err := aes.NewCipher(o.Key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Provider{o: o, client: &http.Client{Timeout: providerTimeout}, aead: aead}, nil
}

// Name is what people know the provider by: its host.
func (p *Provider) Name() string {
	if u, err := url.Parse(p.o.Issuer); err == nil && u.Host != "" {
		return u.Host
	}
	return p.o.Issuer
}

// discovered is what the provider says of itself.
func (p *Provider) discovered(ctx context.Context) (*oidc.Provider, error) {
	if found := p.found.Load(); found != nil {
		return found, nil
	}
	found, err := oidc.NewProvider(ctx, p.o.Issuer)
	if err != nil {
		return nil, &billing.Error{
			Kind: billing.Unavailable, Code: "PROVIDER_UNREACHABLE", Message: "The provider cannot be asked now. Try again in a moment.", Err: err,
		}
	}
	p.found.Store(found)
	return found, nil
}

// context is one whose requests to the provider are bounded.
func (p *Provider) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

func (p *Provider) config(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, RedirectURL: p.o.CallbackURL,
		Endpoint: found.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "email"},
	}
}

// trip is what a browser keeps, sealed, while its person is away at the provider.
type trip struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // of PKCE
	Next     string    `json:"next"`
	Until    time.Time `json:"until"`
}

var ofTrip = []byte("trip to the provider")

// Leave is where the provider is to be asked, and what the browser has to keep until it is
// back.
func (p *Provider) Leave(ctx context.Context, next string) (to, kept string, err error) {
	found, err := p.discovered(p.context(ctx))
	if err != nil {
		return "", "", err
	}
	t := trip{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next, Until: p.o.Now().Add(tripLife)}
	text, err := json.Marshal(t)
	if err != nil {
		return "", "", err
	}
	to = p.config(found).AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier))
	return to, base64.RawURLEncoding.EncodeToString(p.aead.Seal(nil, nil, text, ofTrip)), nil
}

// Person is somebody as the provider knows them.
type Person struct {
	Issuer, Subject string
	Address         string // of mail, which the provider has verified; in small letters
}

const tryAgain = "Go back to the page to sign in and try again."

// Return is who comes back from the provider, and where they wanted to go. answer are the
// parameters that the provider gave, kept what [Provider.Leave] did.
func (p *Provider) Return(ctx context.Context, answer url.Values, kept string) (_ Person, next string, err error) {
	refuse := func(reason, format string, args ...any) (Person, string, error) {
		return Person{}, "", &ProviderError{reason, fmt.Errorf(format, args...)}
	}
	var t trip
	sealed, err := base64.RawURLEncoding.DecodeString(kept)
	if err != nil || kept == "" {
		return refuse("This sign-in was not begun in this browser, or is finished. "+tryAgain, "no trip")
	}
	text, err := p.aead.Open(nil, nil, sealed, ofTrip)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	switch {
	case err != nil:
		return refuse("This sign-in was not begun in this browser. "+tryAgain, "trip: %w", err)
	case subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(t.State)) != 1:
		return refuse("This sign-in was not begun in this browser. "+tryAgain, "another state")
	case !p.o.Now().Before(t.Until):
		return refuse("This sign-in took too long. "+tryAgain, "begun before %s", t.Until.Add(-tripLife))
	case answer.Has("iss") && answer.Get("iss") != p.o.Issuer:
		return refuse("The answer is of another provider. "+tryAgain, "iss %.100q", answer.Get("iss"))
	case answer.Has("error"):
		return refuse("The provider did not let you in.", "error %.100q", answer.Get("error"))
	}
	ctx = p.context(ctx)
	found, err := p.discovered(ctx)
	if err != nil {
		return Person{}, "", err
	}
	const unsure = "The provider's answer does not say for sure who you are."
	token, err := p.config(found).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(t.Verifier))
	if err != nil {
		if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok { // its text has the whole answer
			err = fmt.Errorf("token endpoint: %d %.100q", refused.Response.StatusCode, refused.ErrorCode)
		}
		return refuse("The provider's answer was not good for a token. "+tryAgain, "%w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: p.o.ClientID, SupportedSigningAlgs: providerAlgorithms, Now: p.o.Now}).Verify(ctx, raw)
	if err != nil {
		return refuse(unsure, "id token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(t.Nonce)) != 1 {
		return refuse(unsure, "another nonce")
	}
	var claims struct {
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // some write it as text
	}
	if err := id.Claims(&claims); err != nil {
		return refuse(unsure, "claims: %w", err)
	}
	address := strings.ToLower(claims.Email)
	switch {
	case id.Subject == "" || len(id.Subject) > 255:
		return refuse(unsure, "subject of %d bytes", len(id.Subject))
	case !addressForm.MatchString(address):
		return refuse("The provider does not say your address. It has to be in the claim email of its ID token.", "no email")
	case claims.Verified != true && claims.Verified != "true":
		return refuse("The provider does not say that your address is verified.", "email_verified is %v", claims.Verified)
	}
	return Person{Issuer: id.Issuer, Subject: id.Subject, Address: address}, t.Next, nil
}

// EnterByProvider lets somebody in whom the provider knows, if they are allowed to. The first
// time makes them an administrator. The error is a [*ProviderError] if they are not let in.
//
// Whose an address is goes by the provider's subject: an address that was another one's
// before, as of somebody who has left, lets nobody in until it is reset.
func (a *Accounts) EnterByProvider(ctx context.Context, by Caller, who Person) (Entry, error) {
	role, ok := a.allow.role(who.Address)
	if !ok {
		return Entry{}, &ProviderError{Reason: "You are " + who.Address + " at the provider, and that address is not allowed in here."}
	}
	now := a.instant()
	var entry Entry
	err := a.store.Update(ctx, func(tx record.Tx) error {
		is, err := ensure(tx, actor(who.Address), record.Administrator{Name: who.Address, Role: role, CreatedOn: now})
		if err != nil {
			return err
		}
		if !is.DisabledOn.IsZero() {
			return &ProviderError{Reason: who.Address + " is disabled here."}
		}
		if err := identify(tx, who, now); err != nil {
			return err
		}
		if is.Role != role {
			is.Role = role
			if err := errors.Join(tx.UpdateAdministrator(is), note(tx, actor(is.Name), record.AdministratorRoleChanged, is, now)); err != nil {
				return err
			}
		}
		entry, err = a.begin(tx, is, record.ByProvider, by, now)
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	a.entered(ctx, by, entry)
	return entry, nil
}

// identify ties a subject of the provider to the administrator of its address.
func identify(tx record.Tx, who Person, now time.Time) error {
	known, err := tx.AdminIdentity(who.Issuer, who.Subject)
	switch {
	case err == nil && known.Name == who.Address:
		return nil
	case err == nil: // they have another address now: who they were is out
		if err := errors.Join(tx.DeleteAdminIdentities(known.Name), shutOut(tx, known.Name)); err != nil {
			return err
		}
	case !errors.Is(err, billing.ErrNotFound):
		return err
	}
	others, err := tx.AdminIdentities(who.Address)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.Issuer == who.Issuer {
			return &ProviderError{
				Reason: who.Address + " was another account of the provider before. If it is yours now, have allot admin reset " + who.Address + " run.",
				Err:    fmt.Errorf("subject %.100q was %.100q", who.Subject, other.Subject),
			}
		}
	}
	return tx.CreateAdminIdentity(record.Identity{Issuer: who.Issuer, Subject: who.Subject, Name: who.Address, CreatedOn: now})
}

// logRefusal has the log say why somebody was not let in.
func (a *Accounts) logRefusal(ctx context.Context, by Caller, err error) {
	a.log.LogAttrs(ctx, slog.LevelInfo, "sign-in by the provider refused", slog.String("address", by.Address), slog.Any("cause", err))
}
