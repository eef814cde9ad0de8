package site

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/allot-dev/allot/internal/web"
)

// apiPage is what the pages of the API show.
type apiPage struct {
	*spec
	Query string // what is searched for
	Found int
	Op    *operation // of one operation
	Curl  string
}

// docs lists all operations, or those in which each word of the search is.
func (s *Site) docs(w http.ResponseWriter, r *http.Request) error {
	if text := s.list.Load(); text != nil && r.URL.Query().Get("q") == "" {
		web.Send(w, http.StatusOK, *text)
		return nil
	}
	all, err := described()
	if err != nil {
		return err
	}
	shown := &apiPage{spec: all, Query: r.URL.Query().Get("q")}
	words := strings.Fields(strings.ToLower(shown.Query))
	found := *all
	found.Tags = nil
	for _, t := range all.Tags {
		part := *t
		part.Operations = nil
		for _, op := range t.Operations {
			if op.matches(words) {
				part.Operations = append(part.Operations, op)
				shown.Found++
			}
		}
		if part.Operations != nil {
			found.Tags = append(found.Tags, &part)
		}
	}
	shown.spec = &found
	text, err := s.renderDocs("docs", "API", shown)
	if err != nil {
		return err
	}
	if shown.Query == "" {
		s.list.Store(&text)
	}
	web.Send(w, http.StatusOK, text)
	return nil
}

func (op *operation) matches(words []string) bool {
	for _, word := range words {
		if !strings.Contains(op.search, word) {
			return false
		}
	}
	return true
}

// operation shows one.
func (s *Site) operation(w http.ResponseWriter, r *http.Request) error {
	all, err := described()
	if err != nil {
		return err
	}
	op := all.byID[r.PathValue("operation")]
	if op == nil {
		return &web.Refusal{Status: http.StatusNotFound, Title: "There is no such request", Message: "The description of the API has none of this name. /docs lists them all."}
	}
	text, err := s.renderDocs("operation", op.Summary, &apiPage{spec: all, Op: op, Curl: op.curl(s.URL)})
	if err != nil {
		return err
	}
	web.Send(w, http.StatusOK, text)
	return nil
}

func (s *Site) renderDocs(screen, title string, shown *apiPage) ([]byte, error) {
	page := s.page(DocsPath, title)
	page.Data, page.Scripts = shown, []string{"allot-docs.js"}
	return templates.Render(screen, page)
}

// Siblings are the operations of the same tag.
func (p *apiPage) Siblings() *tag {
	for _, t := range p.Tags {
		if t.Name == p.Op.Tag {
			return t
		}
	}
	return &tag{}
}

// curl is the request with its example, for a shell.
func (op *operation) curl(base string) string {
	path, query := op.Path, url.Values{}
	var b strings.Builder
	for _, p := range op.Params {
		switch {
		case p.In == "path" && p.Example != "":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(p.Example))
		case p.In == "query" && p.Required:
			query.Set(p.Name, p.Example)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	b.WriteString("curl -sS")
	if op.Method != http.MethodGet {
		b.WriteString(" -X " + op.Method)
	}
	b.WriteString(" " + shellQuote(base+path))
	switch op.Auth {
	case "client", "user":
		b.WriteString(" \\\n  -H \"Authorization: Bearer $ALLOT_TOKEN\"")
	case "basic":
		b.WriteString(" \\\n  -u \"$ALLOT_CLIENT_ID:$ALLOT_CLIENT_SECRET\"")
	}
	if op.Body != nil && len(op.Body.Examples) > 0 {
		b.WriteString(" \\\n  -H " + shellQuote("Content-Type: "+op.Body.ContentType))
		b.WriteString(" \\\n  --data-binary " + shellQuote(op.Body.Examples[0].Text))
	}
	return b.String()
}

// shellQuote is a text as a POSIX shell reads it.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
