package sqlstore

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// The types below are how values of the domain are written to and read from
// columns. A record's field is scanned through a pointer converted to one.

// instant is a time that is always there, in microseconds.
type instant time.Time

// Value implements [driver.Valuer].
func (t instant) Value() (driver.Value, error) { return micros(time.Time(t)) }

// Scan implements [sql.Scanner].
func (t *instant) Scan(v any) error {
	us, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a time is %T, want an integer", v)
	}
	*t = instant(time.UnixMicro(us).UTC())
	return nil
}

// optional is a time that may be absent: zero is null.
type optional time.Time

// Value implements [driver.Valuer].
func (t optional) Value() (driver.Value, error) {
	if time.Time(t).IsZero() {
		return nil, nil
	}
	return micros(time.Time(t))
}

// Scan implements [sql.Scanner].
func (t *optional) Scan(v any) error {
	if v == nil {
		*t = optional{}
		return nil
	}
	return (*instant)(t).Scan(v)
}

// end is the end of a life or a span: zero, no end, is the largest integer.
type end time.Time

const noEnd = math.MaxInt64

// Value implements [driver.Valuer].
func (t end) Value() (driver.Value, error) {
	if time.Time(t).IsZero() {
		return int64(noEnd), nil
	}
	return micros(time.Time(t))
}

// Scan implements [sql.Scanner].
func (t *end) Scan(v any) error {
	if v == int64(noEnd) {
		*t = end{}
		return nil
	}
	return (*instant)(t).Scan(v)
}

// start is the start of a span: zero, no start, is the smallest integer.
type start time.Time

const noStart = math.MinInt64

// Value implements [driver.Valuer].
func (t start) Value() (driver.Value, error) {
	if time.Time(t).IsZero() {
		return int64(noStart), nil
	}
	return micros(time.Time(t))
}

// Scan implements [sql.Scanner].
func (t *start) Scan(v any) error {
	if v == int64(noStart) {
		*t = start{}
		return nil
	}
	return (*instant)(t).Scan(v)
}

func micros(t time.Time) (driver.Value, error) {
	us := t.UnixMicro()
	if time.UnixMicro(us).Unix() != t.Unix() {
		return nil, fmt.Errorf("the time %v is out of range", t)
	}
	return us, nil
}

// integer is a truth as a number, which every backend has.
func integer(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// facts is a map of texts as a JSON object. An empty one is read as nil.
type facts map[string]string

// Value implements [driver.Valuer].
func (f facts) Value() (driver.Value, error) {
	if len(f) == 0 {
		return "{}", nil
	}
	for k, v := range f {
		// Marshal would replace what is not UTF-8 in silence.
		if err := checkText(k, v); err != nil {
			return nil, err
		}
	}
	return marshal(map[string]string(f))
}

// Scan implements [sql.Scanner].
func (f *facts) Scan(v any) error {
	*f = nil
	if v == "{}" {
		return nil
	}
	return unmarshal(v, (*map[string]string)(f))
}

// words is a list of texts as a JSON array. An empty one is read as nil.
type words []string

// Value implements [driver.Valuer].
func (w words) Value() (driver.Value, error) {
	if len(w) == 0 {
		return "[]", nil
	}
	if err := checkText(w...); err != nil {
		return nil, err
	}
	return marshal([]string(w))
}

// Scan implements [sql.Scanner].
func (w *words) Scan(v any) error {
	*w = nil
	if v == "[]" {
		return nil
	}
	return unmarshal(v, (*[]string)(w))
}

func marshal(v any) (driver.Value, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func unmarshal(column any, into any) error {
	s, ok := column.(string)
	if !ok {
		return fmt.Errorf("a document is %T, want text", column)
	}
	return json.Unmarshal([]byte(s), into)
}

// blob is a string of bytes. An empty one is read as nil.
type blob []byte

// Value implements [driver.Valuer].
func (b blob) Value() (driver.Value, error) { return append([]byte{}, b...), nil }

// Scan implements [sql.Scanner].
func (b *blob) Scan(v any) error {
	data, ok := v.([]byte)
	if !ok && v != nil {
		return fmt.Errorf("a blob is %T, want bytes", v)
	}
	*b = append([]byte(nil), data...) // the driver's own are overwritten
	return nil
}

// idColumn scans an id from its text.
type idColumn[ID any] struct {
	into  *ID
	parse func(string) (ID, error)
}

// Scan implements [sql.Scanner].
func (c idColumn[ID]) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("an id is %T, want text", v)
	}
	id, err := c.parse(s)
	*c.into = id
	return err
}

func customerColumn(id *billing.CustomerID) idColumn[billing.CustomerID] {
	return idColumn[billing.CustomerID]{id, billing.ParseID[billing.CustomerID]}
}

func agreementColumn(id *billing.AgreementID) idColumn[billing.AgreementID] {
	return idColumn[billing.AgreementID]{id, billing.ParseID[billing.AgreementID]}
}

func overrideColumn(id *billing.OverrideID) idColumn[billing.OverrideID] {
	return idColumn[billing.OverrideID]{id, billing.ParseID[billing.OverrideID]}
}

func grantColumn(id *billing.GrantID) idColumn[billing.GrantID] {
	return idColumn[billing.GrantID]{id, billing.ParseGrantID}
}

func holdColumn(id *usage.HoldID) idColumn[usage.HoldID] {
	return idColumn[usage.HoldID]{id, usage.ParseHoldID}
}

func groupColumn(id *billing.GroupID) idColumn[billing.GroupID] {
	return idColumn[billing.GroupID]{id, billing.ParseID[billing.GroupID]}
}
