package signin

import (
	"embed"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/web"
)

// Where the pages are.
const (
	signInPath   = admin.Path + "sign-in"
	linkPath     = admin.Path + "link/"
	accountPath  = admin.Path + "account"
	adminsPath   = admin.Path + "administrators"
	providerPath = signInPath + "/provider"
	callbackPath = signInPath + "/callback"
)

// LinkURL is where a one-time link leads on a server.
func LinkURL(server, token string) string { return strings.TrimRight(server, "/") + linkPath + token }

// CallbackURL is where an OpenID provider has to lead back to on a server.
func CallbackURL(server string) string { return strings.TrimRight(server, "/") + callbackPath }

// maxForm bounds the body of a form of these pages.
const maxForm = 64 << 10

//go:embed all:pages
var files embed.FS

var templates = web.Screens(files, "pages", nil)

// Pages are what browsers see of signing in. They implement [admin.SignIn].
type Pages struct {
	Accounts *Accounts
	// Provider lets people in beside their passwords; nil if none does.
	Provider *Provider
	// URL is where clients find the server, without a slash at the end. With https its
	// cookies are for this host and https alone.
	URL string
	Log *slog.Logger

	// made are the links that were made for forms, and so shown.
	made admin.Once[NewLink]
}

var _ admin.SignIn = (*Pages)(nil)

// Session implements [admin.SignIn].
func (p *Pages) Session(w http.ResponseWriter, r *http.Request) (*admin.Session, error) {
	visit, err := p.visit(w, r)
	if err != nil || visit == nil {
		return nil, err
	}
	return sessionOf(visit.Session), nil
}

// Still implements [admin.SignIn].
func (p *Pages) Still(r *http.Request) (*admin.Session, error) {
	cookie, ok := p.cookie(r, sessionCookie)
	if !ok {
		return nil, nil
	}
	session, err := p.Accounts.Look(r.Context(), cookie)
	if err != nil || session == nil {
		return nil, err
	}
	return sessionOf(*session), nil
}

func sessionOf(s record.Session) *admin.Session {
	return &admin.Session{Name: s.Name, Role: string(s.Role), Scopes: Scopes(s.Role)}
}

// visit is whose a request is; nil if nobody's.
func (p *Pages) visit(w http.ResponseWriter, r *http.Request) (*Visit, error) {
	cookie, ok := p.cookie(r, sessionCookie)
	if !ok {
		return nil, nil
	}
	visit, err := p.Accounts.Visit(r.Context(), cookie)
	if unavailable, ok := errors.AsType[*billing.Error](err); ok && unavailable.Kind == billing.Unavailable {
		// As the API would say it, for the console.
		return nil, &client.Error{Status: http.StatusServiceUnavailable, Errors: []api.Error{{Code: unavailable.Code, Message: unavailable.Message}}}
	}
	if err != nil || visit == nil {
		return nil, err
	}
	if visit.Cookie != "" {
		p.setCookie(w, sessionCookie, visit.Cookie, 0)
	}
	return visit, nil
}

// The cookies: the session, what is kept while one is away at the provider, and the mark of a
// browser.
const (
	sessionCookie = "allot_session"
	tripCookie    = "allot_sign_in"
	markCookie    = "allot_browser"

	markLife = 180 * 24 * time.Hour
)

func (p *Pages) secure() bool { return strings.HasPrefix(p.URL, "https:") }

// cookieName has the prefix with which browsers keep a cookie from other hosts, and from
// http, where there is https.
func (p *Pages) cookieName(name string) string {
	if p.secure() {
		return "__Host-" + name
	}
	return name
}

// cookie is the value of a cookie. One that is there twice is nobody's.
func (p *Pages) cookie(r *http.Request, name string) (string, bool) {
	cookies := r.CookiesNamed(p.cookieName(name))
	if len(cookies) != 1 || cookies[0].Value == "" {
		return "", false
	}
	return cookies[0].Value, true
}

// setCookie sets a cookie, for so long, or, if that is 0, until the browser is closed; below
// 0 it is taken away.
func (p *Pages) setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: p.cookieName(name), Value: value, Path: "/", MaxAge: int(age / time.Second),
		HttpOnly: true, Secure: p.secure(), SameSite: http.SameSiteLaxMode,
	})
}

// Routes implements [admin.SignIn].
func (p *Pages) Routes() map[string]http.HandlerFunc {
	routes := map[string]http.HandlerFunc{}
	for pattern, handle := range map[string]func(*call) error{
		"GET " + signInPath:               p.showSignIn,
		"POST " + signInPath:              p.signIn,
		"GET " + linkPath + "{token}":     p.showLink,
		"POST " + linkPath + "{token}":    p.spendLink,
		"POST " + admin.Path + "sign-out": p.signOut,
		"GET " + providerPath:             p.leave,
		"GET " + callbackPath:             p.comeBack,
	} {
		routes[pattern] = func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, handle) }
	}
	for pattern, handle := range map[string]func(*call) error{
		"GET " + accountPath:                p.showAccount,
		"POST " + accountPath + "/password": p.changePassword,
		"POST " + accountPath + "/end":      p.endSession,
	} {
		routes[pattern] = func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, p.signedIn(handle)) }
	}
	for pattern, handle := range map[string]func(*call) error{
		"GET " + adminsPath:              p.showAdministrators,
		"POST " + adminsPath:             p.makeAdministrator,
		"GET " + adminsPath + "/{name}":  p.showAdministrator,
		"POST " + adminsPath + "/{name}": p.changeAdministrator,
	} {
		routes[pattern] = func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, p.signedIn(onlyAdmins(handle))) }
	}
	return routes
}

// call is a request of a page.
type call struct {
	*http.Request
	w     http.ResponseWriter
	visit *Visit // nil on pages for everybody
	https bool   // the server's
}

// caller is the browser of a call.
func (c *call) caller() Caller {
	host, _, err := net.SplitHostPort(c.RemoteAddr)
	if err != nil {
		host = c.RemoteAddr
	}
	return Caller{Address: host, Agent: c.UserAgent()}
}

// by is the caller as the log of changes names them.
func (c *call) by() billing.Actor { return actor(c.visit.Name) }

// goTo leads elsewhere, where the notice is said.
func (c *call) goTo(to, notice string) error {
	admin.SetNotice(c.w, notice, c.https)
	c.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(c.w, c.Request, to, http.StatusSeeOther)
	return nil
}

// session is that of who is signed in; nil of nobody.
func (c *call) session() *admin.Session {
	if c.visit == nil {
		return nil
	}
	return sessionOf(c.visit.Session)
}

// frame is what stands around a page.
func (c *call) frame(title string) *web.Page { return admin.Frame(c.session(), "", title) }

// show answers with a page.
func (c *call) show(status int, page, title, alert string, data any) error {
	frame := c.frame(title)
	frame.Notice, frame.Alert, frame.Data = admin.TakeNotice(c.w, c.Request), alert, data
	return templates.Write(c.w, status, page, frame)
}

// serve runs a page and shows what went wrong. A fault of ours is logged and not told.
func (p *Pages) serve(w http.ResponseWriter, r *http.Request, handle func(*call) error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c := &call{Request: r, w: w, https: p.secure()}
	err := c.form()
	if err == nil {
		err = handle(c)
	}
	if err == nil || r.Context().Err() != nil { // nobody is there any more
		return
	}
	why := refusalOf(err)
	if why == nil {
		id := w.Header().Get(api.HeaderRequestID)
		p.Log.LogAttrs(r.Context(), slog.LevelError, "sign-in", slog.Any("cause", err), slog.String("request_id", id))
		why = web.Fault(id)
	}
	if err := web.Refuse(w, c.frame(""), why); err != nil {
		p.Log.ErrorContext(r.Context(), "sign-in", "cause", err)
	}
}

// refusalOf is an error as whoever asked is told it; nil of a fault of ours.
func refusalOf(err error) *web.Refusal {
	if why, ok := errors.AsType[*web.Refusal](err); ok {
		return why
	}
	if unavailable, ok := errors.AsType[*client.Error](err); ok { // of visit
		return admin.NotNow(unavailable.Message())
	}
	said, ok := errors.AsType[*billing.Error](err)
	switch {
	case !ok || said.Kind == billing.Internal:
		return nil
	case said.Kind == billing.Unavailable:
		return admin.NotNow(said.Message)
	}
	return &web.Refusal{Status: statusOf(said.Kind), Title: "That cannot be done", Message: said.Message}
}

func statusOf(kind billing.Kind) int {
	switch kind {
	case billing.Refused:
		return http.StatusForbidden
	case billing.NotFound:
		return http.StatusNotFound
	case billing.Conflict:
		return http.StatusConflict
	}
	return http.StatusBadRequest
}

// form reads the fields of a form that is sent. What stands in the address is none.
func (c *call) form() error {
	if c.Method != http.MethodPost {
		return nil
	}
	if err := c.ParseForm(); err != nil {
		return admin.BadForm(err)
	}
	return nil
}

// signedIn is a page for who is signed in; who is not is asked to.
func (p *Pages) signedIn(handle func(*call) error) func(*call) error {
	return func(c *call) (err error) {
		if c.visit, err = p.visit(c.w, c.Request); err != nil {
			return err
		}
		if c.visit == nil {
			to := signInPath
			if c.Method == http.MethodGet {
				to += "?next=" + url.QueryEscape(c.URL.RequestURI())
			}
			return c.goTo(to, "")
		}
		door.Known(c.w, auth.NewAdministrator(c.visit.Name, nil))
		return handle(c)
	}
}

// onlyAdmins is a page for those who may do everything.
func onlyAdmins(handle func(*call) error) func(*call) error {
	return func(c *call) error {
		if c.visit.Role != record.Admin {
			return admin.Forbidden(c.session(), "Administrators are kept by those with the role admin.")
		}
		return handle(c)
	}
}

// localNext is where somebody wanted to go, if that is a page of the console, else the
// console itself: nobody is led to another site by a link to this one.
func localNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" || !strings.HasPrefix(next, admin.Path) ||
		strings.ContainsAny(next, "\\\r\n\t") || path.Clean(u.Path)+"/" != admin.Path && !strings.HasPrefix(path.Clean(u.Path), admin.Path) {
		return admin.Path
	}
	return next
}

// signInForm is what the page to sign in shows.
type signInForm struct {
	Name, Next string
	Provider   string // its name; "" if there is none
	ProviderTo string
}

func (p *Pages) signInForm(name, next string) signInForm {
	form := signInForm{Name: name, Next: localNext(next)}
	if p.Provider != nil {
		form.Provider, form.ProviderTo = p.Provider.Name(), providerPath+"?next="+url.QueryEscape(form.Next)
	}
	return form
}

func (p *Pages) showSignIn(c *call) error {
	visit, err := p.visit(c.w, c.Request)
	if err != nil {
		return err
	}
	next := c.URL.Query().Get("next")
	if visit != nil {
		return c.goTo(localNext(next), "")
	}
	return c.show(http.StatusOK, "sign-in", "Sign in", "", p.signInForm("", next))
}

func (p *Pages) signIn(c *call) error {
	name, next := c.PostFormValue("name"), c.PostFormValue("next")
	entry, err := p.Accounts.SignIn(c.Context(), p.caller(c), name, c.PostFormValue("password"))
	if alert, status, ok := c.attemptFailed(err); ok {
		return c.show(status, "sign-in", "Sign in", alert, p.signInForm(name, next))
	}
	if err != nil {
		return err
	}
	if mark := p.Accounts.NewMark(entry.Name); mark != "" {
		p.setCookie(c.w, markCookie, mark, markLife)
	}
	return p.enter(c, entry, localNext(next))
}

// caller is the browser of a call, with its mark.
func (p *Pages) caller(c *call) Caller {
	by := c.caller()
	by.Mark, _ = p.cookie(c.Request, markCookie)
	return by
}

// attemptFailed says what is to be told of an attempt that failed; ok is false if it is
// something else.
func (c *call) attemptFailed(err error) (alert string, status int, ok bool) {
	if errors.Is(err, ErrRefused) {
		return "That name and that password do not go together.", http.StatusForbidden, true
	}
	if tooMany, ok := errors.AsType[*TooManyError](err); ok {
		seconds := int(math.Ceil(tooMany.Wait.Seconds()))
		c.w.Header().Set("Retry-After", strconv.Itoa(seconds))
		return "There were too many attempts from your network. Wait " + inWords(seconds) + " and try again.", http.StatusTooManyRequests, true
	}
	return "", 0, false
}

// inWords is a time to wait for people.
func inWords(seconds int) string {
	unit, n := "second", seconds
	if seconds > 90 {
		unit, n = "minute", (seconds+59)/60
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}

// enter gives the browser the session that has begun, in the place of one that it may have
// brought along, which is ended.
func (p *Pages) enter(c *call, entry Entry, next string) error {
	if old, ok := p.cookie(c.Request, sessionCookie); ok {
		if err := p.Accounts.SignOut(c.Context(), old); err != nil {
			return err
		}
	}
	p.setCookie(c.w, sessionCookie, entry.Cookie, 0)
	return c.goTo(next, "")
}

func (p *Pages) signOut(c *call) error {
	if cookie, ok := p.cookie(c.Request, sessionCookie); ok {
		if err := p.Accounts.SignOut(c.Context(), cookie); err != nil {
			return err
		}
	}
	p.setCookie(c.w, sessionCookie, "", -time.Second)
	return c.goTo(signInPath, "You are signed out.")
}
