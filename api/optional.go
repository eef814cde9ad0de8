package api

import (
	"bytes"
	"encoding/json"
)

// Optional is a field in which absent, null and a value mean three
// different things. The zero Optional is absent. Tag such a field `omitzero`.
type Optional[T any] struct {
	Set   bool // the field is present, as null or with a value
	Null  bool // the field is present and null
	Value T    // meaningful only if Set and not Null
}

// Some returns an Optional that holds v.
func Some[T any](v T) Optional[T] { return Optional[T]{Set: true, Value: v} }

// Null returns an Optional that is present and null.
func Null[T any]() Optional[T] { return Optional[T]{Set: true, Null: true} }

// IsZero reports whether the field is absent; `omitzero` asks it.
func (o Optional[T]) IsZero() bool { return !o.Set }

// MarshalJSON writes the value, or null.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if !o.Set || o.Null {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

// UnmarshalJSON is called only for a field that is present.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		*o = Null[T]()
		return nil
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}
