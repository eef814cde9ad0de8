package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"github.com/allot-dev/allot/api"
)

// prism is Prism, a mock server for any API description, on Allot's own. The
// description is given one more example, the answer of Allot that is measured,
// so that both send the same body.
func prism(ctx context.Context, w *workshop, allot *server) (*server, error) {
	program, version, err := w.installPrism(ctx)
	if err != nil {
		return nil, err
	}
	entitlements := allot.operations[0]
	answer, err := entitlements.request.do(ctx, allot.address)
	if err != nil {
		return nil, err
	}
	description, err := describe(answer)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(w.temp, "openapi.json")
	if err := os.WriteFile(file, description, 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}

	mocked := entitlements.request
	mocked.header = append([][2]string{{"Prefer", "example=" + measured}}, mocked.header...)
	settings := []string{"--verboseLevel", "error"}
	s := &server{name: "prism", version: version, settings: settings, address: address}
	s.operations = []operation{{
		name:    entitlements.name,
		request: mocked,
		answered: func(body []byte) error {
			var want, got bytes.Buffer
			if err := errors.Join(json.Compact(&want, answer), json.Compact(&got, body)); err != nil {
				return err
			}
			if got.Len() != want.Len() {
				return fmt.Errorf("%d bytes of JSON, want Allot's %d", got.Len(), want.Len())
			}
			return nil
		},
	}}
	args := append([]string{program, "mock", "--host", host, "--port", port}, settings...)
	return s, s.start(ctx, w, mocked, "node", append(args, file)...)
}

// installPrism installs what the lock file says and returns Prism's main script.
func (w *workshop) installPrism(ctx context.Context) (program, version string, err error) {
	folder := filepath.Join(w.programs, "prism")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", "", err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join("prism", name))
		if err != nil {
			return "", "", err
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return "", "", err
		}
	}
	fmt.Fprintln(os.Stderr, "installing prism")
	// No scripts: one of them reports home.
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	install.Dir = folder
	if _, err := output(install); err != nil {
		return "", "", err
	}
	program = filepath.Join(folder, "node_modules", "@stoplight", "prism-cli", "dist", "index.js")
	printed, err := output(exec.CommandContext(ctx, "node", program, "--version"))
	return program, string(bytes.TrimSpace(printed)), err
}

// measured names the example in the description.
const measured = "measured"

// describe is Allot's description with the body as an example of the answer to
// the main question, as JSON.
func describe(body []byte) ([]byte, error) {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil, err
	}
	var description any
	if err := yaml.Unmarshal(api.OpenAPI, &description); err != nil {
		return nil, err
	}
	at := description
	for _, key := range []string{
		"paths", "/api/v1/billing/entitlements", "get", "responses", "200", "content", "application/json", "examples",
	} {
		object, _ := at.(map[string]any)
		if at = object[key]; at == nil {
			return nil, fmt.Errorf("openapi.yaml: no %q on the way to the examples of the main answer", key)
		}
	}
	at.(map[string]any)[measured] = map[string]any{"value": value}
	return json.Marshal(description)
}
