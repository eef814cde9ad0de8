package server

import (
	"errors"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/store"
)

// On a machine whose clock is a year ahead no link is made, and an administrator is shut out all
// the same, at no time that is to come.
func TestAdministratorsByAWrongClock(t *testing.T) {
	place := Place{Data: t.TempDir()}
	one := start(t, Config{Place: place})
	if _, err := one.CreateAdministrator(t.Context(), one.URL(), "ada", "viewer"); err != nil {
		t.Fatal(err)
	}
	tool, err := openAt(t.Context(), place, store.Existing, func() time.Time { return time.Now().AddDate(1, 0, 0) })
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	for what, act := range map[string]func() error{
		"create": func() error { _, err := tool.CreateAdministrator(t.Context(), one.URL(), "bob", "viewer"); return err },
		"reset":  func() error { _, err := tool.ResetAdministrator(t.Context(), one.URL(), "ada"); return err },
	} {
		err := act()
		_, gap := errors.AsType[*ClockGapError](err)
		_, apart := errors.AsType[*ClockApartError](err)
		if !gap && !apart {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := tool.DisableAdministrator(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	list, err := one.Administrators(t.Context())
	if err != nil || len(list) != 1 || list[0].DisabledOn.IsZero() || list[0].DisabledOn.After(time.Now().Add(time.Minute)) {
		t.Errorf("%+v, %v", list, err)
	}
}
