package door

import "github.com/allot-dev/allot/api"

// OneLarge lets a handler work on one body of more than [api.MaxBodyBytes] at a time, from
// its reading to the answer: of a text that is many times as large in parts. The others wait,
// as text, until it is their turn or their callers are gone.
func OneLarge(h Handler) Handler {
	inner, turn := h.answer, make(chan struct{}, 1)
	h.answer = func(c *Call) (Answer, error) {
		text, err := ReadText(c.Request)
		if err != nil {
			return Answer{}, err
		}
		c.Body = &held{text: text}
		if len(text) > api.MaxBodyBytes {
			select {
			case turn <- struct{}{}:
				defer func() { <-turn }()
			case <-c.Context().Done():
				return Answer{}, c.Context().Err()
			}
		}
		return inner(c)
	}
	return h
}
