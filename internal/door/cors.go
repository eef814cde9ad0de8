package door

import (
	"net/http"
	"slices"

	"github.com/allot-dev/allot/api"
)

// allowOrigin lets a page of a configured origin read the answer, refusals too,
// and reports whether it does. Credentials of the browser's own are never
// allowed: the token comes from the page.
func (d *door) allowOrigin(x *exchange, r *http.Request) bool {
	if len(d.Origins) == 0 {
		return false
	}
	x.Header().Set("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return false
	case slices.Contains(d.Origins, "*"):
		origin = "*"
	case !slices.Contains(d.Origins, origin):
		return false
	}
	x.readableBy(origin)
	return true
}

// readableBy says which page may read the answer; * is any.
func (x *exchange) readableBy(origin string) {
	x.Header().Set("Access-Control-Allow-Origin", origin)
	x.Header().Set("Access-Control-Expose-Headers", exposed)
}

// exposed are the headers that a page may read beside those that any may.
const exposed = api.HeaderRevision + ", " + api.HeaderRequestID + ", RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"

// preflight answers what a browser asks before it sends a page's request. To
// other origins there is no such route.
//
// Kinde: js-utils sends a Content-Type with its GET, which browsers ask leave for
func (d *door) preflight(x *exchange, r *http.Request) {
	if !d.allowOrigin(x, r) {
		d.notFound(x, r)
		return
	}
	x.sendPreflight()
}

func (x *exchange) sendPreflight() {
	x.Header().Set("Access-Control-Allow-Methods", http.MethodGet)
	x.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	x.Header().Set("Access-Control-Max-Age", "600")
	x.send(http.StatusOK, api.OK())
}
