package sqlstore

import (
	"bytes"
	"fmt"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

const (
	eraseNotes = `update overrides set note = '' where customer_id = $1 and note <> ''`

	selectExternalIDsOf = `select external_id from agreements where customer_id = $1 and external_id <> ''`

	eraseAgreements = `update agreements set external_id = '', metadata = '{}'
		where customer_id = $1 and external_id || metadata <> '{}'`

	eraseGrants = `update grants set note = '', external_id = '', asked = '', voided_as = ''
		where customer_id = $1 and note || external_id || asked || voided_as <> ''`

	answersAfter = `select ` + answerColumns + ` from answers
		where customer_id = $1 and answer_key > $2 order by answer_key limit $3`

	redactAnswer = `update answers set body = $3, digest = $4 where customer_id = $1 and answer_key = $2`
)

// eraseBatch is how many answers are looked through at a time.
const eraseBatch = 500

// EraseCustomer is as service.CustomerTx says.
func (t *Tx) EraseCustomer(id billing.CustomerID) error {
	if err := t.requireLock(id); err != nil {
		return err
	}
	t.erased = true
	if _, err := t.exec(eraseNotes, id.String()); err != nil {
		return err
	}
	named, err := list(t.conn, value[string], selectExternalIDsOf, id.String())
	if err != nil {
		return err
	}
	for _, external := range named {
		if _, err := t.exec(deleteAgreementExternalID, external, id.String()); err != nil {
			return err
		}
	}
	if _, err := t.exec(eraseAgreements, id.String()); err != nil {
		return err
	}
	if _, err := t.exec(eraseGrants, id.String()); err != nil {
		return err
	}
	// Bodies are bytes, which the backends search in ways of their own.
	body := fmt.Appendf(nil, `{"id":%q}`+"\n", id)
	err = t.redactAnswers(service.ScopeNone, body, func(b []byte) bool { return bytes.Contains(b, []byte(id.String())) })
	if err == nil {
		// Answers about the customer: what has an id may have a note or metadata as well.
		err = t.redactAnswers(id.Scope(), []byte("{}\n"), func(b []byte) bool { return bytes.Contains(b, []byte(`"id"`)) })
	}
	return err
}

// redactAnswers puts a body in the place of those of a scope that have something personal.
func (t *Tx) redactAnswers(scope billing.Scope, body []byte, personal func([]byte) bool) error {
	for key := ""; ; {
		answers, err := list(t.conn, scanAnswer, answersAfter, scope, key, eraseBatch)
		if err != nil {
			return err
		}
		for _, a := range answers {
			key = a.Key
			if !personal(a.Body) {
				continue
			}
			a.Body = body
			if err := t.change(redactAnswer, scope, a.Key, blob(a.Body), answerDigest(&a)); err != nil {
				return err
			}
		}
		if len(answers) < eraseBatch {
			return nil
		}
	}
}
