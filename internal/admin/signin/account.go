package signin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/web"
)

// accountPage is what the page of one's own account shows.
type accountPage struct {
	Name, Role, RoleFor string
	Provider            bool // they sign in by the provider, and have no password
	HasPassword         bool
	Min                 int
	Admin               bool
	Sessions            []ownSession
}

type ownSession struct {
	ID, Agent, Method string
	CreatedOn, SeenOn time.Time
	This              bool
}

// methods are how sessions were begun, for people.
var methods = map[record.Method]string{
	record.ByPassword: "password", record.ByLink: "one-time link", record.ByProvider: "provider",
}

func (p *Pages) showAccount(c *call) error { return p.account(c, http.StatusOK, "") }

func (p *Pages) account(c *call, status int, alert string) error {
	who, err := p.Accounts.account(c.Context(), c.visit.Name)
	if err != nil {
		return err
	}
	page := accountPage{
		Name: c.visit.Name, Role: string(c.visit.Role), RoleFor: roleFor(c.visit.Role),
		Provider: who.ByProvider(), HasPassword: who.HasPassword(), Min: MinPassword, Admin: c.visit.Role == record.Admin,
	}
	for _, s := range who.Sessions {
		page.Sessions = append(page.Sessions, ownSession{
			SessionID(s), s.Agent, methods[s.Method], s.CreatedOn, s.SeenOn, s.Hash == c.visit.Hash,
		})
	}
	return c.show(status, "account", "Your account", alert, page)
}

func roleFor(role record.Role) string {
	for _, r := range Roles {
		if r.Role == role {
			return r.For
		}
	}
	return ""
}

func (p *Pages) changePassword(c *call) error {
	next := c.PostFormValue("password")
	if next != c.PostFormValue("again") {
		return p.account(c, http.StatusBadRequest, "The two new passwords are not the same.")
	}
	entry, err := p.Accounts.ChangePassword(c.Context(), p.caller(c), c.visit, c.PostFormValue("present"), next)
	if errors.Is(err, ErrRefused) {
		return p.account(c, http.StatusForbidden, "That is not your present password.")
	}
	if alert, status, ok := c.attemptFailed(err); ok {
		return p.account(c, status, alert)
	}
	if said, ok := errors.AsType[*billing.Error](err); ok && said.Kind == billing.Invalid {
		return p.account(c, http.StatusBadRequest, sentence(said.Message))
	}
	if err != nil {
		return err
	}
	p.setCookie(c.w, sessionCookie, entry.Cookie, 0)
	return c.goTo(accountPath, "Your password is another one now. All other sessions have ended.")
}

func (p *Pages) endSession(c *call) error {
	id := c.PostFormValue("session")
	if err := p.Accounts.EndSession(c.Context(), c.visit.Name, id); err != nil {
		return err
	}
	if id == SessionID(c.visit.Session) {
		p.setCookie(c.w, sessionCookie, "", -time.Second)
		return c.goTo(signInPath, "You are signed out.")
	}
	return c.goTo(accountPath, "That session has ended.")
}

// administratorsPage is what the page of all administrators shows.
type administratorsPage struct {
	All   []Account
	Roles any
	Name  string // of the form, as it was sent
	Role  string
	Key   string
}

func (p *Pages) showAdministrators(c *call) error {
	return p.administrators(c, http.StatusOK, "", "", string(record.Viewer))
}

func (p *Pages) administrators(c *call, status int, alert, name, role string) error {
	all, err := p.Accounts.List(c.Context())
	if err != nil {
		return err
	}
	return c.show(status, "administrators", "Administrators", alert, administratorsPage{all, Roles, name, role, admin.NewKey()})
}

// linkMade is what the page of a link that was just made shows.
type linkMade struct {
	Name, URL string // URL is "" for one who signs in by the provider
	ExpiresOn time.Time
}

// showLinkMade shows a link, this once.
func (p *Pages) showLinkMade(c *call, title string, made NewLink) error {
	page := linkMade{Name: made.Name, ExpiresOn: made.ExpiresOn}
	if made.Token != "" {
		page.URL = LinkURL(p.URL, made.Token)
	}
	return c.show(http.StatusOK, "link-made", title, "", page)
}

// makeOnce makes a link, once for the form that was sent: sent again it shows the same one.
func (p *Pages) makeOnce(c *call, make func() (NewLink, error)) (NewLink, error) {
	return p.made.Do(p.Accounts.now(), c.visit.Name, c.Request, func() (NewLink, bool, error) {
		made, err := make()
		return made, err == nil, err
	})
}

func (p *Pages) makeAdministrator(c *call) error {
	name, role := strings.TrimSpace(c.PostFormValue("name")), c.PostFormValue("role")
	made, err := p.makeOnce(c, func() (NewLink, error) { return p.Accounts.Create(c.Context(), c.by(), name, record.Role(role)) })
	if said, ok := errors.AsType[*billing.Error](err); ok && (said.Kind == billing.Invalid || said.Kind == billing.Conflict) {
		return p.administrators(c, statusOf(said.Kind), sentence(said.Message), name, role)
	}
	if err != nil {
		return err
	}
	return p.showLinkMade(c, name+" is an administrator", made)
}

// changes are what can be done to an administrator, by the value of "do": what it will do, for
// people, and the word on the button.
var changes = map[string]struct{ Effect, Button string }{
	"role":    {"From the next request on, in all their sessions, they may do what the new role may. Each session gets a new cookie.", "Change the role"},
	"end":     {"All their sessions end at once, on every node. They can sign in again.", "End all sessions"},
	"reset":   {"Their password, links and sessions end at once, on every node. You get a link, shown once and good for 24 hours, by which they choose a new password.", "Reset"},
	"disable": {"They are signed out at once, on every node, and cannot sign in until they are reset.", "Disable"},
}

// administratorPage is what the page of an administrator shows: all that can be done, or what
// one change will do.
type administratorPage struct {
	Account
	Self     bool
	Roles    any
	Do       string // of changes; "" is none yet
	To       string // the new role
	Effect   string
	Button   string
	Provider bool
	Key      string
}

func (p *Pages) showAdministrator(c *call) error {
	who, err := p.Accounts.account(c.Context(), c.PathValue("name"))
	if err != nil {
		return err
	}
	query := c.URL.Query()
	page := administratorPage{
		Account: who, Self: who.Name == c.visit.Name, Roles: Roles, Do: query.Get("do"), To: query.Get("role"), Provider: who.ByProvider(), Key: admin.NewKey(),
	}
	if page.Do == "" {
		return c.show(http.StatusOK, "administrator", who.Name, "", page)
	}
	change, ok := changes[page.Do]
	if !ok || page.Do == "role" && !known(record.Role(page.To)) {
		return &web.Refusal{Status: http.StatusBadRequest, Title: "That cannot be done", Message: "The address asks for a change that there is not."}
	}
	page.Effect, page.Button = change.Effect, change.Button
	if page.Do == "reset" && page.Provider {
		page.Effect = "Their sessions end at once, on every node. Whoever signs in next by the provider with this address is them."
	}
	return c.show(http.StatusOK, "administrator-change", who.Name, "", page)
}

func (p *Pages) changeAdministrator(c *call) error {
	name, by := c.PathValue("name"), c.by()
	if name == c.visit.Name {
		return &web.Refusal{Status: http.StatusForbidden, Title: "That cannot be done", Message: "You cannot do that to yourself. Another administrator can, or somebody who has the server: allot admin."}
	}
	back := adminsPath + "/" + url.PathEscape(name)
	switch c.PostFormValue("do") {
	case "role":
		role := record.Role(c.PostFormValue("role"))
		if err := p.Accounts.SetRole(c.Context(), by, name, role); err != nil {
			return err
		}
		return c.goTo(back, name+" is "+string(role)+" now.")
	case "end":
		if err := p.Accounts.EndSessions(c.Context(), by, name); err != nil {
			return err
		}
		return c.goTo(back, "All sessions of "+name+" have ended.")
	case "disable":
		if err := p.Accounts.Disable(c.Context(), by, name); err != nil {
			return err
		}
		return c.goTo(back, name+" is disabled.")
	case "reset":
		made, err := p.makeOnce(c, func() (NewLink, error) { return p.Accounts.Reset(c.Context(), by, name) })
		if err != nil {
			return err
		}
		return p.showLinkMade(c, name+" is reset", made)
	}
	return &web.Refusal{Status: http.StatusBadRequest, Title: "That cannot be done", Message: "The form asks for a change that there is not."}
}
