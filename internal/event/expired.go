package event

import "github.com/allot-dev/allot/internal/usage"

// Expired is what is told of a hold that expired before it was closed.
func Expired(h *usage.Hold) Event {
	return Event{
		Scope: h.CustomerID.Scope(), Cause: string(HoldExpired) + " " + h.ID.String(), Type: HoldExpired, On: h.ExpiresOn,
		Facts: facts{
			"hold_id": h.ID.String(), "feature_code": string(h.Feature), "units": h.Units.String(),
			"made_on": text(h.MadeOn), "expires_on": text(h.ExpiresOn),
		},
	}
}
