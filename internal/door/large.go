package door

import (
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
)

// turnPatience is how long one body waits for another to be done with.
const turnPatience = 20 * time.Second

// errTurn is a body for which that was too long.
var errTurn = newShed(http.StatusServiceUnavailable, api.CodeOverloaded,
	"another body of this kind is being worked on, and one is at a time: send this one again in a moment")

// OneAtATime lets a handler work on one body at a time, from its reading to the answer: of a text
// that may be thousands of times as large in what it comes to. The others wait, as text, until it
// is their turn, or for too long, or their callers are gone.
func OneAtATime(h Handler) Handler {
	inner, turn := h.answer, make(chan struct{}, 1)
	h.answer = func(c *Call) (Answer, error) {
		text, err := ReadText(c.Request)
		if err != nil {
			return Answer{}, err
		}
		c.Body = &held{text: text}
		timer := time.NewTimer(turnPatience)
		defer timer.Stop()
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-timer.C:
			return Answer{}, errTurn
		case <-c.Context().Done():
			return Answer{}, c.Context().Err()
		}
		return inner(c)
	}
	return h
}
