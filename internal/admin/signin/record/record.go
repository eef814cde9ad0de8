// Package record has what package signin keeps in the store: administrators, the
// one-time links that let them in, their sessions, and who they are at an OpenID
// provider. It also has the seam by which it does.
//
// It is apart from package signin so that a store knows the records without what makes
// pages of them. Of nothing that lets anybody in is more kept than its hash.
//
// Start reading at [Store].
package record

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Administrator is a person who may sign in to the console.
type Administrator struct {
	Name string
	Role Role
	// Password is the hash of the password in PHC form; "" if there is none.
	Password   string
	CreatedOn  time.Time
	DisabledOn time.Time // zero while the administrator may sign in
}

// Role is what an administrator may do.
type Role string

// The roles, each of which may do all that the one before it may.
const (
	Viewer   Role = "viewer"   // sees everything
	Operator Role = "operator" // also works with customers
	Admin    Role = "admin"    // everything
)

// Purpose is what a link is for.
type Purpose string

// The purposes.
const (
	ForPassword Purpose = "password" // to choose a password, the first or another
	ForSignIn   Purpose = "sign-in"  // to be signed in
)

// Link lets an administrator in once.
type Link struct {
	Hash      string // SHA-256 of what stands in the URL, in hex
	Name      string // of the administrator
	Purpose   Purpose
	CreatedOn time.Time
	ExpiresOn time.Time
	SpentOn   time.Time // zero until it is spent
}

// Method is how a session was begun.
type Method string

// The methods.
const (
	ByPassword Method = "password"
	ByLink     Method = "link"
	ByProvider Method = "provider" // OpenID Connect
)

// Session is a browser that an administrator has signed in.
type Session struct {
	Hash string // SHA-256 of the cookie, in hex
	Name string // of the administrator
	// Role is the one that the cookie was given for. What the administrator may do is
	// looked up; where it is another, the cookie is replaced.
	Role   Role
	Method Method
	// Agent is the browser, as it says of itself.
	Agent     string
	CreatedOn time.Time
	SeenOn    time.Time // when it was last used, to some minutes
	EndsOn    time.Time // at the latest
}

// Identity is an administrator as an OpenID provider knows them.
type Identity struct {
	Issuer, Subject string
	Name            string // of the administrator
	CreatedOn       time.Time
}

// Store keeps all of this. View and Update promise what those of [service.Store] do.
type Store interface {
	View(ctx context.Context, fn func(Reader) error) error
	Update(ctx context.Context, fn func(Tx) error) error
}

// Reader reads one consistent state. What names one record returns
// [billing.ErrNotFound] if there is none.
type Reader interface {
	Administrator(name string) (Administrator, error)
	Administrators() ([]Administrator, error) // ascending by name
	AdminLink(hash string) (Link, error)
	AdminSession(hash string) (Session, error)
	AdminSessions(name string) ([]Session, error) // of an administrator, ascending by CreatedOn, then hash
	AdminIdentity(issuer, subject string) (Identity, error)
	AdminIdentities(name string) ([]Identity, error) // of an administrator, ascending by issuer, then subject
}

// Tx is a transaction that may write. It reads what it has written.
type Tx interface {
	Reader

	CreateAdministrator(Administrator) error // [billing.ErrExists] if the name is taken
	// LockAdministrator keeps other transactions from changing an administrator until this
	// one ends, and returns what it is now.
	LockAdministrator(name string) (Administrator, error)
	UpdateAdministrator(Administrator) error // all but Name and CreatedOn

	CreateAdminLink(Link) error
	// SpendAdminLink returns [billing.ErrNotFound] if the link is spent, or there is none: of two
	// transactions that spend it one succeeds.
	SpendAdminLink(hash string, on time.Time) error
	DeleteAdminLinks(name string) error // of an administrator

	CreateAdminSession(Session) error
	SeeAdminSession(hash string, on time.Time) error
	DeleteAdminSession(hash string) error    // nil if there is none
	DeleteAdminSessions(name string) error   // of an administrator
	CreateAdminIdentity(Identity) error      // [billing.ErrExists] if the subject is known
	DeleteAdminIdentities(name string) error // of an administrator
	// AppendChange gives the change the next revision of its scope and stores it.
	AppendChange(billing.Change) (rev int64, err error)
	// SweepAdmin deletes links and sessions that have ended by an instant.
	SweepAdmin(by time.Time) error
}
