package sqlstore

import "testing"

func TestPositional(t *testing.T) {
	for query, want := range map[string]string{
		"select 1":                            "select 1",
		"select a where b = $1 and c = $2":    "select a where b = ? and c = ?",
		"select a where b = $1 and c = $1":    "select a where b = $1 and c = $1",
		"select a where b = $2 and c = $1":    "select a where b = $2 and c = $1",
		"insert values ($1, $2), ($3, $4)":    "insert values (?, ?), (?, ?)",
		"$1$2$3$4$5$6$7$8$9$10$11":            "???????????",
		"update a set b = $2 where c = $1 $3": "update a set b = $2 where c = $1 $3",
	} {
		if got := positional(query); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}

func TestManyRows(t *testing.T) {
	got := manyRows("insert into t (a, b)\n\tvalues ($1, $2)\n\ton conflict (a) do nothing")
	if want := "insert into t (a, b)\n\tvalues ($1, $2), ($3, $4), ($5, $6), ($7, $8)\n\ton conflict (a) do nothing"; got[1] != want {
		t.Errorf("%q, want %q", got[1], want)
	}
	got = manyLookups("select a from t where b = $1 and c = $2")
	if want := "select a from t where b = $1 and c = $2 union all select a from t where b = $3 and c = $4 union all " +
		"select a from t where b = $5 and c = $6 union all select a from t where b = $7 and c = $8"; got[1] != want {
		t.Errorf("%q, want %q", got[1], want)
	}
}

// SQLite prepares a statement anew each time that a bare argument is bound to its limit.
func TestBlindLimits(t *testing.T) {
	p := pool{positional: true, blindLimits: true}
	if got, want := p.text(`select a from b where c = $1 limit $2`), `select a from b where c = ? limit +?`; got != want {
		t.Errorf("it is prepared as %s, want %s", got, want)
	}
}
