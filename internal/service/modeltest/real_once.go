package modeltest

import (
	"context"
	"errors"
	"strings"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// once does a line under a key.
func (r *real) once(key string, words []string) (string, error) {
	records := 0
	if counts(words) {
		records = 1
	}
	answer, replayed, err := r.s.Once(context.Background(), "test", service.Once{
		Customer: r.owner(words), Records: records, Key: key, Fingerprint: []byte(strings.Join(words, " ")),
		Refusal: func(err error) (service.Answer, bool) {
			var e *billing.Error
			if !errors.As(err, &e) || e.Kind != billing.Refused && e.Kind != billing.Conflict {
				return service.Answer{}, false
			}
			return service.Answer{Body: []byte(e.Code)}, true
		},
	}, func(u *service.Work) (service.Answer, error) {
		said, err := r.change(u, words)
		return service.Answer{Body: []byte(said)}, err
	})
	said := string(answer.Body)
	if replayed {
		said = "again: " + said
	}
	return said, err
}

// counts reports whether a line does nothing but count usage.
func counts(words []string) bool {
	return words[0] == "record" || words[0] == "meter" || words[0] == "consume"
}

// owner is whose line it is; nobody's of a hold that there is not.
func (r *real) owner(words []string) billing.CustomerID {
	if words[0] != "confirm" && words[0] != "release" {
		return r.ids[words[1]]
	}
	return r.holds[words[1]].Customer()
}
