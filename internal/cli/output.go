package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/allot-dev/allot/api"
)

// output is standard output. What keeps it from being written is an
// [*outputError].
type output struct{ w io.Writer }

func (o output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		err = &outputError{err}
	}
	return n, err
}

// outputError is a result that could not be written. What led to it is done.
type outputError struct{ err error }

func (e *outputError) Error() string { return "the output could not be written: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// unread reports whether a result could not be written since nobody reads it any
// more, as in: allot customer list | head -1.
func unread(err error) bool {
	_, ok := errors.AsType[*outputError](err)
	return ok && errors.Is(err, syscall.EPIPE)
}

// print writes a result: as one JSON document if --json asks for it, else what
// text writes, with tabs between columns.
func (s *session) print(result any, text func(w io.Writer)) error {
	if s.json {
		encoder := json.NewEncoder(s.out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	text(w)
	return w.Flush()
}

// warnings tells people what one would not expect of a success. A document has them
// itself.
func (s *session) warnings(of []api.Warning) {
	if s.json {
		return
	}
	for _, w := range of {
		fmt.Fprintln(s.err, "allot: warning: "+w.Message)
	}
}

// row writes the columns of a line of a table. A cell that is empty shows as a
// dash, so that columns stay apart for tools that split at spaces.
func row(w io.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		if texts[i] = fmt.Sprint(cell); texts[i] == "" {
			texts[i] = "-"
		}
	}
	fmt.Fprintln(w, strings.Join(texts, "\t"))
}

// field writes a line of a record, unless there is no value.
func field(w io.Writer, name, value string) {
	if value != "" {
		fmt.Fprintf(w, "%s\t%s\n", name, value)
	}
}

// instant is how people see a time; "" if there is none.
func instant(t *api.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// integer is how people see an integer; "" if there is none.
func integer(n *int64) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}
