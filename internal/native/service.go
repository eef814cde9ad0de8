package native

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/door"
)

func (h *handlers) openAPI(*door.Call) (door.Answer, error) {
	return door.Answer{Body: door.Document{ContentType: door.ContentTypeYAML, Text: api.OpenAPI}}, nil
}

// health says that the process runs, and asks nothing else of it.
func (h *handlers) health(*door.Call) (door.Answer, error) { return door.Answer{Body: api.OK()}, nil }

func (h *handlers) ready(c *door.Call) (door.Answer, error) {
	ready, err := h.Ready(c.Context())
	if err != nil {
		return door.Answer{}, &door.Error{Kind: door.Unavailable, Code: api.CodeNotReady, Message: "requests cannot be answered now", Err: err}
	}
	return door.Answer{Body: ready}, nil
}
