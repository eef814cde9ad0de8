package httpapi

import (
	"errors"
	"fmt"

	"github.com/allot-dev/allot/api"
)

func (a *adapter) openAPI(*call) (answer, error) {
	return answer{body: document{contentTypeYAML, api.OpenAPI}}, nil
}

// health says that the process runs, and asks nothing else of it.
func (a *adapter) health(*call) (answer, error) { return answer{body: api.OK()}, nil }

// errNotReady wraps why requests cannot be answered, which is for the log.
var errNotReady = errors.New("not ready")

func (a *adapter) ready(c *call) (answer, error) {
	ready, err := a.Ready(c.Context())
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errNotReady, err)
	}
	return answer{body: ready}, nil
}
