package native

import (
	"errors"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
)

func (h *handlers) openAPI(*door.Call) (door.Answer, error) {
	return door.Answer{Body: door.Document{ContentType: door.ContentTypeYAML, Text: api.OpenAPI}}, nil
}

// openAPIAsJSON is the same document, for tools that read no YAML.
func (h *handlers) openAPIAsJSON(*door.Call) (door.Answer, error) {
	text, err := asJSON()
	return door.Answer{Body: door.Document{ContentType: door.ContentTypeJSON, Text: text}}, err
}

// asJSON is done once, when it is first asked for.
var asJSON = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(api.OpenAPI) })

// health says that the process runs, and asks nothing else of it.
func (h *handlers) health(*door.Call) (door.Answer, error) { return door.Answer{Body: api.OK()}, nil }

func (h *handlers) ready(c *door.Call) (door.Answer, error) {
	ready, err := h.Ready(c.Context())
	if e, ok := errors.AsType[*billing.Error](err); ok && e.Kind == billing.Unavailable {
		return door.Answer{}, &door.Error{Kind: door.Unavailable, Code: e.Code, Message: e.Message, Err: e.Err}
	}
	if err != nil {
		return door.Answer{}, &door.Error{Kind: door.Unavailable, Code: api.CodeNotReady, Message: "requests cannot be answered now", Err: err}
	}
	return door.Answer{Body: ready}, nil
}
