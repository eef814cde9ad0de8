package admin

import (
	"crypto/rand"
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

// notFound is an address of the console that leads nowhere.
var errNotFound = errors.New("no such screen")

func nothing(*call) (*screen, error) { return nil, errNotFound }

// maxForm bounds the body of a form, which may have a catalog in it.
const maxForm = api.MaxBodyBytes

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
	status, title, message := http.StatusInternalServerError, "Something went wrong", "It is a fault of the server. Its log says more, under the request "+w.Header().Get(api.HeaderRequestID)+"."
	refused, ok := errors.AsType[*client.Error](err)
	switch {
	case errors.Is(err, errNotFound):
		status, title, message = http.StatusNotFound, "There is no such page", "The address leads nowhere. The navigation leads to all that there is."
	case ok && refused.Status == http.StatusForbidden:
		status, title, message = http.StatusForbidden, "Your role does not allow this", refused.Message()
		if s != nil {
			message = "You are signed in as " + s.Name + ", with the role " + s.Role + ". An administrator may change that: " + refused.Message() + "."
		}
	case ok && refused.Status < http.StatusInternalServerError:
		status, title, message = refused.Status, "That cannot be shown", refused.Message()
		if errors.Is(err, client.ErrNotFound) {
			status, title = http.StatusNotFound, "There is no such thing"
		}
	case ok && refused.Status == http.StatusServiceUnavailable:
		status, title, message = refused.Status, "Not now", refused.Message()
	case r.Context().Err() != nil: // nobody is there any more
		return
	default:
		c.Log.LogAttrs(r.Context(), slog.LevelError, "console", slog.Any("cause", err), slog.String("request_id", w.Header().Get(api.HeaderRequestID)))
	}
	page := Frame(s, "", title)
	if err := web.WriteMessage(w, status, *page, message); err != nil {
		c.Log.ErrorContext(r.Context(), "console", "cause", err)
	}
}

// write answers with a page that says one thing, to whoever asks.
func (c *console) write(w http.ResponseWriter, status int, title, message string) {
	if err := web.WriteMessage(w, status, *Frame(nil, "", title), message); err != nil {
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

// formKey is the name of the field that names the work of a form, so that a form that is
// sent twice is done once.
const formKey = "key"

// newKey is a name for the work of a form that is about to be shown.
func newKey() string { return rand.Text() }

// once is the option that does the work of a form once, however often it is sent.
// A form that has lost its name, which is none of ours, is done each time.
func (c *call) once() client.CallOption {
	key := c.PostFormValue(formKey)
	if !isKey(key) {
		key = newKey()
	}
	return client.WithIdempotencyKey(key)
}

// isKey reports whether a key is like one of [newKey].
func isKey(key string) bool {
	return key != "" && len(key) <= api.MaxIdempotencyKey && strings.Trim(key, keyLetters) == ""
}

// keyLetters are those of [rand.Text].
const keyLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// faults are what is wrong with the fields of a form, by the field's name, and what is
// wrong beside that.
type faults struct {
	Fields map[string]string
	Rest   []string
}

// faultsOf are the faults that the API finds with a request, if fields are what the form
// has. ok is false if err is none of these: then it is to be returned.
func faultsOf(err error, fields ...string) (f faults, ok bool) {
	refused, is := errors.AsType[*client.Error](err)
	if !is || refused.Status == http.StatusForbidden || refused.Status >= http.StatusInternalServerError {
		return f, false
	}
	f.Fields = map[string]string{}
	for _, e := range refused.Errors {
		if field := fieldOf(e.Code, fields); field != "" && f.Fields[field] == "" {
			f.Fields[field] = e.Message
		} else {
			f.Rest = append(f.Rest, e.Message)
		}
	}
	if len(refused.Errors) == 0 {
		f.Rest = append(f.Rest, refused.Message())
	}
	return f, true
}

// fieldOf is the field that a code is about: PLAN_CODE_REQUIRED is about plan_code, and
// PLAN_NOT_FOUND about plan_code too.
func fieldOf(code string, fields []string) string {
	name := strings.ToLower(code)
	for _, field := range fields {
		if name == field || strings.HasPrefix(name, field+"_") {
			return field
		}
	}
	for _, field := range fields {
		if thing, ok := strings.CutSuffix(field, "_code"); ok && strings.HasPrefix(name, thing+"_") {
			return field
		}
	}
	return ""
}
