package conformance

import (
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The picture of the README is what its commands printed in a terminal:
//
//	go test ./conformance -run TestReadme -picture
var writePicture = flag.Bool("picture", false, "write docs/pictures/limit.svg anew")

// changing is what a terminal shows anew each time: ids and times.
var changing = regexp.MustCompile(`agreement_[0-9a-f]+|\d{4}-\d\d-\d\dT[0-9:.]+Z`)

// checkPicture compares the picture with what was printed, or writes it. In the
// picture "…" stands for what changes.
func checkPicture(t *testing.T, lines []string) {
	t.Helper()
	file := filepath.Join(root(t), "docs", "pictures", "limit.svg")
	for i := range lines {
		lines[i] = changing.ReplaceAllString(lines[i], "…")
	}
	drawn := draw(lines)
	if *writePicture {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(drawn), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != drawn {
		t.Errorf("%s is not what the README's commands print; write it with -picture", file)
	}
}

// columns is how wide the terminal is that is drawn.
const columns = 100

// draw is a terminal with some lines in it, as SVG.
func draw(lines []string) string {
	type row struct {
		text  string
		typed bool
	}
	var rows []row
	for _, line := range lines {
		typed := strings.HasPrefix(line, "$ ")
		text := []rune(line)
		for len(text) > columns {
			rows, text = append(rows, row{string(text[:columns]), typed}), text[columns:]
		}
		rows = append(rows, row{string(text), typed})
	}
	const top, height = 46, 19
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 %d" role="img" aria-label="40 callers ask for one of 10 seats at once: 10 are allowed">
<rect width="860" height="100%%" rx="8" fill="#1b1f24"/>
<circle cx="20" cy="18" r="5" fill="#ff5f57"/><circle cx="38" cy="18" r="5" fill="#febc2e"/><circle cx="56" cy="18" r="5" fill="#28c840"/>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="13.5" fill="#d7dde4" xml:space="preserve">
`, top+height*len(rows)+4)
	for i, row := range rows {
		fill := ""
		if row.typed {
			fill = ` fill="#7ee787"`
		}
		fmt.Fprintf(&b, "<text x=\"16\" y=\"%d\"%s>%s</text>\n", top+height*i, fill, html.EscapeString(row.text))
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}
