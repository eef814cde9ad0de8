package admin

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/web"
)

// call is a request of somebody who is signed in. Its context makes calls of the API those
// of the session.
type call struct {
	*http.Request
	*console
	session *Session
	w       http.ResponseWriter
}

// screen is what is to be shown.
type screen struct {
	template string // a file in the folder screens, without ".html"
	title    string
	at       string // the screen of the navigation that it belongs to
	status   int    // 0 is 200
	alert    string // what went wrong
	done     bool   // it tells what was done: the same form, sent again, is answered with it again
	scripts  []string
	data     any
}

// handler answers a call with a screen. An error may be a [*client.Error] of the API, a
// redirect, or a fault of ours.
type handler func(*call) (*screen, error)

// screens are all, by the patterns of their addresses.
var screens = slices.Concat(overviewScreens, customerScreens, planScreens, eventScreens, webhookScreens, clientScreens, healthScreens)

// route is a screen with the pattern of its address, as [http.ServeMux] reads it.
type route struct {
	pattern string
	handle  handler
}

// redirect leads to another screen, which says the notice.
type redirect struct{ to, notice string }

func (r *redirect) Error() string { return "go to " + r.to }

// goTo leads to a screen after a change, which is told there: so that to load it again
// changes nothing again. It is an error for handlers to return.
func goTo(to, notice string) error { return &redirect{to, notice} }

// errNotFound is an address of the console that leads nowhere.
var errNotFound = &web.Refusal{
	Status: http.StatusNotFound, Title: "There is no such page", Message: "The address leads nowhere. The navigation leads to all that there is.",
}

func nothing(*call) (*screen, error) { return nil, errNotFound }

func (c *console) serve(w http.ResponseWriter, r *http.Request, handle handler) {
	session, err := c.SignIn.Session(w, r)
	if err != nil {
		c.fail(w, r, nil, err)
		return
	}
	if session == nil {
		c.askIn(w, r)
		return
	}
	door.Known(w, session.Principal())
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	in := &call{
		Request: r.WithContext(door.WithPrincipal(r.Context(), session.Principal())), console: c, session: session, w: w,
	}
	shown, err := handle(in)
	if to, ok := errors.AsType[*redirect](err); ok {
		SetNotice(w, to.notice, strings.HasPrefix(c.URL, "https:"))
		http.Redirect(w, r, to.to, http.StatusSeeOther)
		return
	}
	if err == nil && shown == nil { // the handler has answered by itself
		return
	}
	if err == nil {
		page := Frame(session, shown.at, shown.title)
		page.Notice, page.Alert, page.Scripts, page.Data = TakeNotice(w, r), shown.alert, shown.scripts, shown.data
		err = templates.Write(w, max(shown.status, http.StatusOK), shown.template, page)
	}
	if err != nil {
		c.fail(w, r, session, err)
	}
}

// askIn leads to the page where one signs in, and from there back.
func (c *console) askIn(w http.ResponseWriter, r *http.Request) {
	to := Path + "sign-in"
	if r.Method == http.MethodGet && r.URL.Path != Path {
		to += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// fail shows what went wrong. A fault of ours is logged and not told.
func (c *console) fail(w http.ResponseWriter, r *http.Request, s *Session, err error) {
	if r.Context().Err() != nil { // nobody is there any more
		return
	}
	why := c.refusal(s, err)
	if why == nil {
		id := w.Header().Get(api.HeaderRequestID)
		c.Log.LogAttrs(r.Context(), slog.LevelError, "console", slog.Any("cause", err), slog.String("request_id", id))
		why = web.Fault(id)
	}
	c.refuse(w, s, why)
}

// refusal is an error as a session is told it; nil of a fault of ours.
func (c *console) refusal(s *Session, err error) *web.Refusal {
	if why, ok := errors.AsType[*web.Refusal](err); ok {
		return why
	}
	refused, ok := errors.AsType[*client.Error](err)
	switch {
	case !ok:
		return nil
	case refused.Status == http.StatusForbidden && s != nil:
		return Forbidden(s, "An administrator may change that: "+refused.Message()+".")
	case errors.Is(err, client.ErrNotFound):
		return &web.Refusal{Status: http.StatusNotFound, Title: "There is no such thing", Message: refused.Message()}
	case refused.Status < http.StatusInternalServerError:
		return &web.Refusal{Status: refused.Status, Title: "That cannot be shown", Message: refused.Message()}
	case refused.Status == http.StatusServiceUnavailable:
		return NotNow(refused.Message())
	}
	return nil
}

// Forbidden is what a session is told that its role does not allow.
func Forbidden(s *Session, more string) *web.Refusal {
	return &web.Refusal{
		Status: http.StatusForbidden, Title: "Your role does not allow this",
		Message: "You are signed in as " + s.Name + ", with the role " + s.Role + ". " + more,
	}
}

// NotNow is what is told while a request cannot be answered.
func NotNow(message string) *web.Refusal {
	return &web.Refusal{Status: http.StatusServiceUnavailable, Title: "Not now", Message: message}
}

// refuse answers with a page that says why there is nothing to see.
func (c *console) refuse(w http.ResponseWriter, s *Session, why *web.Refusal) {
	if err := web.Refuse(w, Frame(s, "", ""), why); err != nil {
		c.Log.Error("console", "cause", err)
	}
}

// noticeCookie has what the next page says of what was just done. It is in no address: a
// link could put words into our mouth.
const noticeCookie = "allot_notice"

// SetNotice has the next page of the console say a notice, unless that is "". It is for https
// alone if the server is.
func SetNotice(w http.ResponseWriter, notice string, https bool) {
	if notice == "" {
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: noticeCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(notice)),
		Path: Path, MaxAge: 60, HttpOnly: true, Secure: https, SameSite: http.SameSiteStrictMode,
	})
}

// TakeNotice is what a page of the console is to say of what was just done; it is said once.
func TakeNotice(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(noticeCookie)
	if err != nil {
		return ""
	}
	http.SetCookie(w, &http.Cookie{Name: noticeCookie, Path: Path, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	return string(text)
}

// may reports whether the session has all of some scopes.
func (c *call) may(scopes ...string) bool { return c.session.Principal().Require(scopes...) == nil }

// want is the answer of the API to who lacks a scope, where it is not asked; nil to who has
// all of them.
func (c *call) want(scopes ...string) error {
	err := c.session.Principal().Require(scopes...)
	if err == nil {
		return nil
	}
	return &client.Error{Status: http.StatusForbidden, Errors: []api.Error{{Code: api.CodeScopeMissing, Message: err.Error()}}}
}
