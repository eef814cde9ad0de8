package sqlstore

import (
	"fmt"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

const (
	selectThere = `select customer_id, rev from customers where customer_id = $1`

	selectNamed = `select customer_id, org_code, user_id, external_id, deleted_on from customers where customer_id = $1`

	selectAgreementNamed = `select customer_id, agreement_id, external_id from agreements
		where customer_id = $1 and agreement_id = $2`

	// What of these refers to what is not there. None is of one customer alone, and all
	// are where the feed is, or everywhere.
	selectStrayDeliveries = `select 'delivery ' || seq || ' of ' || webhook_id || ' is of a place that the feed does not have' from deliveries
		where not exists (select 1 from feed as f where f.seq = deliveries.seq) order by webhook_id, seq limit $1`

	selectUnqueued = `select 'delivery ' || seq || ' of ' || webhook_id || ' is pending and in no queue' from deliveries
		where status = 'pending' and not exists (select 1 from queues as q where q.webhook_id = deliveries.webhook_id and q.scope = deliveries.scope)
		order by webhook_id, seq limit $1`

	strayAdministrator = ` is of administrator ' || name || ', who is not there' from `
	nobodyNamed        = ` as s where not exists (select 1 from administrators as a where a.name = s.name) order by name limit $1`

	selectStrayLinks      = `select 'a link` + strayAdministrator + `administrator_links` + nobodyNamed
	selectStraySessions   = `select 'a session` + strayAdministrator + `administrator_sessions` + nobodyNamed
	selectStrayIdentities = `select 'an identity` + strayAdministrator + `administrator_identities` + nobodyNamed

	selectOtherDeliveries = `select 'delivery ' || seq || ' of ' || webhook_id || ' is of another scope than its place of the feed' from deliveries
		where exists (select 1 from feed as f where f.seq = deliveries.seq and f.scope <> deliveries.scope) order by webhook_id, seq limit $1`

	selectLostDeliveries = `select 'delivery ' || seq || ' is of ' || webhook_id || ', which is not there' from deliveries
		where not exists (select 1 from webhooks as w where w.webhook_id = deliveries.webhook_id) order by webhook_id, seq limit $1`

	selectStrayQueues = `select 'a queue of ' || webhook_id || ' has nothing that is pending' from queues
		where not exists (select 1 from deliveries as d where d.webhook_id = queues.webhook_id and d.scope = queues.scope and d.status = 'pending')
		order by webhook_id, scope limit $1`

	selectBehindFeed = `select webhook_id || ' begins, or sends again, behind the end of the feed' from webhooks
		where not (begin_seq <= (select rev from revisions where name = 'feed') and replay_after <= (select rev from revisions where name = 'feed')
			and replay_until <= (select rev from revisions where name = 'feed')) order by webhook_id limit $1`

	selectStrayPlaces = `select name || ' is at place ' || place || ', which the feed does not have' from followers
		where place > (select rev from revisions where name = 'feed') order by name limit $1`
)

var (
	selectTheres          = manyLookups(selectThere)
	selectNameds          = manyLookups(selectNamed)
	selectAgreementNameds = manyLookups(selectAgreementNamed)
)

// CustomersThere is as verify.Reader says.
func (r *Reader) CustomersThere(scopes []billing.Scope) (map[billing.Scope]int64, error) {
	type there struct {
		scope billing.Scope
		rev   int64
	}
	scan := func(r row) (t there, err error) { return t, r.Scan(&t.scope, &t.rev) }
	rows, err := listRows(r.conn, scan, &selectTheres, len(scopes), func(into []any, i int) []any { return append(into, scopes[i]) })
	if err != nil {
		return nil, err
	}
	found := make(map[billing.Scope]int64, len(rows))
	for _, t := range rows {
		found[t.scope] = t.rev
	}
	return found, nil
}

// named is who has what is in a directory.
type named struct {
	customer, agreement string
	org, user, external string
	deleted             bool
}

func scanNamed(r row) (n named, err error) {
	var deleted *int64
	err = r.Scan(&n.customer, &n.org, &n.user, &n.external, &deleted)
	n.deleted = deleted != nil
	return n, err
}

func scanAgreementNamed(r row) (n named, err error) {
	return n, r.Scan(&n.customer, &n.agreement, &n.external)
}

// DirectoryDamage is as verify.Reader says.
func (r *Reader) DirectoryDamage(directory string, after []any) (found []string, upTo []any, entries int, err error) {
	t := tableOf(directory)
	if t == nil {
		return nil, nil, 0, fmt.Errorf("there is no directory %s", directory)
	}
	rows, err := t.Rows(r, after)
	if err != nil || len(rows) == 0 {
		return nil, nil, 0, err
	}
	found, err = r.directoryDamage(t, rows)
	if upTo = rows[len(rows)-1]; len(rows) < t.page {
		upTo = nil
	}
	return found, upTo, len(rows), err
}

// directoryDamage holds entries of a directory against whose they are.
func (r *Reader) directoryDamage(t *Table, rows []Row) (found []string, err error) {
	directory := t.Name
	column := func(row Row, name string) string { return row[t.column(name)].(string) }
	// Of agreements that were withdrawn the ids stay taken, so those are held against their
	// customers alone.
	byAgreement := directory == "agreement_external_ids"
	var of []named
	if byAgreement {
		of, err = listRows(r.conn, scanAgreementNamed, &selectAgreementNameds, len(rows), func(into []any, i int) []any {
			return append(into, column(rows[i], "customer_id"), column(rows[i], "agreement_id"))
		})
	} else {
		of, err = listRows(r.conn, scanNamed, &selectNameds, len(rows), func(into []any, i int) []any {
			return append(into, column(rows[i], "customer_id"))
		})
	}
	if err != nil {
		return nil, err
	}
	have := make(map[[2]string]named, len(of))
	for _, n := range of {
		have[[2]string{n.customer, n.agreement}] = n
	}
	for _, row := range rows {
		key := [2]string{column(row, "customer_id"), ""}
		if byAgreement {
			key[1] = column(row, "agreement_id")
		}
		n, there := have[key]
		says := ""
		switch {
		case !there && byAgreement:
			says = "is of agreement " + key[1] + ", which is not there"
		case !there:
			says = "is of " + key[0] + ", who is not there"
		case directory == "customer_codes" && (n.deleted || n.org != column(row, "org_code") || n.user != column(row, "user_id")),
			directory == "customer_external_ids" && n.external != column(row, "external_id"):
			says = "is of " + key[0] + ", who does not have it"
		case byAgreement && n.external != column(row, "external_id"):
			says = "is of agreement " + key[1] + ", which does not have it"
		case directory == "agreement_ids" && !strings.HasPrefix(strings.TrimPrefix(column(row, "agreement_id"), "agreement_"), column(row, "stem")):
			says = "is of " + column(row, "agreement_id") + ", which begins otherwise"
		}
		if says != "" {
			found = append(found, fmt.Sprintf("an entry of %s %s", directory, says))
		}
	}
	return found, nil
}

// WebhookDamage is as verify.Reader says.
func (r *Reader) WebhookDamage() (found []string, err error) {
	return r.damage(selectStrayDeliveries, selectOtherDeliveries, selectLostDeliveries, selectUnqueued, selectStrayQueues, selectStrayPlaces, selectBehindFeed)
}

// What ends by itself ends by then, of what is now.
const (
	selectEndlessLeases = `select 'the lease of ' || name || ' is held longer than one is' from leases
		where holder <> '' and held_until > $1 order by name limit $2`

	selectEndlessLinks = `select 'a link of ' || name || ' lasts longer than one can' from administrator_links
		where expires_on > $1 or expires_on > created_on + 86400000000 or created_on > expires_on order by name limit $2`

	selectEndlessSessions = `select 'a session of ' || name || ' lasts longer than one can' from administrator_sessions
		where ends_on > $1 or ends_on > created_on + 604800000000 or created_on > ends_on or seen_on > ends_on order by name limit $2`

	selectEndlessSecrets = `select 'the old secret of ' || webhook_id || ' signs for longer than one can' from webhooks
		where old_until > $1 order by webhook_id limit $2`

	selectEndlessQueues = `select 'a queue of ' || webhook_id || ' waits for longer than a pause is' from queues
		where next_on > $1 order by webhook_id, scope limit $2`
)

// EndlessDamage is as verify.Reader says.
func (r *Reader) EndlessDamage(now time.Time) (found []string, err error) {
	const hour, day = time.Hour, 24 * time.Hour
	for _, kind := range []struct {
		query string
		bound instant
	}{
		{selectEndlessLeases, instant(now.Add(hour))},
		{selectEndlessLinks, instant(now.Add(day + hour))},
		{selectEndlessSessions, instant(now.Add(7*day + hour))},
		{selectEndlessSecrets, instant(now.Add(7*day + hour))},
		{selectEndlessQueues, instant(now.Add(day + day/5 + hour))}, // the longest pause, spread
	} {
		some, err := list(r.conn, value[string], kind.query, kind.bound, mostDamage)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// AdministratorDamage is as verify.Reader says.
func (r *Reader) AdministratorDamage() ([]string, error) {
	return r.damage(selectStrayLinks, selectStraySessions, selectStrayIdentities)
}

// CustomerTables is as verify.Reader says. Changes and events are held against the feed, and
// directories against whose they are.
func (*Reader) CustomerTables() (names []string) {
	for _, t := range ofCustomer {
		if t.columns[0] == "customer_id" && t.Name != "customers" {
			names = append(names, t.Name)
		}
	}
	return names
}

// StrayDamage is as verify.Reader says.
func (r *Reader) StrayDamage(table string) (found []string, err error) {
	t := tableOf(table)
	if t == nil {
		return nil, fmt.Errorf("there is no table %s", table)
	}
	// An answer that is no customer's has another scope.
	return r.damage(fmt.Sprintf(`select distinct '%s has rows of ' || customer_id || ', who is not there' from %[1]s as t
		where not exists (select 1 from customers as c where c.customer_id = t.customer_id) and t.customer_id <> '%[2]s' limit $1`, t.Name, service.ScopeNone))
}

// damage is what some queries find, of each no more than can be read.
func (r *Reader) damage(queries ...string) (found []string, err error) {
	for _, query := range queries {
		some, err := list(r.conn, value[string], query, mostDamage)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}
