package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// selectFacts reads a customer, its agreements, its overrides and its grants in one
// statement, which is one state of the store under any isolation. The parts
// share columns: the kind of row, eleven texts and eleven integers. A document that
// says nothing is read as "": most say nothing, and a text costs more than none.
const selectFacts = `select 0, type, org_code, user_id, name, email, status, ` + metadataOrNone + `, external_id, ` + zonesOrNone + `, digest_key, '',
		anchor_on, created_on, changed_on, deleted_on, rev, last_agreement_ms, anchor_given, 0, 0, 0, 0
		from customers where customer_id = $1
	union all
	select 1, agreement_id, plan_code, kind, trial_scope, ` + carriedOrNone + `, trial_then, origin, external_id, ` + metadataOrNone + `, '', '',
		version, quantity, annual, created_on, starts_on, expires_on, own_end, trial_ends_on, anchor_on, term_from, at_period_end
		from agreements where customer_id = $1 and expires_on > $2
	union all
	select 2, override_id, feature_code, note, actor, override_value, '', '', '', '', '', '',
		has_max, limit_max, limit_add, deny, starts_on, expires_on, at_least, 0, 0, 0, 0
		from overrides where customer_id = $1 and expires_on > $2
	union all
	select 3, grant_id, feature_code, note, actor, kind, ` + onlyOrNone + `, cost_basis, external_id, pack, asked, voided_as,
		amount, effective_on, expires_on, priority, line, created_on, ended_on, clawed_back_on, set_aside_on, 0, 0
		from grants where customer_id = $1 and set_aside_on > $2`

const (
	metadataOrNone = `case metadata when '{}' then '' else metadata end`
	zonesOrNone    = `case zones when '[]' then '' else zones end`
	carriedOrNone  = `case carried when '[]' then '' else carried end`
	onlyOrNone     = `case only_codes when '[]' then '' else only_codes end`
)

// factRow is a row of selectFacts.
type factRow struct {
	kind    int64
	text    [11]string
	integer [11]sql.NullInt64
}

func (f *factRow) scan(r row) error {
	t, n := &f.text, &f.integer
	return r.Scan(&f.kind, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7], &t[8], &t[9], &t[10],
		&n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9], &n[10])
}

// instant is an integer that is a time; one that is absent is zero.
func (f *factRow) instant(i int) time.Time {
	if !f.integer[i].Valid {
		return time.Time{}
	}
	return time.UnixMicro(f.integer[i].Int64).UTC()
}

// end is an integer that is the end of a life.
func (f *factRow) end(i int) time.Time {
	if f.integer[i].Int64 == noEnd {
		return time.Time{}
	}
	return f.instant(i)
}

func (f *factRow) customer(id billing.CustomerID) (billing.Customer, error) {
	t := &f.text
	c := billing.Customer{
		ID: id, Type: billing.CustomerType(t[0]), OrgCode: t[1], UserID: t[2], ExternalID: t[7], Name: t[3], Email: t[4],
		Status:   billing.CustomerStatus(t[5]),
		AnchorOn: f.instant(0), CreatedOn: f.instant(1), ChangedOn: f.instant(2), DeletedOn: f.instant(3),
		DigestKey: t[9],
		Rev:       f.integer[4].Int64, LastAgreementMS: f.integer[5].Int64, AnchorGiven: f.integer[6].Int64 != 0,
	}
	var err error
	if c.Zones, err = document[zones](t[8]); err != nil {
		return c, err
	}
	c.Metadata, err = document[facts](t[6])
	return c, err
}

// document is what a text of selectFacts says; nothing if it is "".
func document[T any, P interface {
	*T
	sql.Scanner
}](text string) (T, error) {
	if text == "" {
		var none T
		return none, nil
	}
	v := new(T)
	err := P(v).Scan(text)
	return *v, err
}

func (f *factRow) agreement(customer billing.CustomerID) (billing.Agreement, error) {
	t, n := &f.text, &f.integer
	a := billing.Agreement{
		CustomerID: customer, Plan: billing.Code(t[1]), Kind: billing.PlanKind(t[2]), TrialScope: t[3],
		Version: int(n[0].Int64), Quantity: n[1].Int64, Annual: n[2].Int64 != 0,
		CreatedOn: f.instant(3), StartsOn: f.instant(4), ExpiresOn: f.end(5), OwnEnd: f.instant(6), TrialEndsOn: f.instant(7),
		AnchorOn: f.instant(8), TermFrom: f.instant(9), AtPeriodEnd: n[10].Int64 != 0,
		TrialThen: billing.TrialEnd(t[5]), Origin: billing.Origin(t[6]), ExternalID: t[7],
	}
	var err error
	if a.ID, err = billing.ParseID[billing.AgreementID](t[0]); err != nil {
		return a, err
	}
	if a.Metadata, err = document[facts](t[8]); err != nil {
		return a, err
	}
	a.Carried, err = document[carries](t[4])
	return a, err
}

func (f *factRow) override(customer billing.CustomerID) (billing.Override, error) {
	t, n := &f.text, &f.integer
	o := billing.Override{
		CustomerID: customer, Feature: billing.Code(t[1]), Note: t[2], By: billing.Actor(t[3]),
		HasMax: n[0].Int64 != 0, Add: n[2].Int64, Deny: n[3].Int64 != 0,
		StartsOn: f.instant(4), ExpiresOn: f.end(5),
	}
	if n[1].Valid {
		o.Max = new(n[1].Int64)
	}
	if n[6].Valid {
		o.AtLeast = new(n[6].Int64)
	}
	var err error
	if o.Value, err = billing.DecodeValue(t[4]); err != nil {
		return o, err
	}
	o.ID, err = billing.ParseID[billing.OverrideID](t[0])
	return o, err
}

func (f *factRow) grant(customer billing.CustomerID) (billing.Grant, error) {
	t, n := &f.text, &f.integer
	g := billing.Grant{
		CustomerID: customer, Feature: billing.Code(t[1]), Note: t[2], By: billing.Actor(t[3]), Kind: billing.GrantKind(t[4]),
		ExternalID: t[7], Pack: billing.Code(t[8]), Asked: t[9], VoidedAs: t[10],
		Amount: billing.Units(n[0].Int64), EffectiveOn: f.instant(1), ExpiresOn: f.end(2), Priority: int(n[3].Int64), Line: int(n[4].Int64),
		CreatedOn: f.instant(5), EndedOn: f.instant(6), ClawedBackOn: f.instant(7), SetAsideOn: f.end(8),
	}
	var err error
	if g.ID, err = billing.ParseGrantID(t[0]); err != nil {
		return g, err
	}
	if g.CostBasis, err = parsePrice(t[6]); err != nil {
		return g, err
	}
	only, err := document[words](t[5])
	g.Only = onlyOf(only)
	return g, err
}

// Facts implements [Reader].
func (r *Reader) Facts(id billing.CustomerID, at time.Time) (billing.Facts, error) {
	rows, err := list(r.conn, scanFactRow, selectFacts, id.String(), instant(at))
	if err != nil {
		return billing.Facts{}, err
	}
	return gather(id, rows)
}

// facts reads a customer's facts. It is one statement, so it needs no transaction.
func (s *Store) facts(ctx context.Context, id billing.CustomerID, at time.Time) (billing.Facts, error) {
	var rows []factRow
	err := s.retry(ctx, func() (err error) {
		rows, err = list(s.reader.single(ctx), scanFactRow, selectFacts, id.String(), instant(at))
		return err
	})
	if err != nil {
		return billing.Facts{}, err
	}
	return gather(id, rows)
}

func scanFactRow(r row) (f factRow, err error) { return f, f.scan(r) }

// gather makes a customer's facts of their rows.
func gather(id billing.CustomerID, rows []factRow) (billing.Facts, error) {
	var out billing.Facts
	found := false
	for i := range rows {
		f := &rows[i]
		var err error
		switch f.kind {
		case 0:
			found = true
			out.Customer, err = f.customer(id)
		case 1:
			var a billing.Agreement
			a, err = f.agreement(id)
			out.Agreements = append(out.Agreements, a)
		case 2:
			var o billing.Override
			o, err = f.override(id)
			out.Overrides = append(out.Overrides, o)
		case 3:
			var g billing.Grant
			g, err = f.grant(id)
			out.Grants = append(out.Grants, g)
		}
		if err != nil {
			return billing.Facts{}, fmt.Errorf("facts of %v: %w", id, err)
		}
	}
	if !found {
		return billing.Facts{}, billing.ErrNotFound
	}
	slices.SortFunc(out.Agreements, func(a, b billing.Agreement) int { return billing.CompareIDs(a.ID, b.ID) })
	slices.SortFunc(out.Grants, func(a, b billing.Grant) int { return billing.CompareGrantIDs(a.ID, b.ID) })
	slices.SortFunc(out.Overrides, func(a, b billing.Override) int {
		return cmp.Or(a.StartsOn.Compare(b.StartsOn), billing.CompareIDs(a.ID, b.ID))
	})
	return out, nil
}
