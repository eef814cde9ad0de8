package sqlstore

import "github.com/allot-dev/allot/internal/billing"

const (
	answerColumns = `customer_id, answer_key, fingerprint, created_on, status, body, revision`

	selectAnswer = `select ` + answerColumns + ` from answers where customer_id = $1 and answer_key = $2`

	insertAnswer = `insert into answers (` + answerColumns + `) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (customer_id, answer_key) do nothing`

	deleteAnswers = `delete from answers where customer_id = $1 and answer_key in
		(select answer_key from answers where customer_id = $1 and created_on < $2 order by created_on limit $3)`
)

// answersRemoved is how many old answers go when a new one comes: more than one,
// so that they become fewer, and so few that nobody notices.
const answersRemoved = 20

func scanAnswer(r row) (a billing.StoredAnswer, err error) {
	err = r.Scan(&a.Scope, &a.Key, (*blob)(&a.Fingerprint), (*instant)(&a.CreatedOn), &a.Status, (*blob)(&a.Body),
		&a.Revision)
	return a, err
}

func (r *reader) Answer(scope billing.Scope, key string) (billing.StoredAnswer, error) {
	return one(r.conn, scanAnswer, selectAnswer, scope, key)
}

func (t *tx) CreateAnswer(a billing.StoredAnswer) error {
	err := t.create(insertAnswer, a.Scope, a.Key, blob(a.Fingerprint), instant(a.CreatedOn), a.Status, blob(a.Body),
		a.Revision)
	if err != nil {
		return err
	}
	_, err = t.exec(deleteAnswers, a.Scope, instant(a.CreatedOn.Add(-billing.AnswerLifetime)), answersRemoved)
	return err
}
