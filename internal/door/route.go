package door

import (
	"time"

	"github.com/allot-dev/allot/api"
)

// Route is one thing that can be asked of the server.
type Route struct {
	Method  string // GET serves HEAD too
	Pattern string // of the path, as [http.ServeMux] and OpenAPI both write it
	Scope   string // that the token must have, or several with a space between; "" if none is asked for
	Dialect *Dialect
	Handle  Handler
	// Health is whether the route is how others find out whether the server is well: a
	// budget for strangers does not apply.
	Health bool
	// Parameters are what the errors of use cases are about, by the error's code,
	// as this route names it, where that is another name. May be nil.
	Parameters map[string]string
}

// Handler answers the requests of a route. [Reads], [Changes] and [Bulk] make it.
type Handler struct {
	answer  func(*Call) (Answer, error)
	maxBody int64 // bytes
	anyText bool  // see [AnyText]
	list    *list // see [Listing]
	// patience is how long a request may take, if the store may not answer; 0 is as long as one
	// that changes nothing.
	patience time.Duration
}

// Reads is the handler of a route that changes nothing.
func Reads(answer func(*Call) (Answer, error)) Handler {
	return Handler{answer: answer, maxBody: api.MaxBodyBytes}
}

// Bulk lets a handler take larger bodies.
func Bulk(h Handler) Handler {
	h.maxBody = api.MaxBulkBodyBytes
	return h
}

// served is a route with what need not be found out on each request.
type served struct {
	Route
	name   string   // method and pattern, as [http.Request].Pattern has them
	scopes []string // in Route.Scope
	// observe is told of every answer.
	observe Observer
}

// endpoint is where a route is that has no variable in its path.
type endpoint struct{ method, path string }
