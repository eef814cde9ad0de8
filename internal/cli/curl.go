package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/allot-dev/allot/client"
)

type curlCommand struct {
	remote `embed:""`
	once   `embed:""`
	Path   string   `arg:"" help:"Path of the call, with its query, such as '/v1/plans?page_size=5'."`
	Method string   `short:"X" name:"method" placeholder:"METHOD" help:"By default GET, with a body POST."`
	Body   string   `short:"d" name:"body" placeholder:"TEXT|@FILE" help:"Body to send: JSON, or @FILE for what is in a file, @- for standard input."`
	Header []string `short:"H" name:"header" sep:"none" placeholder:"'NAME: VALUE'" help:"A header to send too; may be repeated."`
}

// Run prints the body of the answer as it came, also of a refusal, which is an
// error beside.
func (c *curlCommand) Run(ctx context.Context, s *session) error {
	if !strings.HasPrefix(c.Path, "/") {
		return usagef("such as allot curl /v1/plans; --url is where the server is", "path %q: want one that begins with a slash", c.Path)
	}
	options := c.options()
	for _, header := range c.Header {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			return usagef("such as -H 'Accept: text/yaml'", "header %q: want NAME: VALUE", header)
		}
		options = append(options, client.WithHeader(strings.TrimSpace(name), strings.TrimSpace(value)))
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	body, err := c.body(s)
	if err != nil {
		return err
	}
	method := strings.ToUpper(c.Method)
	switch {
	case method != "":
	case body != nil:
		method = http.MethodPost
	default:
		method = http.MethodGet
	}
	resp, err := allot.Do(ctx, method, c.Path, body, options...)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := s.copyBody(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &hintedError{fmt.Errorf("%s %s: %s", method, c.Path, resp.Status), "the answer, on standard output, says why"}
	}
	return nil
}

func (c *curlCommand) body(s *session) ([]byte, error) {
	file, ok := strings.CutPrefix(c.Body, "@")
	switch {
	case ok:
		return s.readFile(file)
	case c.Body != "":
		return []byte(c.Body), nil
	}
	return nil, nil
}

// copyBody writes a body, and ends its last line.
func (s *session) copyBody(body io.Reader) error {
	last := new(lastByte)
	n, err := io.Copy(io.MultiWriter(s.out, last), body)
	if err != nil || n == 0 || last.b == '\n' {
		return err
	}
	_, err = s.out.Write([]byte{'\n'})
	return err
}

// lastByte keeps the last byte that was written to it.
type lastByte struct{ b byte }

func (l *lastByte) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.b = p[len(p)-1]
	}
	return len(p), nil
}
