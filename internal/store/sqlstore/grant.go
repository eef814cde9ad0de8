package sqlstore

import (
	"slices"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

const (
	grantColumns = `customer_id, grant_id, feature_code, amount, effective_on, expires_on, priority, kind, only_codes, cost_basis,
		note, pack, line, external_id, asked, actor, created_on, ended_on, clawed_back_on, voided_as, set_aside_on`

	// Not ordered, or the planner may walk all that a customer ever had.
	selectGrants = `select ` + grantColumns + ` from grants where customer_id = $1 and set_aside_on > $2`

	selectGrant = `select ` + grantColumns + ` from grants where customer_id = $1 and grant_id = $2`

	// The last condition tells that the partial index will do.
	selectGrantsByExternalID = `select ` + grantColumns + ` from grants
		where customer_id = $1 and external_id = $2 and external_id <> '' order by line`

	grantsOf     = `select ` + grantColumns + ` from grants where customer_id = $1`
	grantsAfter  = grantsOf + ` and grant_id > $2 order by grant_id limit $3`
	grantsBefore = grantsOf + ` and grant_id < $2 order by grant_id desc limit $3`

	insertGrant = `insert into grants (` + grantColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
		on conflict (customer_id, grant_id) do nothing`

	updateGrant = `update grants set ended_on = $3, clawed_back_on = $4, voided_as = $5, set_aside_on = $6
		where customer_id = $1 and grant_id = $2`
)

func scanGrant(r row) (g billing.Grant, err error) {
	var cost string
	var only words
	err = r.Scan(customerColumn(&g.CustomerID), grantColumn(&g.ID), &g.Feature, &g.Amount, (*instant)(&g.EffectiveOn), (*end)(&g.ExpiresOn),
		&g.Priority, &g.Kind, &only, &cost, &g.Note, &g.Pack, &g.Line, &g.ExternalID, &g.Asked, &g.By, (*instant)(&g.CreatedOn),
		(*optional)(&g.EndedOn), (*optional)(&g.ClawedBackOn), &g.VoidedAs, (*end)(&g.SetAsideOn))
	if err == nil {
		g.Only = onlyOf(only)
		g.CostBasis, err = parsePrice(cost)
	}
	return g, err
}

// parsePrice reads a decimal number; nil for "".
func parsePrice(text string) (*decimal.Decimal, error) {
	if text == "" {
		return nil, nil
	}
	d, err := decimal.Parse(text)
	return &d, err
}

func priceText(d *decimal.Decimal) string {
	if d == nil {
		return ""
	}
	return d.String()
}

func onlyOf(texts words) (codes []billing.Code) {
	for _, text := range texts {
		codes = append(codes, billing.Code(text))
	}
	return codes
}

func wordsOf(codes []billing.Code) (texts words) {
	for _, code := range codes {
		texts = append(texts, string(code))
	}
	return texts
}

// Grants is as service.GrantReader says.
func (r *Reader) Grants(customer billing.CustomerID, at time.Time) ([]billing.Grant, error) {
	found, err := list(r.conn, scanGrant, selectGrants, customer.String(), instant(at))
	slices.SortFunc(found, func(a, b billing.Grant) int { return billing.CompareGrantIDs(a.ID, b.ID) })
	return found, err
}

// Grant is as service.GrantReader says.
func (r *Reader) Grant(id billing.GrantID) (billing.Grant, error) {
	return one(r.conn, scanGrant, selectGrant, id.Customer().String(), id.String())
}

// GrantsByExternalID is as service.GrantReader says.
func (r *Reader) GrantsByExternalID(customer billing.CustomerID, externalID string) ([]billing.Grant, error) {
	return list(r.conn, scanGrant, selectGrantsByExternalID, customer.String(), externalID)
}

// GrantHistory is as service.GrantReader says.
func (r *Reader) GrantHistory(customer billing.CustomerID, page service.Page[billing.GrantID]) ([]billing.Grant, bool, error) {
	query, from := grantsAfter, ""
	switch {
	case page.After != nil:
		from = page.After.String()
	case page.Before != nil:
		query, from = grantsBefore, page.Before.String()
	}
	found, err := list(r.conn, scanGrant, query, customer.String(), from, limitOf(page))
	if err != nil {
		return nil, false, err
	}
	found, more := cut(found, page)
	return found, more, nil
}

// CreateGrant is as service.GrantTx says.
func (t *Tx) CreateGrant(g billing.Grant) error {
	if err := t.requireLock(g.CustomerID); err != nil {
		return err
	}
	if g.ExternalID != "" {
		same, err := t.GrantsByExternalID(g.CustomerID, g.ExternalID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(same, func(other billing.Grant) bool { return other.Line == g.Line }) {
			return billing.ErrExists
		}
	}
	return t.create(insertGrant, g.CustomerID.String(), g.ID.String(), g.Feature, g.Amount, instant(g.EffectiveOn), end(g.ExpiresOn),
		g.Priority, g.Kind, wordsOf(g.Only), priceText(g.CostBasis), g.Note, g.Pack, g.Line, g.ExternalID, g.Asked, g.By, instant(g.CreatedOn),
		optional(g.EndedOn), optional(g.ClawedBackOn), g.VoidedAs, end(g.SetAsideOn))
}

// UpdateGrant is as service.GrantTx says.
func (t *Tx) UpdateGrant(g billing.Grant) error {
	if err := t.requireLock(g.CustomerID); err != nil {
		return err
	}
	return t.change(updateGrant, g.CustomerID.String(), g.ID.String(), optional(g.EndedOn), optional(g.ClawedBackOn), g.VoidedAs, end(g.SetAsideOn))
}
