package billing

import "time"

// Prompt is when a customer in the trial of an agreement is to be reminded that it ends:
// as many days before as the terms say, or when it starts if it is shorter. It is not
// before the end where the terms want no reminder. then is what the trial turns into. The
// instant is zero if there is no trial.
func (s *Snapshot) Prompt(a *Agreement) (on time.Time, then TrialEnd) {
	if a.TrialEndsOn.IsZero() {
		return time.Time{}, ""
	}
	days := defaultCardPromptDays
	if trial := s.Terms(a).Trial; trial != nil {
		days = trial.CardPromptDays
	}
	return latest(a.TrialEndsOn.Add(-time.Duration(days)*24*time.Hour), a.StartsOn), s.trialThen(a)
}
