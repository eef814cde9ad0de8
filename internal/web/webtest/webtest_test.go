package webtest

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A page is what is seen of it: not what is hidden, and no script; a form is what its fields
// would send, the one that changes something first.
func TestPage(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusSeeOther)
		_, _ = w.Write([]byte(`<style>s</style><script>alert</script><p id=x>One
			<b>two</b> <i hidden>three</i></p><a href=/first>Older <b>ones</b></a>
			<form action=/do><input name=q value=asks></form>
			<form action=/do method=post><input name=n value=1><input type=checkbox name=off value=1>
			<input type=radio name=r value=2 checked><textarea name=t>text</textarea>
			<select name=s><option value=a><option value=b selected></select></form>`))
	}))
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := Fetch(t, r).Wants(http.StatusSeeOther).Says("One two")
	for got, want := range map[string]string{
		p.Said():                                 "One two Older ones text",
		p.TextOf("x"):                            "One\n\t\t\ttwo three",
		p.Link("Older ones"):                     "/first",
		p.Form("/do").Encode():                   "n=1&r=2&s=b&t=text",
		p.Cookies[0].Value:                       "b",
		p.Header.Get("Location"):                 "/elsewhere",
		Said(p.All("form", "method", "post")[0]): "text",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
