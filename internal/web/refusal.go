package web

import "net/http"

// Refusal is why a page is not shown, as whoever asked is told it. It is an error for
// handlers to return.
type Refusal struct {
	Status         int
	Title, Message string
}

func (r *Refusal) Error() string { return r.Message }

// Fault is what is told of a fault of ours: nothing but where the log says more, under the id
// of the request.
func Fault(request string) *Refusal {
	return &Refusal{
		http.StatusInternalServerError, "Something went wrong", "It is a fault of the server. Its log says more, under the request " + request + ".",
	}
}

// plain are the screens that every room needs.
var plain = Screens(own, "templates/plain", nil)

// Refuse answers with a page that says why there is nothing to see. The page's own Title and
// Data are replaced.
func Refuse(w http.ResponseWriter, page *Page, why *Refusal) error {
	told := *page
	told.Title, told.Data = why.Title, why.Message
	return plain.Write(w, why.Status, "message", &told)
}
