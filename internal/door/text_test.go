package door

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/allot-dev/allot/internal/auth"
)

// Wherever text comes in, two forms of it are one text.
func TestTextComesInComposed(t *testing.T) {
	const one, two = "caf\u00e9", "cafe\u0301"
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/x/cafe%CC%81?a=cafe%CC%81&b="+two+"&twice="+two+"&twice="+two, nil)
	r.SetPathValue("id", two)
	c := Call{Request: r}
	q := ReadQuery(r, new(Faults))
	b, err := ParseBody([]byte(`{"raw":"`+two+`","escaped":"cafe\u0301","again":"`+two+`","null":"`+two+`","of":{"`+two+`":"`+two+`"}}`), new(Faults))
	if err != nil {
		t.Fatal(err)
	}
	by := composedPrincipal(&auth.Principal{Subject: two, OrgCode: two})
	metadata := b.Metadata("of")
	for where, got := range map[string]string{
		"path": c.PathValue("id"), "query": q.Text("a"), "query, as it stands": q.Words("b"), "required": q.Required("a", ""),
		"body": b.Text("raw", ""), "body, escaped": b.Text("escaped", ""), "a change": *b.Change("again"), "a change that may clear": *b.ChangeOrClear("null"),
		"metadata": metadata[one], "subject": by.Subject, "organization": by.OrgCode,
	} {
		if got != one {
			t.Errorf("%s: %+q", where, got)
		}
	}
}

// A text of a body has no space around it, of whatever kind; within it may.
func TestTextHasNoSpaceAround(t *testing.T) {
	for _, space := range []string{" ", "\t", "\n", "\r", "\u00a0", "\u2003", "\u3000", "\u0085"} {
		for text, fine := range map[string]bool{"a" + space + "b": true, "a" + space: false, space + "a": false, space: false} {
			quoted, err := Encode(map[string]string{"f": text})
			if err != nil {
				t.Fatal(err)
			}
			for how, read := range map[string]func(*Body){
				"text": func(b *Body) { b.Text("f", "") }, "required": func(b *Body) { b.Required("f", "") }, "change": func(b *Body) { b.Change("f") },
				"one of": func(b *Body) { b.OneOf("f", "", text) },
			} {
				var f Faults
				b, err := ParseBody(quoted, &f)
				if err != nil {
					t.Fatal(err)
				}
				if read(b); (f.Err() == nil) != fine {
					t.Errorf("%s of %+q: %v", how, text, f.Err())
				}
			}
		}
	}
}
