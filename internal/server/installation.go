package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admin/signin"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/verify"
)

// Installation is a place that is open. It must be closed.
type Installation struct {
	*Credentials
	store *store.Store
}

// Open opens a place for a command, also beside a server. An empty place is an
// error, as a database of another version is, and both are left alone.
func Open(ctx context.Context, place Place) (*Installation, error) {
	return openFor(ctx, place, store.Existing)
}

// Create opens a place as [Open] does, but fills an empty one with what an
// installation begins with.
func Create(ctx context.Context, place Place) (*Installation, error) {
	return openFor(ctx, place, store.Tool)
}

func openFor(ctx context.Context, place Place, mode store.Mode) (*Installation, error) {
	return openAt(ctx, place, mode, time.Now)
}

// openAt is openFor on a machine whose clock shows something.
func openAt(ctx context.Context, place Place, mode store.Mode, clock func() time.Time) (*Installation, error) {
	place = place.withDefaults()
	i, err := open(ctx, place, store.Options{URL: place.Database, Mode: mode}, clock, slog.New(slog.DiscardHandler))
	if err == nil {
		i.clock = &commandClock{i.store, clock}
	}
	return i, err
}

func open(ctx context.Context, place Place, options store.Options, clock func() time.Time, log *slog.Logger) (*Installation, error) {
	options.Left, options.New = []string{place.KeyFile}, place.New
	st, err := store.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	accounts := signin.New(signin.Options{Store: st.ForAdministrators(), Now: clock, Log: log})
	return &Installation{&Credentials{directory: directoryOf(st, clock, log), keyFile: place.KeyFile, accounts: accounts}, st}, nil
}

func directoryOf(st *store.Store, clock func() time.Time, log *slog.Logger) *oauth.Directory {
	return oauth.NewDirectory(oauth.DirectoryOptions{Store: st.ForClients(), Scopes: scopes(), Now: clock, Log: log, Room: spareOf(st)})
}

// Verification is what [Installation.Verify] went through, and what it found.
type Verification struct {
	verify.Result
	Drifts []service.Drift
}

// VerifyOptions say how to go through an installation; zero will do. See [verify.Options].
type VerifyOptions struct {
	Head     string
	Clock    func() time.Time // nil: time.Now
	Progress func(what string, done, of int64)
}

// Verify holds all that is stored against what it follows from. It changes nothing, and a
// server may go on writing beside it.
func (i *Installation) Verify(ctx context.Context, o VerifyOptions) (Verification, error) {
	var v Verification
	var err error
	v.Result, err = verify.Run(ctx, verify.Options{
		Service: &service.Service{Store: i.store, Clock: o.Clock}, Store: i.store.ForVerify(), Integrity: i.store.Integrity,
		Head: o.Head, Progress: o.Progress, Workers: runtime.GOMAXPROCS(0),
		Report: func(d service.Drift) { v.Drifts = append(v.Drifts, d) },
	})
	return v, err
}

// VerifyHeadError is a head of a form that there is not.
type VerifyHeadError = verify.HeadError

// Close closes the place.
func (i *Installation) Close() error { return i.store.Close() }

func scopes() []string {
	names := make([]string, len(api.Scopes))
	for i, s := range api.Scopes {
		names[i] = s.Name
	}
	return names
}

// AllScopes stands for every scope there is, when a client is made.
const AllScopes = oauth.AllScopes

// commandLine is who changes clients and keys.
const commandLine billing.Actor = "cli"

// Credentials are the clients, signing keys and administrators of an installation. Who has the
// place may change them; HTTP may not. Changes take effect on every node within
// a second. Errors are [*billing.Error] or [*oauth.Error] where the caller is
// wrong.
type Credentials struct {
	directory *oauth.Directory
	keyFile   string
	clock     *commandClock // nil in a server, which has a guard
	accounts  *signin.Accounts
}

// CreateClient makes a client with some scopes, or [AllScopes], and returns it
// with its secret, which cannot be had again.
func (c *Credentials) CreateClient(ctx context.Context, name string, scopes []string) (record.Client, string, error) {
	if _, err := c.clock.check(ctx); err != nil {
		return record.Client{}, "", err
	}
	return c.directory.CreateClient(ctx, commandLine, name, scopes)
}

// Clients are all, revoked ones too, ascending by creation.
func (c *Credentials) Clients(ctx context.Context) ([]record.Client, error) {
	return c.directory.Clients(ctx)
}

// RevokeClient shuts a client out, and its tokens, whatever the clock of this machine shows: where
// it is wrong, the newest time that is known to be right is noted.
func (c *Credentials) RevokeClient(ctx context.Context, id string) error {
	directory := c.directory
	if right, err := c.clock.check(ctx); err != nil && !right.IsZero() {
		directory = directoryOf(c.clock.store, func() time.Time { return right }, slog.New(slog.DiscardHandler))
	}
	return directory.RevokeClient(ctx, commandLine, id)
}

// RotateClient gives a client a new secret and returns it. The old one is good for the
// overlap; without one it is good no more, nor are tokens made with it.
func (c *Credentials) RotateClient(ctx context.Context, id string, overlap time.Duration) (secret string, err error) {
	if _, err := c.clock.check(ctx); err != nil {
		return "", err
	}
	return c.directory.RotateSecret(ctx, commandLine, id, overlap)
}

// RotateKey makes a new key that signs from now on, and returns its kid. The key file must
// be the one that the key before is sealed with, unless that is lost: then one is made if
// there is none, what else was sealed with the old one cannot be read any more, and servers
// that run have to be started again.
func (c *Credentials) RotateKey(ctx context.Context, lost bool) (string, error) {
	if _, err := c.clock.check(ctx); err != nil {
		return "", err
	}
	if !lost {
		keyring, err := c.keyring(ctx)
		if err != nil {
			return "", err
		}
		return keyring.Rotate(ctx, commandLine)
	}
	if err := os.MkdirAll(filepath.Dir(c.keyFile), 0o700); err != nil {
		return "", fmt.Errorf("directory of the key file: %w", err)
	}
	file, err := oauth.OpenKeyFile(c.keyFile)
	if err != nil {
		return "", err
	}
	return oauth.NewKeyring(c.directory, file).Rotate(ctx, commandLine)
}

// TokenRequest is what a token is asked for with.
type TokenRequest struct {
	Issuer    string   // the one that the server is run with
	ClientID  string   // a client that is not revoked
	Audiences []string // some that the server accepts; none means ISSUER/api
	// User makes it the token of a user, in an organization if OrgCode is set.
	// Users' tokens are an identity provider's to give; these are for development.
	User    string
	OrgCode string
}

// Token makes an access token for a client without asking for its secret.
func (c *Credentials) Token(ctx context.Context, r TokenRequest) (api.Token, error) {
	keyring, err := c.keyring(ctx)
	if err != nil {
		return api.Token{}, err
	}
	if err := keyring.Ensure(ctx, commandLine); err != nil {
		return api.Token{}, err
	}
	minter, err := oauth.NewServer(oauth.Options{
		Directory: c.directory, Keyring: keyring, Issuer: r.Issuer, Audiences: r.Audiences,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return api.Token{}, &ConfigError{[]error{err}}
	}
	token, err := minter.Mint(ctx, oauth.Request{ClientID: r.ClientID, Audiences: r.Audiences, User: r.User, OrgCode: r.OrgCode})
	if err != nil {
		return api.Token{}, err
	}
	return api.Token{
		AccessToken: token.Value,
		TokenType:   "bearer",
		ExpiresIn:   int64(token.Life.Seconds()),
		Scope:       strings.Join(token.Scopes, " "),
	}, nil
}

// key is the key file, which is made with the first signing key.
func (c *Credentials) key(ctx context.Context) (*oauth.KeyFile, error) {
	return oauth.KeyFileOf(ctx, c.directory, c.keyFile)
}

// keyring are the signing keys that the key file opens.
func (c *Credentials) keyring(ctx context.Context) (*oauth.Keyring, error) {
	file, err := c.key(ctx)
	if err != nil {
		return nil, err
	}
	return oauth.NewKeyring(c.directory, file), nil
}

// ErrWrongKeyFile is a signing key that the key file does not open.
var ErrWrongKeyFile = oauth.ErrWrongKeyFile

// ErrNoKeyFile is a key file that is not there, though signing keys are sealed with it.
var ErrNoKeyFile = oauth.ErrNoKeyFile

// Refusal says what is wrong with what was asked of an installation, as code and
// message; ok is false if the error is a fault and not the caller's.
func Refusal(err error) (code, message string, ok bool) {
	if e, is := errors.AsType[*billing.Error](err); is && e.Kind != billing.Internal {
		return e.Code, e.Message, true
	}
	if e, is := errors.AsType[*oauth.Error](err); is {
		return e.Code, e.Description, true
	}
	return "", "", false
}
