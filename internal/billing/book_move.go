package billing

import (
	"fmt"
	"time"
)

// Moved is what a migration does to one customer.
type Moved struct {
	Moves bool // whether anything moves
	// Kept says of each agreement that stays on its version why it does.
	Kept []string
}

// Move puts the customer on another version of a plan or add-on: what it holds, now
// or at the end of the term, and what is scheduled on an older version, where that
// begins. Each is made anew with all that was agreed but the version. What could not
// be so kept stays on its version, and the answer says why.
func (b *Book) Move(code Code, version int, when When) (Moved, error) {
	moves, out := b.moves(code, version, when)
	for _, m := range moves {
		next := m.next
		if err := b.identify(&next, AgreementID{}); err != nil {
			return Moved{}, err
		}
		if next.StartsOn.Equal(m.old.StartsOn) && m.old.Scheduled(b.Now) {
			b.drop(next.slot(), func(a *Agreement) bool { return a.ID == m.old.ID })
		} else {
			b.Agreements[b.index(m.old.ID)].ExternalID = ""
		}
		b.Agreements = append(b.Agreements, next)
	}
	if !out.Moves {
		return out, nil
	}
	return out, b.settle()
}

// Moves is what [Book.Move] would do.
func (b *Book) Moves(code Code, version int, when When) Moved {
	_, out := b.moves(code, version, when)
	return out
}

// move is an agreement that is made in place of another.
type move struct{ old, next Agreement }

func (b *Book) moves(code Code, version int, when When) (moves []move, out Moved) {
	keep := func(a *Agreement, format string, args ...any) {
		out.Kept = append(out.Kept, fmt.Sprintf("%s: %s", a.ID, fmt.Sprintf(format, args...)))
	}
	for i := range b.Agreements {
		old := b.Agreements[i]
		if old.Plan != code || old.Version == version || old.Scheduled(b.Now) && old.Version > version {
			continue
		}
		next := old
		next.ID, next.Version, next.CreatedOn, next.Carried = AgreementID{}, version, b.Now, nil
		if !old.Scheduled(b.Now) {
			next.StartsOn = b.Now
			if next.Origin == fromImport { // what is moved now is no history
				next.Origin = ""
			}
			next.AtPeriodEnd = when == WhenPeriodEnd
		}
		if when == WhenPeriodEnd && !old.Scheduled(b.Now) {
			end, err := b.periodEnd(&old)
			if err != nil {
				keep(&old, "it has no term that ends; use when=now")
				continue
			}
			if !old.ExpiresOn.IsZero() && !end.Before(old.ExpiresOn) {
				keep(&old, "it ends on %s, by the end of its term", old.ExpiresOn.Format(time.RFC3339Nano))
				continue
			}
			next.StartsOn = end
		}
		if wrong := b.Terms(&next).cannot(&next); len(wrong) > 0 {
			keep(&old, "%s", wrong[0].Message)
			continue
		}
		if next.Kind == KindAddOn {
			if wrong := b.notBeside(&next); wrong != "" {
				keep(&old, "%s", wrong)
				continue
			}
		}
		if !next.hasTrial() {
			next.TrialEndsOn, next.TrialThen, next.TrialScope = time.Time{}, "", ""
		} else if next.TrialThen == "" {
			next.TrialThen = b.trialThen(&old)
		}
		moves, out.Moves = append(moves, move{old, next}), true
	}
	return moves, out
}
