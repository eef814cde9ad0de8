package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

const (
	answerColumns = `customer_id, answer_key, fingerprint, created_on, status, body, revision`

	selectAnswer = `select ` + answerColumns + ` from answers where customer_id = $1 and answer_key = $2`

	// Other programs write answers without digests.
	writtenAnswer = answerColumns + `, digest`

	answersDigested = `select ` + writtenAnswer + ` from answers
		where customer_id = $1 and answer_key > $2 order by answer_key limit $3`

	insertAnswer = `insert into answers (` + writtenAnswer + `) values ($1, $2, $3, $4, $5, $6, $7, $8)
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
		return append(into, a.Scope, a.Key, blob(a.Fingerprint), instant(a.CreatedOn), a.Status, blob(a.Body), a.Revision,
			answerDigest(a))
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

// answerDigest is what an answer's row has beside it, so that it is seen if it is changed:
// the SHA-256 of all but when it was made, in hexadecimal digits.
func answerDigest(a *service.StoredAnswer) string {
	row := Row{string(a.Scope), a.Key, a.Fingerprint, int64(a.Status), a.Body, a.Revision}
	sum := sha256.Sum256(row.Append(nil))
	return hex.EncodeToString(sum[:])
}

// digested is an answer with the digest that is stored.
type digested struct {
	service.StoredAnswer
	digest string
}

func scanDigested(r row) (d digested, err error) {
	a := &d.StoredAnswer
	err = r.Scan(&a.Scope, &a.Key, (*blob)(&a.Fingerprint), (*instant)(&a.CreatedOn), &a.Status, (*blob)(&a.Body),
		&a.Revision, &d.digest)
	return d, err
}

// AnswerDamage is as service.AnswerReader says.
func (r *Reader) AnswerDamage(scope billing.Scope) (found []string, err error) {
	const page = 200
	for key := ""; ; {
		answers, err := list(r.conn, scanDigested, answersDigested, scope, key, page)
		if err != nil {
			return nil, err
		}
		for i := range answers {
			a := &answers[i]
			if key = a.Key; a.digest != "" && a.digest != answerDigest(&a.StoredAnswer) && len(found) < mostDamage {
				found = append(found, fmt.Sprintf("the stored answer of %s is not what was stored", a.CreatedOn.Format(time.RFC3339Nano)))
			}
		}
		if len(answers) < page {
			return found, nil
		}
	}
}
