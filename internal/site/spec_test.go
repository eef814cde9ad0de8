package site

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Descriptions are text, whatever stands in them.
func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"One <b>bold</b>\nline.\n\nAnother `<code>` & more.\n": "<p>One &lt;b&gt;bold&lt;/b&gt; line.</p><p>Another <code>&lt;code&gt;</code> &amp; more.</p>",
		"What it does.\n\nScope: `read:catalog`.":              "<p>What it does.</p>", // the page has it beside
		"": "",
	} {
		if diff := cmp.Diff(want, string(prose(text))); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// A file that the pages could not show as it is, is no file for them.
func TestReadSpec(t *testing.T) {
	for name, text := range map[string]string{
		"no YAML":      "a: [",
		"no such tag":  "paths: {/a: {get: {operationId: a, tags: [b]}}}",
		"the same ids": "tags: [{name: b}]\npaths: {/a: {get: {operationId: a, tags: [b]}, put: {operationId: a, tags: [b]}}}",
	} {
		if _, err := readSpec([]byte(text)); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
}
