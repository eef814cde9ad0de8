package routes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/allot-dev/allot/api"
)

var codeForm = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)

// wellFormed reports what is wrong with the body of a refusal, if anything.
func wellFormed(body []byte) error {
	var out struct{ Errors json.RawMessage }
	if err := json.Unmarshal(body, &out); err != nil {
		return err
	}
	type fault struct{ Code, Message string }
	list := make([]fault, 1)
	isObject := bytes.HasPrefix(out.Errors, []byte("{"))
	if isObject {
		if err := json.Unmarshal(out.Errors, &list[0]); err != nil {
			return err
		}
	} else if err := json.Unmarshal(out.Errors, &list); err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("no errors in a refusal")
	}
	for _, e := range list {
		if !codeForm.MatchString(e.Code) || len(e.Message) < 10 {
			return fmt.Errorf("code %q, message %q", e.Code, e.Message)
		}
		if isObject != (e.Code == "ROUTE_NOT_FOUND") {
			return fmt.Errorf("errors is an object %v with code %s", isObject, e.Code)
		}
		if strings.HasSuffix(e.Message, ".") {
			return fmt.Errorf("message %q ends as a sentence", e.Message)
		}
	}
	return nil
}

// jsonFields are the names that the fields of a wire type have in JSON.
func jsonFields(wire any) iter.Seq[string] {
	return func(yield func(string) bool) {
		typ := reflect.TypeOf(wire)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !yield(name) {
				return
			}
		}
	}
}

// errorsOf is the array of errors of a refusal, which must have one.
func errorsOf(t testing.TB, rec *httptest.ResponseRecorder) []api.Error {
	t.Helper()
	if err := wellFormed(rec.Body.Bytes()); err != nil {
		t.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
	}
	var out api.Errors
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	return out.Errors
}
