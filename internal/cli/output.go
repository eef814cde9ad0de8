package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/allot-dev/allot/api"
)

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
