package credit

import (
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Sums are the sums of the log that a pool stands on: those of the store, and what was
// decided on them and is still to be stored.
type Sums struct {
	// Drawn is what was drawn of each source but the allowances of windows by what counts
	// in them, and Paid what of the debt of each grant.
	Drawn map[usage.SourceID]billing.Units
	Paid  map[billing.GrantID]billing.Units
	// Window sums the changes of the records that count in a window, their stored draws on
	// other sources, and what is held by holds that were made in it and have no pins: it is
	// all of its allowance.
	Window func(billing.Window) (used, elsewhere, held billing.Units, err error)
	// Own is what payments of debts took of the allowance of a window; nil: nothing.
	Own func(billing.Window) (billing.Units, error)

	windows map[billing.Window]*windowSums
}

type windowSums struct{ used, elsewhere, held billing.Units }

func (s *Sums) window(w billing.Window) (windowSums, error) {
	if known := s.windows[w]; known != nil {
		return *known, nil
	}
	used, elsewhere, held, err := s.Window(w)
	if err != nil {
		return windowSums{}, err
	}
	if s.windows == nil {
		s.windows = make(map[billing.Window]*windowSums)
	}
	s.windows[w] = &windowSums{used, elsewhere, held}
	return *s.windows[w], nil
}

// Add adds a record: when it counts, what it changes of the usage and what it draws. A
// record that pays a debt draws on its window's allowance too, and says so.
func (s *Sums) Add(on time.Time, change billing.Units, draws []usage.Draw, pays *billing.GrantID) {
	var elsewhere billing.Units
	for _, d := range draws {
		if d.Source.IsUses() {
			continue
		}
		if d.Source == billing.OwnSource {
			if pays != nil {
				elsewhere = elsewhere.Plus(-d.Units) // as if it had been used
			}
			continue
		}
		if s.Drawn == nil {
			s.Drawn = make(map[usage.SourceID]billing.Units)
		}
		s.Drawn[d.Source] = s.Drawn[d.Source].Plus(d.Units)
		if pays == nil {
			elsewhere = elsewhere.Plus(d.Units)
		}
	}
	if pays != nil {
		if s.Paid == nil {
			s.Paid = make(map[billing.GrantID]billing.Units)
		}
		s.Paid[*pays] = s.Paid[*pays].Plus(Total(draws))
	}
	for w, sums := range s.windows {
		if w.Contains(on) {
			sums.used, sums.elsewhere = sums.used.Plus(change), sums.elsewhere.Plus(elsewhere)
		}
	}
}
