package door

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// normalise makes every run of slashes in the path one, and reports whether the
// path is then one that a route could serve. The mux would redirect the others.
//
// Kinde: a doubled slash in a path is served as if it were one
func normalise(r *http.Request) bool {
	if r.URL.RawPath == "" && plain(r.URL.Path) {
		return true
	}
	escaped := r.URL.EscapedPath()
	if strings.Contains(escaped, "//") {
		var b strings.Builder
		for i := range len(escaped) {
			if escaped[i] != '/' || i == 0 || escaped[i-1] != '/' {
				b.WriteByte(escaped[i])
			}
		}
		escaped = b.String()
		plain, err := url.PathUnescape(escaped)
		if err != nil {
			return false
		}
		u := *r.URL
		u.Path, u.RawPath = plain, escaped
		r.URL = &u
	}
	return strings.HasPrefix(escaped, "/") && (path.Clean(escaped) == escaped || path.Clean(escaped)+"/" == escaped)
}

// plain reports whether a path is words between single slashes, as that of
// nearly every request is: there is nothing to escape in it and nothing to clean.
func plain(path string) bool {
	before := byte(0)
	for i := range len(path) {
		c := path[i]
		if c == '/' && before == '/' || c != '/' && c != '_' && c != '-' && !isWord(c) {
			return false
		}
		before = c
	}
	return path != "" && path[0] == '/'
}
