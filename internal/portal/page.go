package portal

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// Page answers a link with the page of its customer. Serve it at GET [Path]{link}.
type Page struct {
	Links   *Links
	Billing *service.Service
	Log     *slog.Logger
}

// opener is in whose name the answers are kept that say who has opened a link.
const opener billing.Actor = "portal"

// refusal is why a link does not open, as the caller is told it.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

var (
	errNoLink  = &refusal{http.StatusForbidden, "This link is not one of this server's."}
	errExpired = &refusal{http.StatusForbidden, "This link is too old: it could be opened for 15 minutes. Ask for a new one where you got it."}
	errOpened  = &refusal{http.StatusForbidden, "This link was opened in another session already. Ask for a new one where you got it."}
	errGone    = &refusal{http.StatusNotFound, "The customer of this link is no more."}
)

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer") // the address is a secret
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	shown, err := p.open(w, r)
	status, page := http.StatusOK, pageTemplate
	if err != nil {
		refused, ok := errors.AsType[*refusal](err)
		if !ok {
			p.Log.ErrorContext(r.Context(), "portal", "cause", err)
			refused = &refusal{http.StatusServiceUnavailable, "The page cannot be shown now. Try again in a moment."}
		}
		status, page, shown = refused.status, refusalTemplate, view{Message: refused.message}
	}
	var body bytes.Buffer
	if err := page.Execute(&body, shown); err != nil {
		p.Log.ErrorContext(r.Context(), "portal", "cause", err)
		status = http.StatusInternalServerError
		body.Reset()
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a caller that went away is not told anything
}

// open is what the link of a request opens.
func (p *Page) open(w http.ResponseWriter, r *http.Request) (view, error) {
	of, ok := p.Links.read(r.PathValue("link"))
	if !ok {
		return view{}, errNoLink
	}
	age := p.Links.Now().Sub(of.made)
	if age >= sessionLife {
		return view{}, errExpired
	}
	shown, err := p.view(r.Context(), of)
	if err != nil || r.Method == http.MethodHead { // which is to spend nothing
		return shown, err
	}
	name := "allot_portal_" + hex.EncodeToString(of.name[:4]) // so that two links are two sessions
	if c, err := r.Cookie(name); err == nil && c.Value != "" {
		return shown, p.enter(r.Context(), of, c.Value, age < LinkLife)
	}
	session := rand.Text()
	if err := p.enter(r.Context(), of, session, age < LinkLife); err != nil {
		return view{}, err
	}
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: session, Path: Path, MaxAge: int((sessionLife - age) / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(p.Links.URL, "https:"),
	})
	return shown, nil
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

// view is what a page shows.
type view struct {
	Message   string // of a refusal
	Name      string
	Plans     []string
	Facts     string // as the API tells them
	ReturnURL string
}

// facts are the answers of the API that the page shows.
type facts struct {
	Agreements   []api.Agreement     `json:"agreements"`
	Entitlements api.EntitlementList `json:"entitlements"`
}

func (p *Page) view(ctx context.Context, of link) (view, error) {
	snap, now, err := p.Billing.Snapshot(ctx, of.customer)
	if wire.IsUnknown(err) {
		return view{}, errGone
	} else if err != nil {
		return view{}, err
	}
	standing, err := p.Billing.EntitlementsAt(ctx, of.customer, time.Time{}, false)
	if err != nil {
		return view{}, err
	}
	customer := snap.At(now)
	shown := view{Name: customer.Name, ReturnURL: of.returnURL}
	for _, agreement := range snap.Live(now) {
		shown.Plans = append(shown.Plans, snap.Catalog.Plans[agreement.Plan].Name)
	}
	text, err := json.MarshalIndent(facts{wire.CustomerAt(&customer).Agreements, wire.Standing(of.customer, &standing)}, "", "  ")
	shown.Facts = string(text)
	return shown, err
}

var (
	pageTemplate = template.Must(template.New("page").Parse(head + `<h1>{{or .Name "Your plan"}}</h1>
{{with .Plans}}<ul>{{range .}}
<li>{{.}}</li>{{end}}
</ul>
{{else}}<p>No plan.</p>
{{end}}<pre>{{.Facts}}</pre>
{{with .ReturnURL}}<p><a href="{{.}}" rel="noreferrer">Back</a></p>
{{end}}`))
	refusalTemplate = template.Must(template.New("refusal").Parse(head + "<p>{{.Message}}</p>\n"))
)

const head = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Plan and entitlements</title>
`
