package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	signin "github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
)

// credentials holds clients, signing keys and administrators against the log: each is as its last change
// left it.
func credentials(ctx context.Context, o *Options, _ *Result) error {
	o.Progress("clients", 0, 0)
	var found map[string][]string
	err := o.Store.View(ctx, func(r Reader) error {
		found = map[string][]string{}
		clients, err := r.Clients()
		if err != nil {
			return err
		}
		rows := map[string]map[string]string{}
		for i := range clients {
			rows[clients[i].ID] = record.ClientFacts(&clients[i])
		}
		if found["clients"], err = scopeDiffers(r, record.ScopeClients, "client", rows); err != nil {
			return err
		}
		keys, err := r.SigningKeys()
		if err != nil {
			return err
		}
		rows = map[string]map[string]string{}
		for i := range keys {
			rows[keys[i].ID] = record.KeyFacts(&keys[i])
		}
		if found["keys"], err = scopeDiffers(r, record.ScopeKeys, "key", rows); err != nil {
			return err
		}
		administrators, err := r.Administrators()
		if err != nil {
			return err
		}
		rows = map[string]map[string]string{}
		for i := range administrators {
			rows[administrators[i].Name] = signin.Facts(&administrators[i])
		}
		if found["administrators"], err = scopeDiffers(r, signin.ScopeAdministrators, "administrator", rows); err != nil {
			return err
		}
		stray, err := r.AdministratorDamage()
		if err != nil {
			return err
		}
		found["administrators"] = append(found["administrators"], stray...)
		more, err := r.LogDamage(billing.ScopeCatalog)
		found["catalog"] = more
		return err
	})
	if err != nil {
		return err
	}
	for _, of := range slices.Sorted(maps.Keys(found)) {
		for _, message := range found[of] {
			o.Report(service.Drift{Of: of, Message: message})
		}
	}
	return nil
}

// scopeDiffers says how rows differ from what the log of a scope makes of them, and what of
// its changes is not in order.
func scopeDiffers(r Reader, scope billing.Scope, kind string, rows map[string]map[string]string) ([]string, error) {
	found, err := r.LogDamage(scope)
	if err != nil {
		return nil, err
	}
	p := replayed{kind: kind, rows: map[string]map[string]string{}}
	baseline, err := r.Adopted(scope)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return nil, err
	}
	begins := int64(0)
	if err == nil {
		if begins, err = strconv.ParseInt(baseline.After["rev"], 10, 64); err != nil {
			return append(found, fmt.Sprintf("the entry that %s were taken over with has no revision", scope)), nil
		}
	}
	if begins == 0 && baseline.After != nil {
		found = append(found, p.adopt(baseline.After)...)
	}
	const page = 500
	last := int64(0)
	for more := true; more; {
		changes, err := r.Changes(scope, last, page)
		if err != nil {
			return nil, err
		}
		for i := range changes {
			last = changes[i].Rev
			p.lacks = p.lacks || changes[i].After["created_on"] == ""
			if changes[i].Kind == billing.ClockRepaired {
				p.repair(changes[i].After)
			} else {
				p.add(changes[i].After)
			}
			if last == begins {
				found = append(found, p.adopt(baseline.After)...)
			}
		}
		more = len(changes) == page
	}
	rev, err := r.Revision(scope)
	if err != nil {
		return nil, err
	}
	if rev != last {
		found = append(found, fmt.Sprintf("%s are at revision %d, the last change of them is %d", scope, rev, last))
	}
	return append(found, p.differ(rows)...), nil
}

// replayed are rows as the log has them. What programs of the version before wrote last is
// not there; partial says that there was some.
type replayed struct {
	kind    string
	rows    map[string]map[string]string
	partial bool
	lacks   bool // some change has not every field, so that rows are taken over
}

// adopt goes over to rows that were taken over, ID/FIELD, and says where they are not what
// the log before them says. They have no hash, so that nothing else tells one that was made by
// hand; where the log lacks nothing, nobody takes over any.
func (p *replayed) adopt(facts map[string]string) (found []string) {
	rows := map[string]map[string]string{}
	for name, v := range facts {
		id, field, ok := strings.Cut(name, "/")
		if !ok {
			continue
		}
		if rows[id] == nil {
			rows[id] = map[string]string{}
		}
		rows[id][field] = v
	}
	if !p.lacks {
		found = append(found, fmt.Sprintf("there is an entry that each %s was taken over with, and the log before it lacks none", p.kind))
	}
	for _, id := range slices.Sorted(maps.Keys(p.rows)) {
		if !maps.Equal(p.rows[id], rows[id]) {
			found = append(found, fmt.Sprintf("%s %s was taken over otherwise than its last change before says", p.kind, id))
		}
	}
	p.rows, p.partial = rows, false
	return found
}

// add takes in the next change.
func (p *replayed) add(after map[string]string) {
	row := map[string]string{}
	for name, v := range after {
		if id, ok := strings.CutPrefix(name, record.RetiredKey); ok {
			if p.rows[id] != nil {
				p.rows[id]["retired_on"] = v
			}
		} else if id, ok := strings.CutPrefix(name, record.DeletedKey); ok {
			delete(p.rows, id)
		} else {
			row[name] = v
		}
	}
	id := row[p.kind]
	switch {
	case row["created_on"] != "":
		p.rows[id] = row
	case p.kind == "key": // which may have retired others, and does not say so
		p.partial = true
		clear(p.rows)
	default:
		p.partial = true
		delete(p.rows, id)
	}
}

// repair takes in what a repair of the clock made of fields, each named TABLE ID FIELD.
func (p *replayed) repair(after map[string]string) {
	for name, v := range after {
		if of := strings.Fields(name); len(of) == 3 && p.rows[of[1]] != nil {
			p.rows[of[1]][of[2]] = v
		}
	}
}

func (p *replayed) differ(rows map[string]map[string]string) (found []string) {
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		switch logged := p.rows[id]; {
		case logged == nil && !p.partial:
			found = append(found, fmt.Sprintf("the log does not have %s %s", p.kind, id))
		case logged != nil && !maps.Equal(logged, rows[id]):
			var fields []string
			for name := range rows[id] {
				if rows[id][name] != logged[name] {
					fields = append(fields, name)
				}
			}
			for name := range logged {
				if _, there := rows[id][name]; !there {
					fields = append(fields, name)
				}
			}
			slices.Sort(fields)
			found = append(found, fmt.Sprintf("%s %s is not what its last change says: %s", p.kind, id, strings.Join(fields, ", ")))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.rows)) {
		if rows[id] == nil {
			found = append(found, fmt.Sprintf("%s %s is in the log and not there", p.kind, id))
		}
	}
	return found
}
