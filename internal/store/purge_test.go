package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// Of a customer that is purged no byte of what is personal is left in the files, while
// they are served and after: not in pages that are free, in what was moved from a page, or
// in the write-ahead log.
func TestPurgeLeavesNoTrace(t *testing.T) {
	const customers, purged = 600, 60
	path := filepath.Join(t.TempDir(), "allot.db")
	st, err := Open(t.Context(), Options{URL: "sqlite:" + path, Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	now := time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC)
	s := &service.Service{Store: st, Clock: func() time.Time { return now }}
	defer s.Close()
	var ids []billing.CustomerID
	do := func(fn func(u *service.Work) error) {
		t.Helper()
		if err := s.Do(t.Context(), "test", fn); err != nil {
			t.Fatal(err)
		}
	}
	do(func(u *service.Work) error {
		_, err := u.ApplyCatalog(billing.CatalogSpec{Currency: "usd", Features: []billing.Feature{{Code: "seats", Name: "Seats", Type: billing.Metered}}})
		return err
	})
	for i := range customers {
		now = now.Add(time.Second)
		do(func(u *service.Work) error {
			c, err := u.CreateCustomer(billing.NewCustomer{
				Type: billing.Organization, Name: fmt.Sprintf("Poison Name %d", i), Email: fmt.Sprintf("poison%d@example.com", i),
				OrgCode: fmt.Sprintf("org_poison_%d", i), ExternalID: fmt.Sprintf("ext-poison-%d", i),
				Metadata: map[string]string{"note": fmt.Sprintf("poison metadata %d %s", i, strings.Repeat("x", i%300))},
			})
			ids = append(ids, c.ID)
			return err
		})
	}
	for i := range customers { // longer, so that pages are split
		now = now.Add(time.Second)
		do(func(u *service.Work) error {
			_, err := u.UpdateCustomer(ids[i], billing.CustomerUpdate{Name: new(fmt.Sprintf("Poison Name %d of a longer kind, and %s", i, strings.Repeat("y", i%200)))})
			return err
		})
	}
	for i := range customers {
		if i%(customers/purged) != 0 {
			continue
		}
		err := st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCustomer(ids[i]); err != nil {
				return err
			}
			return tx.CreateAnswers(
				service.StoredAnswer{Scope: ids[i].Scope(), Key: "POST agreements", Fingerprint: []byte{1}, CreatedOn: now, Answer: service.Answer{Status: 201, Body: fmt.Appendf(nil, `{"id":"agreement_1","metadata":{"of":"poison answer %d "}}`, i)}},
				service.StoredAnswer{Scope: service.ScopeNone, Key: fmt.Sprint("POST customers ", i), Fingerprint: []byte{1}, CreatedOn: now, Answer: service.Answer{Status: 201, Body: fmt.Appendf(nil, `{"id":"%s","name":"poison first answer %d "}`, ids[i], i)}})
		})
		if err != nil {
			t.Fatal(err)
		}
		do(func(u *service.Work) error {
			_, _, _, err := u.SetOverride(ids[i], "seats", billing.NewOverride{Add: 1, Note: fmt.Sprintf("poison note %d ", i)})
			return err
		})
		now = now.Add(time.Second)
		do(func(u *service.Work) error { _, err := u.DeleteCustomer(ids[i], true); return err })
	}
	look := func(when string) {
		t.Helper()
		for _, end := range []string{"", "-wal"} {
			b, err := os.ReadFile(path + end)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			lower := bytes.ToLower(b)
			found := 0
			for i := 0; i < customers; i += customers / purged {
				for _, text := range []string{"poison name %d ", "poison name %d\"", "poison%d@", "org_poison_%d\x00", "ext-poison-%d\x00", "poison metadata %d ", "poison note %d ", "poison answer %d ", "poison first answer %d "} {
					if at := bytes.Index(lower, fmt.Appendf(nil, text, i)); at >= 0 {
						found++
						if found < 6 {
							t.Errorf("%s: %q at %d of %s, page %d, within %q", when, fmt.Sprintf(text, i), at, end, at/4096+1, b[max(0, at-30):at+60])
						}
					}
				}
			}
			if found > 0 {
				t.Errorf("%s: %d traces in %q", when, found, end)
			}
		}
	}
	look("while it is served")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	look("after it has ended")
}
