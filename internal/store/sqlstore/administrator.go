package sqlstore

import (
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
)

const (
	administratorColumns = `name, role, password, created_on, disabled_on`

	selectAdministrator = `select ` + administratorColumns + ` from administrators where name = $1`

	selectAdministrators = `select ` + administratorColumns + ` from administrators order by name`

	insertAdministrator = `insert into administrators (` + administratorColumns + `) values ($1, $2, $3, $4, $5)
		on conflict (name) do nothing`

	lockAdministrator = `update administrators set created_on = created_on where name = $1`

	updateAdministrator = `update administrators set role = $2, password = $3, disabled_on = $4 where name = $1`

	adminLinkColumns = `hash, name, purpose, created_on, expires_on, spent_on`

	selectAdminLink = `select ` + adminLinkColumns + ` from administrator_links where hash = $1`

	insertAdminLink = `insert into administrator_links (` + adminLinkColumns + `) values ($1, $2, $3, $4, $5, $6)
		on conflict (hash) do nothing`

	spendAdminLink = `update administrator_links set spent_on = $2 where hash = $1 and spent_on is null`

	deleteAdminLinks = `delete from administrator_links where name = $1`

	sweepAdminLinks = `delete from administrator_links where expires_on <= $1`

	adminSessionColumns = `hash, name, role, method, agent, created_on, seen_on, ends_on`

	selectAdminSession = `select ` + adminSessionColumns + ` from administrator_sessions where hash = $1`

	selectAdminSessions = `select ` + adminSessionColumns + ` from administrator_sessions where name = $1 order by created_on, hash`

	insertAdminSession = `insert into administrator_sessions (` + adminSessionColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (hash) do nothing`

	seeAdminSession = `update administrator_sessions set seen_on = $2 where hash = $1`

	deleteAdminSession = `delete from administrator_sessions where hash = $1`

	deleteAdminSessions = `delete from administrator_sessions where name = $1`

	sweepAdminSessions = `delete from administrator_sessions where ends_on <= $1`

	adminIdentityColumns = `issuer, subject, name, created_on`

	selectAdminIdentity = `select ` + adminIdentityColumns + ` from administrator_identities where issuer = $1 and subject = $2`

	selectAdminIdentities = `select ` + adminIdentityColumns + ` from administrator_identities where name = $1 order by issuer, subject`

	insertAdminIdentity = `insert into administrator_identities (` + adminIdentityColumns + `) values ($1, $2, $3, $4)
		on conflict (issuer, subject) do nothing`

	deleteAdminIdentities = `delete from administrator_identities where name = $1`
)

func scanAdministrator(r row) (a record.Administrator, err error) {
	err = r.Scan(&a.Name, &a.Role, &a.Password, (*instant)(&a.CreatedOn), (*optional)(&a.DisabledOn))
	return a, err
}

func scanAdminLink(r row) (l record.Link, err error) {
	err = r.Scan(&l.Hash, &l.Name, &l.Purpose, (*instant)(&l.CreatedOn), (*instant)(&l.ExpiresOn), (*optional)(&l.SpentOn))
	return l, err
}

func scanAdminSession(r row) (s record.Session, err error) {
	err = r.Scan(&s.Hash, &s.Name, &s.Role, &s.Method, &s.Agent,
		(*instant)(&s.CreatedOn), (*instant)(&s.SeenOn), (*instant)(&s.EndsOn))
	return s, err
}

func scanAdminIdentity(r row) (i record.Identity, err error) {
	err = r.Scan(&i.Issuer, &i.Subject, &i.Name, (*instant)(&i.CreatedOn))
	return i, err
}

// Administrator is as record.Reader says.
func (r *Reader) Administrator(name string) (record.Administrator, error) {
	return one(r.conn, scanAdministrator, selectAdministrator, name)
}

// Administrators is as record.Reader says.
func (r *Reader) Administrators() ([]record.Administrator, error) {
	return list(r.conn, scanAdministrator, selectAdministrators)
}

// AdminLink is as record.Reader says.
func (r *Reader) AdminLink(hash string) (record.Link, error) {
	return one(r.conn, scanAdminLink, selectAdminLink, hash)
}

// AdminSession is as record.Reader says.
func (r *Reader) AdminSession(hash string) (record.Session, error) {
	return one(r.conn, scanAdminSession, selectAdminSession, hash)
}

// AdminSessions is as record.Reader says.
func (r *Reader) AdminSessions(name string) ([]record.Session, error) {
	return list(r.conn, scanAdminSession, selectAdminSessions, name)
}

// AdminIdentity is as record.Reader says.
func (r *Reader) AdminIdentity(issuer, subject string) (record.Identity, error) {
	return one(r.conn, scanAdminIdentity, selectAdminIdentity, issuer, subject)
}

// AdminIdentities is as record.Reader says.
func (r *Reader) AdminIdentities(name string) ([]record.Identity, error) {
	return list(r.conn, scanAdminIdentity, selectAdminIdentities, name)
}

// CreateAdministrator is as record.Tx says.
func (t *Tx) CreateAdministrator(a record.Administrator) error {
	return t.create(insertAdministrator, a.Name, a.Role, a.Password, instant(a.CreatedOn), optional(a.DisabledOn))
}

// LockAdministrator is as record.Tx says.
func (t *Tx) LockAdministrator(name string) (record.Administrator, error) {
	if err := t.lock(lockAdministrator, name); err != nil {
		return record.Administrator{}, err
	}
	return t.Administrator(name)
}

// UpdateAdministrator is as record.Tx says.
func (t *Tx) UpdateAdministrator(a record.Administrator) error {
	return t.change(updateAdministrator, a.Name, a.Role, a.Password, optional(a.DisabledOn))
}

// CreateAdminLink is as record.Tx says.
func (t *Tx) CreateAdminLink(l record.Link) error {
	return t.create(insertAdminLink, l.Hash, l.Name, l.Purpose, instant(l.CreatedOn), instant(l.ExpiresOn), optional(l.SpentOn))
}

// SpendAdminLink is as record.Tx says.
func (t *Tx) SpendAdminLink(hash string, on time.Time) error {
	n, err := t.exec(spendAdminLink, hash, instant(on))
	if err == nil && n == 0 {
		err = billing.ErrNotFound
	}
	return err
}

// DeleteAdminLinks is as record.Tx says.
func (t *Tx) DeleteAdminLinks(name string) error {
	_, err := t.exec(deleteAdminLinks, name)
	return err
}

// CreateAdminSession is as record.Tx says.
func (t *Tx) CreateAdminSession(s record.Session) error {
	return t.create(insertAdminSession, s.Hash, s.Name, s.Role, s.Method, s.Agent,
		instant(s.CreatedOn), instant(s.SeenOn), instant(s.EndsOn))
}

// SeeAdminSession is as record.Tx says.
func (t *Tx) SeeAdminSession(hash string, on time.Time) error {
	_, err := t.exec(seeAdminSession, hash, instant(on))
	return err
}

// DeleteAdminSession is as record.Tx says.
func (t *Tx) DeleteAdminSession(hash string) error {
	_, err := t.exec(deleteAdminSession, hash)
	return err
}

// DeleteAdminSessions is as record.Tx says.
func (t *Tx) DeleteAdminSessions(name string) error {
	_, err := t.exec(deleteAdminSessions, name)
	return err
}

// CreateAdminIdentity is as record.Tx says.
func (t *Tx) CreateAdminIdentity(i record.Identity) error {
	return t.create(insertAdminIdentity, i.Issuer, i.Subject, i.Name, instant(i.CreatedOn))
}

// DeleteAdminIdentities is as record.Tx says.
func (t *Tx) DeleteAdminIdentities(name string) error {
	_, err := t.exec(deleteAdminIdentities, name)
	return err
}

// SweepAdmin is as record.Tx says.
func (t *Tx) SweepAdmin(by time.Time) error {
	_, err := t.exec(sweepAdminLinks, instant(by))
	_, err2 := t.exec(sweepAdminSessions, instant(by))
	return errors.Join(err, err2)
}
