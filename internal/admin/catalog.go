package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

// catalogForm is a catalog file on its way: written, looked at, applied.
type catalogForm struct {
	Text    string
	Example bool // it is the example, and nothing is sold yet
	MayEdit bool
	Key     string
	Faults  []fileFault
	Rest    []string // what is wrong beside the file
	Changes *api.CatalogChanges
	// Seen names what was shown to be changed. If it would be something else by now it is
	// shown again.
	Seen  string
	Again bool
	Limit int64
}

// fileFault is something wrong in a file, with the line that it is in.
type fileFault struct {
	Line, Column int // 0: it is of no place
	Message      string
	Left, Right  string // of the line, before and from the column
}

// catalogFile offers the catalog as it is, or the example if there is none, for editing.
func catalogFile(c *call) (*screen, error) {
	data := &catalogForm{MayEdit: c.may(api.ScopeUpdateCatalog), Key: NewKey()}
	if c.URL.Query().Has("example") && data.MayEdit {
		data.Text, data.Example = string(c.Example), true
		return data.screen(), nil
	}
	text, err := c.api.Catalog.GetYAML(c.Context())
	if err != nil {
		return nil, err
	}
	data.Text = string(text)
	return data.screen(), nil
}

func (f *catalogForm) screen() *screen {
	f.Limit = maxForm >> 20
	title := "Edit the catalog"
	if f.Changes != nil {
		title = "What would change"
	} else if !f.MayEdit {
		title = "The catalog"
	}
	return &screen{template: "catalog", title: title, at: plansPath, scripts: []string{"allot-plans.js"}, data: f}
}

// applyCatalog shows what a file would change, and applies it once that was seen.
func applyCatalog(c *call) (*screen, error) {
	data := &catalogForm{MayEdit: c.may(api.ScopeUpdateCatalog), Key: NewKey()}
	text, err := c.fileOf("file", "text")
	if err != nil {
		return nil, err
	}
	data.Text = text
	changes, err := c.api.Catalog.Apply(c.Context(), []byte(text), true)
	if ok, err := data.refusedBy(err); err != nil {
		return nil, err
	} else if ok {
		shown := data.screen()
		shown.status = http.StatusBadRequest
		return shown, nil
	}
	data.Seen = changesName(changes)
	seen := c.PostFormValue("seen")
	if c.PostFormValue("do") == "edit" {
		return data.screen(), nil
	}
	if c.PostFormValue("do") != "apply" || seen != data.Seen {
		data.Changes, data.Again = changes, c.PostFormValue("do") == "apply"
		return data.screen(), nil
	}
	changes, err = c.api.Catalog.Apply(c.Context(), []byte(text), false, c.once())
	if ok, err := data.refusedBy(err); err != nil {
		return nil, err
	} else if ok {
		return data.screen(), nil
	}
	return nil, goTo(plansPath, fmt.Sprintf("Applied: %s.", web.Count(len(changes.Changes), "change")))
}

// fileOf is the text of a file that was sent, else that of a field.
func (c *call) fileOf(file, field string) (string, error) {
	if err := c.form(); err != nil {
		return "", err
	}
	text := c.PostFormValue(field)
	if c.MultipartForm == nil {
		return text, nil
	}
	sent := c.MultipartForm.File[file]
	if len(sent) == 0 || sent[0].Size == 0 {
		return text, nil
	}
	f, err := sent[0].Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	return string(all), err
}

// changesName names what a file would do.
func changesName(changes *api.CatalogChanges) string {
	text, err := json.Marshal([]any{changes.Changes, changes.Warnings})
	if err != nil {
		panic(err) // texts and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// refusedBy reports whether an answer says that the file will not do, and keeps why.
func (f *catalogForm) refusedBy(err error) (bool, error) {
	if err == nil {
		return false, nil
	}
	refused, is := errors.AsType[*client.Error](err)
	if _, ok := faultsOf(err); !ok || !is {
		return false, err
	}
	lines := strings.Split(f.Text, "\n")
	for _, e := range refused.Errors {
		fault := fileFault{Message: e.Message}
		if e.Code != api.CodeCatalogInvalid {
			f.Rest = append(f.Rest, e.Message)
			continue
		}
		fault.Line, fault.Column = e.Line, e.Column
		// The message has the place too, for people who see nothing else.
		fault.Message = strings.TrimPrefix(e.Message, fmt.Sprintf("line %d, column %d: ", e.Line, e.Column))
		if e.Line > 0 && e.Line <= len(lines) {
			fault.Left, fault.Right = splitAt(lines[e.Line-1], e.Column-1)
		}
		f.Faults = append(f.Faults, fault)
	}
	return true, nil
}

// splitAt splits a line before its n-th character.
func splitAt(line string, n int) (left, right string) {
	for at := range line {
		if n == 0 {
			return line[:at], line[at:]
		}
		n--
	}
	return line, ""
}
