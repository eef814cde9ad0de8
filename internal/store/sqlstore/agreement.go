package sqlstore

import (
	"cmp"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

const (
	agreementColumns = `customer_id, agreement_id, plan_code, version, kind, quantity, annual, created_on,
		starts_on, expires_on, own_end, trial_ends_on, trial_scope, carried, anchor_on, term_from, trial_then, origin,
		at_period_end, external_id, metadata`

	// Not ordered, or the planner walks the customer's whole history in order
	// rather than the index of those that have not ended.
	selectAgreements = `select ` + agreementColumns + ` from agreements
		where customer_id = $1 and expires_on > $2`

	selectImported = `select ` + agreementColumns + ` from agreements
		where customer_id = $1 and origin = 'import' and created_on > $2 and expires_on > $2
		order by created_on, agreement_id`

	agreementHistory       = `select ` + agreementColumns + ` from agreements where customer_id = $1 and starts_on <= $2`
	agreementHistoryAfter  = agreementHistory + ` and agreement_id > $3 order by agreement_id limit $4`
	agreementHistoryBefore = agreementHistory + ` and agreement_id < $3 order by agreement_id desc limit $4`

	// A life that ends as it begins has no instant.
	overlapping = `select ` + agreementColumns + ` from agreements
		where customer_id = $1 and expires_on > $2 and starts_on < $3 and starts_on < expires_on`
	overlappingPlans  = overlapping + ` and kind = 'plan' order by starts_on, agreement_id limit $4`
	overlappingAddOns = overlapping + ` and kind = 'add_on' and plan_code = $5
		order by starts_on, agreement_id limit $4`

	selectAgreement = `select ` + agreementColumns + ` from agreements
		where customer_id = $1 and agreement_id = $2`

	selectAgreementCustomer = `select customer_id from agreement_ids where stem = $1 and agreement_id = $2`

	// The second condition tells that the partial index will do.
	selectTrial = `select 1 from agreements
		where customer_id = $1 and trial_scope = $2 and trial_scope <> '' limit 1`

	selectCustomersOn = `select distinct customer_id from agreements
		where customer_id > $1 and plan_code = $2 and expires_on > $4
		and (starts_on <= $4 and version <> $3 or starts_on > $4 and version < $3)
		order by customer_id limit $5`

	selectHolders = `select customer_id, version from agreements
		where customer_id > $1 and plan_code = $2 and starts_on <= $3 and expires_on > $3
		order by customer_id limit $4`

	// Plans whose end is set, with nothing that begins there. Those are few among all
	// agreements of a plan or of customers, which the empty text keeps a planner from
	// going through.
	selectEnding = `select distinct customer_id from agreements
		where customer_id || '' > $1 and kind = 'plan' and plan_code <> $3
		and expires_on > $4 and expires_on < 9223372036854775807
		and plan_code || '' in (select code from plans where plan_group = $2)
		and not exists (select 1 from agreements after where after.customer_id = agreements.customer_id
			and after.kind = 'plan' and after.starts_on = agreements.expires_on and after.starts_on < after.expires_on)
		order by customer_id limit $5`

	insertAgreementID = `insert into agreement_ids (stem, agreement_id, customer_id)
		values ($1, $2, $3) on conflict (stem) do nothing`

	insertAgreement = `insert into agreements (` + agreementColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
		$15, $16, $17, $18, $19, $20, $21)`

	insertAgreementExternalID = `insert into agreement_external_ids (external_id, customer_id, agreement_id)
		values ($1, $2, $3) on conflict (external_id) do nothing`

	selectAgreementByExternalID = `select agreement_id from agreement_external_ids where external_id = $1`

	deleteAgreementExternalID = `delete from agreement_external_ids where external_id = $1 and customer_id = $2`

	updateAgreement = `update agreements
		set expires_on = $3, own_end = $4, trial_ends_on = $5, trial_scope = $6, carried = $7,
		starts_on = $8, anchor_on = $9, term_from = $10, trial_then = $11, external_id = $12, metadata = $13
		where customer_id = $1 and agreement_id = $2`

	deleteAgreement = `delete from agreements where customer_id = $1 and agreement_id = $2`
)

func scanAgreement(r row) (a billing.Agreement, err error) {
	err = r.Scan(customerColumn(&a.CustomerID), agreementColumn(&a.ID), &a.Plan, &a.Version, &a.Kind,
		&a.Quantity, &a.Annual, (*instant)(&a.CreatedOn), (*instant)(&a.StartsOn), (*end)(&a.ExpiresOn),
		(*optional)(&a.OwnEnd), (*optional)(&a.TrialEndsOn), &a.TrialScope, (*carries)(&a.Carried),
		(*optional)(&a.AnchorOn), (*optional)(&a.TermFrom), &a.TrialThen, &a.Origin, &a.AtPeriodEnd, &a.ExternalID,
		(*facts)(&a.Metadata))
	return a, err
}

// Agreements is as service.AgreementReader says.
func (r *Reader) Agreements(customer billing.CustomerID, at time.Time) ([]billing.Agreement, error) {
	found, err := list(r.conn, scanAgreement, selectAgreements, customer.String(), instant(at))
	slices.SortFunc(found, func(a, b billing.Agreement) int { return billing.CompareIDs(a.ID, b.ID) })
	return found, err
}

// Imported is as service.AgreementReader says.
func (r *Reader) Imported(customer billing.CustomerID, at time.Time) ([]billing.Agreement, error) {
	return list(r.conn, scanAgreement, selectImported, customer.String(), instant(at))
}

// AgreementHistory is as service.AgreementReader says.
func (r *Reader) AgreementHistory(
	customer billing.CustomerID, at time.Time, page service.Page[billing.AgreementID],
) ([]billing.Agreement, bool, error) {
	query, from := agreementHistoryAfter, ""
	switch {
	case page.After != nil:
		from = page.After.String()
	case page.Before != nil:
		query, from = agreementHistoryBefore, page.Before.String()
	}
	found, err := list(r.conn, scanAgreement, query, customer.String(), instant(at), from, limitOf(page))
	if err != nil {
		return nil, false, err
	}
	found, more := cut(found, page)
	return found, more, nil
}

// Overlapping is as service.AgreementReader says.
func (r *Reader) Overlapping(
	customer billing.CustomerID, addOn billing.Code, from, to time.Time, limit int,
) ([]billing.Agreement, error) {
	if !to.IsZero() && !from.Before(to) {
		return nil, nil
	}
	query, args := overlappingPlans, []any{customer.String(), instant(from), end(to), limit}
	if addOn != "" {
		query, args = overlappingAddOns, append(args, addOn)
	}
	return list(r.conn, scanAgreement, query, args...)
}

// Agreement is as service.AgreementReader says.
func (r *Reader) Agreement(customer billing.CustomerID, id billing.AgreementID) (billing.Agreement, error) {
	return one(r.conn, scanAgreement, selectAgreement, customer.String(), id.String())
}

// AgreementCustomer is as service.AgreementReader says.
func (r *Reader) AgreementCustomer(id billing.AgreementID) (billing.CustomerID, error) {
	return one(r.conn, scanCustomerID, selectAgreementCustomer, stemText(id), id.String())
}

// AgreementByExternalID is as service.AgreementReader says.
func (r *Reader) AgreementByExternalID(externalID string) (id billing.AgreementID, err error) {
	return one(r.conn, func(r row) (id billing.AgreementID, err error) {
		return id, r.Scan(agreementColumn(&id))
	}, selectAgreementByExternalID, externalID)
}

// HadTrial is as service.AgreementReader says.
func (r *Reader) HadTrial(customer billing.CustomerID, scope string) (bool, error) {
	_, err := one(r.conn, value[int64], selectTrial, customer.String(), scope)
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// CustomersOn is as service.CustomerReader says.
func (r *Reader) CustomersOn(
	plan billing.Code, otherThan int, at time.Time, after billing.CustomerID, limit int,
) ([]billing.CustomerID, error) {
	return list(r.conn, scanCustomerID, selectCustomersOn, after.String(), plan, otherThan, instant(at), limit)
}

// Holders is as service.CustomerReader says.
func (r *Reader) Holders(plan billing.Code, at time.Time, limit int) ([]service.Holder, error) {
	return list(r.conn, scanHolder, selectHolders, "", plan, instant(at), limit)
}

func scanHolder(r row) (h service.Holder, err error) {
	return h, r.Scan(customerColumn(&h.Customer), &h.Version)
}

// Ending is as service.CustomerReader says.
func (r *Reader) Ending(group, but billing.Code, at time.Time, after billing.CustomerID, limit int) ([]billing.CustomerID, error) {
	return list(r.conn, scanCustomerID, selectEnding, after.String(), group, but, instant(at), limit)
}

// agreementArgs are the arguments of insertAgreement.
func agreementArgs(a *billing.Agreement) []any {
	return []any{a.CustomerID.String(), a.ID.String(), a.Plan, a.Version, a.Kind,
		a.Quantity, integer(a.Annual), instant(a.CreatedOn), instant(a.StartsOn), end(a.ExpiresOn),
		optional(a.OwnEnd), optional(a.TrialEndsOn), a.TrialScope, carries(a.Carried),
		optional(a.AnchorOn), optional(a.TermFrom), a.TrialThen, a.Origin, integer(a.AtPeriodEnd), a.ExternalID, facts(a.Metadata)}
}

// CreateAgreement is as service.AgreementTx says.
func (t *Tx) CreateAgreement(a billing.Agreement) error {
	if err := t.requireLock(a.CustomerID); err != nil {
		return err
	}
	if err := t.create(insertAgreementID, stemText(a.ID), a.ID.String(), a.CustomerID.String()); err != nil {
		return err
	}
	if err := t.nameAgreement("", &a); err != nil {
		return err
	}
	_, err := t.exec(insertAgreement, agreementArgs(&a)...)
	return err
}

// UpdateAgreement is as service.AgreementTx says.
func (t *Tx) UpdateAgreement(a billing.Agreement) error {
	if err := t.requireLock(a.CustomerID); err != nil {
		return err
	}
	old, err := t.Agreement(a.CustomerID, a.ID)
	if err != nil {
		return err
	}
	if err := t.nameAgreement(old.ExternalID, &a); err != nil {
		return err
	}
	return t.change(updateAgreement, a.CustomerID.String(), a.ID.String(),
		end(a.ExpiresOn), optional(a.OwnEnd), optional(a.TrialEndsOn), a.TrialScope, carries(a.Carried),
		instant(a.StartsOn), optional(a.AnchorOn), optional(a.TermFrom), a.TrialThen, a.ExternalID, facts(a.Metadata))
}

// WithdrawAgreement is as service.AgreementTx says.
func (t *Tx) WithdrawAgreement(customer billing.CustomerID, id billing.AgreementID) error {
	if err := t.requireLock(customer); err != nil {
		return err
	}
	old, err := t.Agreement(customer, id)
	if err != nil {
		return err
	}
	if err := t.nameAgreement(old.ExternalID, &billing.Agreement{ID: id, CustomerID: customer}); err != nil {
		return err
	}
	return t.change(deleteAgreement, customer.String(), id.String())
}

// nameAgreement gives an agreement its external id in the directory, in place of
// the one it had. It returns ErrExists if another has it.
func (t *Tx) nameAgreement(old string, a *billing.Agreement) error {
	if old == a.ExternalID {
		return nil
	}
	if old != "" {
		if _, err := t.exec(deleteAgreementExternalID, old, a.CustomerID.String()); err != nil {
			return err
		}
	}
	if a.ExternalID == "" {
		return nil
	}
	taken := []any{a.ExternalID, a.CustomerID.String(), a.ID.String()}
	err := t.create(insertAgreementExternalID, taken...)
	if !errors.Is(err, billing.ErrExists) {
		return err
	}
	stale, err := t.staleName(a.ExternalID)
	if err != nil || !stale {
		return cmp.Or(err, billing.ErrExists)
	}
	return t.create(insertAgreementExternalID, taken...)
}

// staleName takes an external id away from an agreement that is gone, or whose customer
// is deleted, and reports whether it did. A node of a version that does not know of
// external ids leaves them in the directory.
func (t *Tx) staleName(external string) (bool, error) {
	id, err := t.AgreementByExternalID(external)
	if err != nil {
		return false, billing.ErrExists // it was there a moment ago
	}
	owner, err := t.AgreementCustomer(id)
	if err != nil {
		return false, err
	}
	holder, err := t.Agreement(owner, id)
	if err == nil && holder.ExternalID == external {
		of, err := t.Customer(owner)
		if err != nil || of.DeletedOn.IsZero() {
			return false, err
		}
	} else if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return false, err
	}
	_, err = t.exec(deleteAgreementExternalID, external, owner.String())
	return err == nil, err
}

func stemText(id billing.AgreementID) string {
	stem := id.Stem()
	return hex.EncodeToString(stem[:])
}

// carries are the limits an agreement carried over, as a JSON array. An empty
// one is read as nil.
type carries []billing.Carry

// carryDoc is a document of the schema, as termsDoc is. Until and OverOn
// are in microseconds.
type carryDoc struct {
	Feature billing.Code `json:"feature"`
	Max     *int64       `json:"max,omitempty"`
	OverOn  []int64      `json:"over_on,omitempty"`
	Until   *int64       `json:"until,omitempty"`
}

// Value implements [driver.Valuer].
func (cs carries) Value() (driver.Value, error) {
	docs := make([]carryDoc, len(cs))
	for i, c := range cs {
		// Marshal would replace what is not UTF-8 in silence.
		if err := checkText(string(c.Feature)); err != nil {
			return nil, err
		}
		docs[i] = carryDoc{Feature: c.Feature, Max: c.Max}
		for _, on := range c.OverOn {
			if _, err := micros(on); err != nil {
				return nil, err
			}
			docs[i].OverOn = append(docs[i].OverOn, on.UnixMicro())
		}
		if !c.Until.IsZero() {
			if _, err := micros(c.Until); err != nil {
				return nil, err
			}
			docs[i].Until = new(c.Until.UnixMicro())
		}
	}
	return marshal(docs)
}

// Scan implements [sql.Scanner].
func (cs *carries) Scan(v any) error {
	*cs = nil
	if v == "[]" {
		return nil
	}
	var docs []carryDoc
	if err := unmarshal(v, &docs); err != nil {
		return err
	}
	for _, d := range docs {
		c := billing.Carry{Feature: d.Feature, Max: d.Max}
		for _, on := range d.OverOn {
			c.OverOn = append(c.OverOn, time.UnixMicro(on).UTC())
		}
		if d.Until != nil {
			c.Until = time.UnixMicro(*d.Until).UTC()
		}
		*cs = append(*cs, c)
	}
	return nil
}
