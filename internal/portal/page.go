package portal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/web"
)

// Page answers a link with the page of its customer. Serve it at GET and POST [Path]{link}.
type Page struct {
	Links   *Links
	Billing *service.Service
	Log     *slog.Logger
}

//go:embed screens
var files embed.FS

var templates = web.Screens(files, "screens", nil)

// opener is in whose name the answers are kept that say who has opened a link.
const opener billing.Actor = "portal"

// Why a link does not open, as the caller is told it.
var (
	errNoLink  = &web.Refusal{Status: http.StatusForbidden, Title: "This link does not work", Message: "It is not one of this server's. Perhaps a part of it was lost on the way: copy it as a whole."}
	errExpired = &web.Refusal{Status: http.StatusForbidden, Title: "This link is too old", Message: "It could be opened for 15 minutes. Ask for a new one where you got it."}
	errOpened  = &web.Refusal{Status: http.StatusForbidden, Title: "This link was opened already", Message: "It was opened in another browser, or in another session of this one. Ask for a new one where you got it."}
	errGone    = &web.Refusal{Status: http.StatusNotFound, Title: "There is nothing here any more", Message: "The customer of this link is no more."}
	errForeign = &web.Refusal{Status: http.StatusForbidden, Title: "This came from another site", Message: "Open the link itself."}
)

// guard refuses forms of other sites.
var guard = http.NewCrossOriginProtection()

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Referrer-Policy", "no-referrer") // the address is a secret
	h.Set("X-Robots-Tag", "noindex")
	of, shown, err := p.answer(w, r)
	back := backTo(of.returnURL)
	page, screen, status := &web.Page{Bare: true}, "page", http.StatusOK
	switch {
	case err == nil && shown == nil: // it was sent on
		return
	case err == nil && shown == asks:
		// With none at all a browser would say that its own form comes from nowhere. It
		// is still told to no other site.
		h.Set("Referrer-Policy", "same-origin")
		page.Title, page.Data, screen = "Your plan", back, "ask"
	case err == nil:
		shown.Back = back
		page.Title, page.Data = shown.Title(), shown
	default:
		refused, ok := errors.AsType[*web.Refusal](err)
		if !ok {
			p.Log.ErrorContext(r.Context(), "portal", "cause", err)
			refused = &web.Refusal{Status: http.StatusServiceUnavailable, Title: "Not now", Message: "The page cannot be shown now. Try again in a moment."}
		}
		page.Title, status, screen = refused.Title, refused.Status, "refusal"
		page.Data = refusalView{refused.Message, back}
	}
	if err := templates.Write(w, status, screen, page); err != nil {
		p.Log.ErrorContext(r.Context(), "portal", "cause", err)
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
	}
}

// refusalView is what the page of a refusal shows.
type refusalView struct {
	Message string
	Back    *web.Link
}

// backTo is the way to where a link came from; nil if it does not say. A link has it under
// its seal, so that it is one of the server's.
func backTo(address string) *web.Link {
	if address == "" {
		return nil
	}
	to := &web.Link{Href: address, Text: "Back"}
	if u, err := url.Parse(address); err == nil {
		to.Text = "Back to " + u.Host
	}
	return to
}

// asks stands for the page that asks whether somebody is there.
var asks = &view{}

// answer is what a request is answered with: the page of a customer, [asks], or nil if it
// was sent on already. The link is what is known of it.
func (p *Page) answer(w http.ResponseWriter, r *http.Request) (link, *view, error) {
	of, ok := p.Links.read(r.PathValue("link"))
	if !ok {
		return link{}, nil, errNoLink
	}
	age := p.Links.Now().Sub(of.made)
	if age >= sessionLife {
		return of, nil, errExpired
	}
	name := "allot_portal_" + hex.EncodeToString(of.name[:4]) // so that two links are two sessions
	session := ""
	if c, err := r.Cookie(name); err == nil {
		session = c.Value
	}
	if r.Method == http.MethodHead || session == "" && r.Method != http.MethodPost && !looks(r) {
		return of, asks, nil
	}
	if r.Method == http.MethodPost && guard.Check(r) != nil {
		return of, nil, errForeign
	}
	shown, err := p.view(r.Context(), of, r.URL.Query())
	if err != nil {
		return of, nil, err
	}
	fresh := session == ""
	if fresh {
		session = rand.Text()
	}
	if err := p.enter(r.Context(), of, session, age < LinkLife); err != nil {
		return of, nil, err
	}
	if fresh {
		http.SetCookie(w, &http.Cookie{
			Name: name, Value: session, Path: Path, MaxAge: int((sessionLife - age) / time.Second),
			HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(p.Links.URL, "https:"),
		})
	}
	if r.Method == http.MethodPost {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther)
		return of, nil, nil
	}
	return of, shown, nil
}

// robots are parts of the names of those who look into links that people send each other.
var robots = []string{"bot", "crawler", "spider", "preview", "scanner", "safelinks", "facebookexternalhit", "whatsapp", "slack", "skype", "embedly"}

// looks reports whether a request seems to be somebody's who wants to see the page. What
// fetches links by itself is not to spend them: it gets a page that asks, and somebody who
// was taken for it presses the button there.
func looks(r *http.Request) bool {
	for _, header := range []string{"Sec-Purpose", "Purpose", "X-Moz", "X-Purpose"} {
		if v := strings.ToLower(r.Header.Get(header)); strings.Contains(v, "prefetch") || strings.Contains(v, "prerender") || strings.Contains(v, "preview") {
			return false
		}
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" {
		return false
	}
	agent := strings.ToLower(r.UserAgent())
	for _, robot := range robots {
		if strings.Contains(agent, robot) {
			return false
		}
	}
	return true
}

// enter lets a session in that has opened the link, or is the first to, while it
// can be opened.
func (p *Page) enter(ctx context.Context, of link, session string, opens bool) error {
	sum := sha256.Sum256([]byte(session))
	once := service.Once{
		Customer: of.customer, Key: "portal " + hex.EncodeToString(of.name[:]), Fingerprint: sum[:],
		Refusal: func(error) (service.Answer, bool) { return service.Answer{}, false },
	}
	var err error
	if opens {
		_, _, err = p.Billing.Once(ctx, opener, once, func(*service.Work) (service.Answer, error) {
			return service.Answer{Status: http.StatusOK}, nil
		})
	} else {
		var found bool
		if _, found, err = p.Billing.Said(ctx, once); err == nil && !found {
			return errExpired
		}
	}
	if e, ok := errors.AsType[*billing.Error](err); ok && e.Code == api.CodeIdempotencyKeyReused {
		return errOpened // by a session that is not this one
	}
	return err
}
