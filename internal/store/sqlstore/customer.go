package sqlstore

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

const (
	customerColumns = `customer_id, type, org_code, user_id, external_id, name, email, status, anchor_on, metadata,
		created_on, changed_on, deleted_on, rev, last_agreement_ms, anchor_given, zones, digest_key`

	selectCustomer = `select ` + customerColumns + ` from customers where customer_id = $1`

	// An update is the one way to lock a row that every backend has.
	lockCustomer = `update customers set rev = rev where customer_id = $1 returning ` + customerColumns

	insertCustomer = `insert into customers
		(customer_id, type, org_code, user_id, name, email, status, anchor_on, metadata,
		created_on, deleted_on, rev, last_agreement_ms, search, external_id, anchor_given, zones, digest_key)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13, $14, $15, $16, $17)
		on conflict (customer_id) do nothing`

	updateCustomer = `update customers
		set type = $2, org_code = $3, user_id = $4, name = $5, email = $6, status = $7, anchor_on = $8,
		metadata = $9, created_on = $10, deleted_on = $11, last_agreement_ms = $12, search = $13,
		external_id = $14, anchor_given = $15, zones = $16, digest_key = $17
		where customer_id = $1`

	selectCustomerByCodes = `select customer_id from customer_codes where org_code = $1 and user_id = $2`

	insertCustomerCodes = `insert into customer_codes (org_code, user_id, customer_id)
		values ($1, $2, $3) on conflict (org_code, user_id) do nothing`

	deleteCustomerCodes = `delete from customer_codes
		where org_code = $1 and user_id = $2 and customer_id = $3`

	selectCustomerByExternalID = `select customer_id from customer_external_ids where external_id = $1`

	insertExternalID = `insert into customer_external_ids (external_id, customer_id)
		values ($1, $2) on conflict (external_id) do nothing`

	deleteExternalID = `delete from customer_external_ids where external_id = $1 and customer_id = $2`

	selectCustomerIDs = `select customer_id from customers where customer_id > $1 order by customer_id limit $2`

	selectUsers = `select ` + customerColumns + ` from customers where customer_id in (
		select coalesce(min(case when org_code = '' then customer_id end), min(customer_id))
		from customer_codes where user_id > $1 group by user_id order by user_id limit $2)
		order by user_id`

	selectCustomers = `select ` + customerColumns + ` from customers where deleted_on is null`
)

func scanCustomer(r row) (c billing.Customer, err error) {
	err = r.Scan(customerColumn(&c.ID), &c.Type, &c.OrgCode, &c.UserID, &c.ExternalID, &c.Name, &c.Email, &c.Status,
		(*optional)(&c.AnchorOn), (*facts)(&c.Metadata), (*instant)(&c.CreatedOn),
		(*optional)(&c.ChangedOn), (*optional)(&c.DeletedOn), &c.Rev, &c.LastAgreementMS,
		&c.AnchorGiven, (*zones)(&c.Zones), &c.DigestKey)
	return c, err
}

// customerArgs are the arguments of insertCustomer and updateCustomer.
func customerArgs(c *billing.Customer) []any {
	return []any{c.ID.String(), c.Type, c.OrgCode, c.UserID, c.Name, c.Email, c.Status,
		optional(c.AnchorOn), facts(c.Metadata), instant(c.CreatedOn), optional(c.DeletedOn),
		c.LastAgreementMS, searchText(c), c.ExternalID, integer(c.AnchorGiven), zones(c.Zones), c.DigestKey}
}

// searchText is what [service.CustomerFilter.Query] is looked for in. Case is
// folded here and not by the database, as backends know different alphabets.
// The separator keeps a match from running over into the next field.
func searchText(c *billing.Customer) string {
	fields := []string{c.ID.String(), c.OrgCode, c.UserID, c.Name, c.Email, c.ExternalID}
	return strings.ToLower(strings.Join(fields, "\x1f"))
}

// Customer is as service.CustomerReader says.
func (r *Reader) Customer(id billing.CustomerID) (billing.Customer, error) {
	return one(r.conn, scanCustomer, selectCustomer, id.String())
}

// CustomerByCodes is as service.CustomerReader says.
func (r *Reader) CustomerByCodes(orgCode, userID string) (billing.CustomerID, error) {
	return one(r.conn, scanCustomerID, selectCustomerByCodes, orgCode, userID)
}

// CustomerByExternalID is as service.CustomerReader says.
func (r *Reader) CustomerByExternalID(externalID string) (billing.CustomerID, error) {
	return one(r.conn, scanCustomerID, selectCustomerByExternalID, externalID)
}

func scanCustomerID(r row) (id billing.CustomerID, err error) {
	return id, r.Scan(customerColumn(&id))
}

// Customers is as service.CustomerReader says.
func (r *Reader) Customers(
	filter service.CustomerFilter, page service.Page[billing.CustomerID],
) ([]billing.Customer, bool, error) {
	// Folding the case would replace what is not UTF-8 in silence.
	if err := checkText(filter.Query); err != nil {
		return nil, false, err
	}
	if filter.PlanCode != "" && filter.OrgCode == "" && filter.UserID == "" && filter.ExternalID == "" {
		return r.customersOnPlan(filter, page)
	}
	query, args := customersQuery(filter, page)
	found, err := list(r.conn, scanCustomer, query, args...)
	if err != nil {
		return nil, false, err
	}
	found, more := cut(found, page)
	return found, more, nil
}

// customersQuery has only the conditions that are asked for, so that each uses
// the index it has.
func customersQuery(
	filter service.CustomerFilter, page service.Page[billing.CustomerID],
) (string, []any) {
	return customersWhere(filter, page, "")
}

// customersWhere is customersQuery with another condition, unless that is "".
func customersWhere(
	filter service.CustomerFilter, page service.Page[billing.CustomerID], condition string, values ...any,
) (string, []any) {
	var query strings.Builder
	var args []any
	query.WriteString(selectCustomers)
	where := func(condition string, values ...any) {
		query.WriteString(" and ")
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		query.WriteString(condition)
	}
	if condition != "" {
		where(condition, values...)
	}
	if filter.Query != "" {
		// That leaving it out makes a difference says that it is there, without
		// the escapes, limits and folding of case in which "like" differs.
		where(`replace(search, ?, '') <> search`, strings.ToLower(filter.Query))
	}
	switch {
	case filter.OrgCode != "" && filter.UserID != "":
		where(`customer_id in (select customer_id from customer_codes where org_code = ? and user_id = ?)`,
			filter.OrgCode, filter.UserID)
	case filter.OrgCode != "":
		where(`customer_id in (select customer_id from customer_codes where org_code = ?)`, filter.OrgCode)
	case filter.UserID != "":
		where(`customer_id in (select customer_id from customer_codes where user_id = ?)`, filter.UserID)
	}
	if filter.ExternalID != "" {
		where(`customer_id in (select customer_id from customer_external_ids where external_id = ?)`, filter.ExternalID)
	}
	if filter.PlanCode != "" {
		where(`exists (select 1 from agreements where agreements.customer_id = customers.customer_id
			and expires_on > ? and starts_on <= ? and plan_code = ?)`,
			instant(filter.At), instant(filter.At), filter.PlanCode)
	}
	order := " order by customer_id"
	switch {
	case page.After != nil:
		where(`customer_id > ?`, page.After.String())
	case page.Before != nil:
		where(`customer_id < ?`, page.Before.String())
		order += " desc"
	}
	args = append(args, limitOf(page))
	query.WriteString(order + " limit $" + strconv.Itoa(len(args)))
	return query.String(), args
}

// CustomerIDs is as service.CustomerReader says.
func (r *Reader) CustomerIDs(after billing.CustomerID, limit int) ([]billing.CustomerID, error) {
	return list(r.conn, scanCustomerID, selectCustomerIDs, after.String(), limit)
}

// Users is as service.CustomerReader says.
func (r *Reader) Users(after string, limit int) ([]billing.Customer, error) {
	return list(r.conn, scanCustomer, selectUsers, after, limit)
}

// LockCustomer is as service.CustomerTx says.
func (t *Tx) LockCustomer(id billing.CustomerID) (billing.Customer, error) {
	c, err := one(t.conn, scanCustomer, lockCustomer, id.String())
	if err == nil {
		t.locked[id] = true
	}
	return c, err
}

// CreateCustomer is as service.CustomerTx says.
func (t *Tx) CreateCustomer(c billing.Customer) error {
	if err := t.takeNames(&billing.Customer{}, &c); err != nil {
		return err
	}
	err := t.create(insertCustomer, customerArgs(&c)...)
	if errors.Is(err, billing.ErrExists) {
		if err := t.freeNames(&c, &billing.Customer{}); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	t.locked[c.ID], t.changed[c.ID] = true, time.Time{}
	return nil
}

// UpdateCustomer is as service.CustomerTx says.
func (t *Tx) UpdateCustomer(c billing.Customer) error {
	if err := t.requireLock(c.ID); err != nil {
		return err
	}
	old, err := t.Customer(c.ID)
	if err != nil {
		return err
	}
	if err := t.takeNames(&old, &c); err != nil {
		return err
	}
	if err := t.freeNames(&old, &c); err != nil {
		return err
	}
	// A deleted one may have its entry yet: see takeExternalID.
	if !old.DeletedOn.IsZero() && !c.DeletedOn.IsZero() && old.ExternalID != c.ExternalID {
		if _, err := t.exec(deleteExternalID, old.ExternalID, old.ID.String()); err != nil {
			return err
		}
	}
	return t.change(updateCustomer, customerArgs(&c)...)
}
