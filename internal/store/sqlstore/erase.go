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
	for key := ""; ; {
		answers, err := list(t.conn, scanAnswer, answersAfter, service.ScopeNone, key, eraseBatch)
		if err != nil {
			return err
		}
		for _, a := range answers {
			key = a.Key
			if !bytes.Contains(a.Body, []byte(id.String())) {
				continue
			}
			a.Body = fmt.Appendf(nil, `{"id":%q}`+"\n", id)
			if err := t.change(redactAnswer, service.ScopeNone, a.Key, blob(a.Body), answerDigest(&a)); err != nil {
				return err
			}
		}
		if len(answers) < eraseBatch {
			return nil
		}
	}
}
