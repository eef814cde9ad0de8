package admin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

// maxForm bounds the body of a form, which may have a catalog in it.
const maxForm = api.MaxBodyBytes

// errBadForm is a form that cannot be read.
var errBadForm = &web.Refusal{
	Status: http.StatusBadRequest, Title: "That form cannot be read", Message: "Nothing was changed. Go back, load the page anew and send it again.",
}

// BadForm is what is told of a form that cannot be read, by the error of reading it.
func BadForm(err error) *web.Refusal {
	large, ok := errors.AsType[*http.MaxBytesError](err)
	if !ok {
		return errBadForm
	}
	most := fmt.Sprintf("%d KiB", large.Limit>>10)
	if large.Limit >= 1<<20 {
		most = fmt.Sprintf("%d MiB", large.Limit>>20)
	}
	return &web.Refusal{
		Status: http.StatusRequestEntityTooLarge, Title: "That form is too large", Message: "Nothing was changed. A form may have " + most + " at most.",
	}
}

// form reads the form that was sent. It comes after what says whether the role allows it.
func (c *call) form() error {
	if err := c.ParseForm(); err != nil { // ParseMultipartForm does not tell of it
		return BadForm(err)
	}
	if err := c.ParseMultipartForm(maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return BadForm(err)
	}
	return nil
}

// formKey is the name of the field that names the work of a form, so that a form that is
// sent twice is done once.
const formKey = "key"

// NewKey is a name for the work of a form that is about to be shown, for its field "key".
func NewKey() string { return rand.Text() }

// keyOf is the name of the work of a form that was sent. A form that has lost it, which is
// none of ours, is done each time.
func keyOf(r *http.Request) string {
	if key := r.PostFormValue(formKey); isKey(key) {
		return key
	}
	return NewKey()
}

// isKey reports whether a key is like one of [NewKey].
func isKey(key string) bool {
	return key != "" && len(key) <= api.MaxIdempotencyKey && strings.Trim(key, keyLetters) == ""
}

// keyLetters are those of [rand.Text].
const keyLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// once is the option that does the work of a form once, however often it is sent.
func (c *call) once() client.CallOption { return client.WithIdempotencyKey(keyOf(c.Request)) }

// came is what came of the work of a form: a screen, or where it led to.
type came struct {
	shown *screen
	led   *redirect
}

// doneOnce does the work of the form that was sent, once for its key.
func (c *call) doneOnce(work func() (*screen, error)) (*screen, error) {
	out, err := c.done.Do(c.Now(), c.session.Name, c.Request, func() (out came, done bool, err error) {
		out.shown, err = work()
		if led, ok := errors.AsType[*redirect](err); ok {
			return came{led: led}, true, nil
		}
		return out, err == nil && out.shown != nil && out.shown.done, err
	})
	if err == nil && out.led != nil {
		err = out.led
	}
	return out.shown, err
}

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
