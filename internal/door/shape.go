package door

import (
	"strconv"

	"github.com/allot-dev/allot/api"
)

const (
	// maxDepth is how deep a body may be nested.
	maxDepth = 64
	// maxMembers is how many members an object or list of a body may have, unless its
	// route says that it may have fewer.
	maxMembers = 10_000
)

// list is a field of a body that is a list, with the most it may have.
type list struct {
	name, what string
	most       int
}

// Listing bounds a list of a handler's bodies while they are read: what is said of it is
// what the handler would say.
func Listing(h Handler, name, what string, most int) Handler {
	h.list = &list{name, what, most}
	return h
}

// AnyText says that the bodies of a handler are not only JSON.
func AnyText(h Handler) Handler {
	h.anyText = true
	return h
}

// shape counts what a text of JSON has, while it comes: too much is refused before it takes
// any memory. It does not say whether the text is JSON.
type shape struct {
	list *list // may be nil

	text    bool // within a text
	escaped bool // behind a backslash of one
	depth   int
	commas  [maxDepth + 1]int
	key     []byte // the last text that began in the outermost object
	inList  bool   // within list
}

func (s *shape) on(r *served) bool { return !r.Handle.anyText }

// read takes the next part of the text.
func (s *shape) read(part []byte) error {
	for _, c := range part {
		if s.text {
			switch {
			case s.escaped:
				s.escaped = false
			case c == '\\':
				s.escaped = true
			case c == '"':
				s.text = false
			case s.list != nil && s.depth == 1 && len(s.key) <= len(s.list.name):
				s.key = append(s.key, c)
			}
			continue
		}
		switch c {
		case '"':
			s.text = true
			if s.depth == 1 {
				s.key = s.key[:0]
			}
		case '[', '{':
			s.depth++
			if s.depth > maxDepth {
				return errBody("it is nested more than " + strconv.Itoa(maxDepth) + " deep")
			}
			s.commas[s.depth] = 0
			if s.depth == 2 {
				s.inList = c == '[' && s.list != nil && string(s.key) == s.list.name
			}
		case ']', '}':
			s.depth = max(0, s.depth-1)
		case ',':
			s.commas[s.depth]++
			if s.inList && s.depth == 2 && s.commas[2] >= s.list.most {
				return Errors{Fault(api.InvalidCode(s.list.name), "%s must be %s", s.list.name, s.list.what)}
			}
			if s.commas[s.depth] >= maxMembers {
				return errBody("a list or object of it has more than " + strconv.Itoa(maxMembers) + " members")
			}
		}
	}
	return nil
}
