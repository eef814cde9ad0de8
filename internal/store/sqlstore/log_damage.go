package sqlstore

import (
	"fmt"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	// Revision 0 is no change: see adopt.go.
	selectSeqs = `select customer_rev, '', coalesce(seq, 0) from changes
		where customer_id = $1 and customer_rev > 0 order by customer_rev`

	selectEventSeqs = `select 0, cause, coalesce(seq, 0) from events where customer_id = $1 order by cause`

	selectSeqsOf = `select rev, cause, seq from feed where scope = $1 order by seq`
)

// logged is a change or an event with the place in the feed that it says it has, 0 if none,
// or a place with what it says it is of.
type logged struct {
	rev   int64
	cause string
	seq   int64
}

func scanLogged(r row) (l logged, err error) { return l, r.Scan(&l.rev, &l.cause, &l.seq) }

func (l *logged) String() string {
	if l.cause != "" {
		return fmt.Sprintf("event %q", l.cause)
	}
	return fmt.Sprintf("change %d", l.rev)
}

// LogDamage is as service.LogReader says.
func (r *Reader) LogDamage(scope billing.Scope) (found []string, err error) {
	changes, err := list(r.conn, scanLogged, selectSeqs, scope)
	if err != nil {
		return nil, err
	}
	events, err := list(r.conn, scanLogged, selectEventSeqs, scope)
	if err != nil {
		return nil, err
	}
	places, err := list(r.conn, scanLogged, selectSeqsOf, scope)
	if err != nil {
		return nil, err
	}
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	placed := make(map[logged]bool, len(places))
	for _, p := range places {
		placed[p] = true
	}
	var last logged
	for i := range changes {
		c := &changes[i]
		if c.rev != last.rev+1 {
			say("the log has change %d behind change %d", c.rev, last.rev)
		}
		if c.seq > 0 && c.seq <= last.seq || c.seq > 0 && last.rev > 0 && last.seq == 0 {
			say("change %d has place %d of the feed, change %d before it has %d", c.rev, c.seq, last.rev, last.seq)
		}
		last = *c
	}
	for _, all := range [][]logged{changes, events} {
		for i := range all {
			if l := all[i]; l.seq != 0 && !placed[l] {
				say("%s says it has place %d of the feed, which the feed does not say", &l, l.seq)
			} else {
				delete(placed, l)
			}
		}
	}
	for _, p := range places {
		if placed[p] {
			say("place %d of the feed is of %s, which does not say so or is not there", p.seq, &p)
		}
	}
	if len(found) > mostDamage {
		found = append(found[:mostDamage], fmt.Sprintf("and %d more of the log", len(found)-mostDamage))
	}
	return found, nil
}
