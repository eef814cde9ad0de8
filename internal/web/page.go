package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Policy is what a page may load and do: what comes from this server, and nothing else.
// There are no scripts and no styles within a page.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Page is what stands around a screen, and the screen.
type Page struct {
	Title string // of the screen; the window's has "Allot" behind it, unless it is bare
	// Home is where the name of the site leads.
	Home string
	// Nav are the ways to other screens; may be empty.
	Nav []Link
	// User is who is signed in, and Role as what; both are "" where nobody can be.
	User, Role string
	// Notice says what has just been done, and Alert what went wrong. May be empty.
	Notice, Alert string
	// Scripts are static files that the screen needs beside those of all.
	Scripts []string
	// Bare leaves out what stands above and below, for a page within another one.
	Bare bool
	// Data is what the screen shows: its template's dot is the Page, so this is .Data.
	Data any
}

// Link is a way to another screen.
type Link struct {
	Href, Text string
	Current    bool
}

//go:embed templates
var own embed.FS

// base has the frame and what all screens may use.
var base = template.Must(template.New("").Funcs(funcs).ParseFS(own, "templates/*.html"))

// Templates are screens by their names.
type Templates map[string]*template.Template

// Screens reads the templates of a folder: each file is a screen, by its name without
// ".html", and defines "content"; what files define whose names begin with "_" is for all
// of them. More functions may be given; nil will do. It panics on a fault, as the files are
// in the binary.
func Screens(from fs.FS, folder string, more template.FuncMap) Templates {
	names, err := fs.Glob(from, folder+"/*.html")
	if err != nil {
		panic(err)
	}
	shared := template.Must(base.Clone()).Funcs(more)
	for _, name := range names {
		if strings.HasPrefix(path.Base(name), "_") {
			template.Must(shared.ParseFS(from, name))
		}
	}
	screens := Templates{}
	for _, name := range names {
		if screen := strings.TrimSuffix(path.Base(name), ".html"); !strings.HasPrefix(screen, "_") {
			screens[screen] = template.Must(template.Must(shared.Clone()).ParseFS(from, name))
		}
	}
	return screens
}

// Write answers with a screen. It is made whole before anything of it is sent: an error
// means that nothing was.
func (t Templates) Write(w http.ResponseWriter, status int, screen string, page *Page) error {
	text, err := t.Render(screen, page)
	if err == nil {
		Send(w, status, text)
	}
	return err
}

// Render makes a screen, to be sent with [Send].
func (t Templates) Render(screen string, page *Page) ([]byte, error) {
	tmpl, ok := t[screen]
	if !ok {
		return nil, fmt.Errorf("no screen %q", screen)
	}
	var text bytes.Buffer
	if err := tmpl.ExecuteTemplate(&text, "page", page); err != nil {
		return nil, fmt.Errorf("screen %s: %w", screen, err)
	}
	return text.Bytes(), nil
}

// Send answers with a page that [Templates.Render] has made.
func Send(w http.ResponseWriter, status int, text []byte) {
	SetHeaders(w.Header())
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that went away is not told anything
}

// SetHeaders sets what a page is sent with, unless it was set before.
func SetHeaders(h http.Header) {
	for _, header := range [][2]string{
		{"Content-Type", "text/html; charset=utf-8"},
		{"Content-Security-Policy", Policy},
		{"Cache-Control", "no-store"},
		{"Referrer-Policy", "same-origin"},
		{"X-Content-Type-Options", "nosniff"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
	} {
		if h.Get(header[0]) == "" {
			h.Set(header[0], header[1])
		}
	}
	if strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		h.Set("X-Frame-Options", "DENY") // for browsers that do not know the policy's own word
	}
}
