package sqlstore

import (
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

const (
	answerColumns = `customer_id, answer_key, fingerprint, created_on, status, body, revision`

	selectAnswer = `select ` + answerColumns + ` from answers where customer_id = $1 and answer_key = $2`

	insertAnswer = `insert into answers (` + answerColumns + `) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (customer_id, answer_key) do nothing`

	deleteAnswers = `delete from answers where (customer_id, answer_key) in
		(select customer_id, answer_key from answers where created_on < $1 order by created_on limit $2)`
)

var insertAnswers = manyRows(insertAnswer)

func scanAnswer(r row) (a service.StoredAnswer, err error) {
	err = r.Scan(&a.Scope, &a.Key, (*blob)(&a.Fingerprint), (*instant)(&a.CreatedOn), &a.Status, (*blob)(&a.Body),
		&a.Revision)
	return a, err
}

// Answer is as service.AnswerReader says.
func (r *Reader) Answer(scope billing.Scope, key string) (service.StoredAnswer, error) {
	if r.present != nil {
		if err := r.present(); err != nil {
			return service.StoredAnswer{}, err
		}
	}
	return one(r.conn, scanAnswer, selectAnswer, scope, key)
}

// CreateAnswers is as service.AnswerTx says.
func (t *Tx) CreateAnswers(answers ...service.StoredAnswer) error {
	n, err := t.insertRows(&insertAnswers, len(answers), func(into []any, i int) []any {
		a := &answers[i]
		return append(into, a.Scope, a.Key, blob(a.Fingerprint), instant(a.CreatedOn), a.Status, blob(a.Body), a.Revision)
	})
	if err == nil && n < int64(len(answers)) {
		err = billing.ErrExists
	}
	return err
}

// SweepAnswers is as service.AnswerTx says.
func (t *Tx) SweepAnswers(before time.Time, limit int) (int, error) {
	n, err := t.exec(deleteAnswers, instant(before), limit)
	return int(n), err
}
