package service_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// wide sells the plans few, of three items, and many, of a thousand.
func wide() billing.CatalogSpec {
	spec := billing.CatalogSpec{
		Currency: "usd",
		Groups:   []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization, Default: true}},
	}
	few := billing.PlanSpec{Code: "few", Name: "Few", Group: "teams", Status: billing.Published}
	many := few
	many.Code, many.Name = "many", "Many"
	for i := range 1000 {
		code := billing.Code(fmt.Sprintf("f%04d", i))
		spec.Features = append(spec.Features, billing.Feature{Code: code, Name: string(code), Type: billing.Metered})
		item := billing.ItemSpec{Feature: code, Max: new(int64(i))}
		many.Items = append(many.Items, item)
		if i < 3 {
			few.Items = append(few.Items, item)
		}
	}
	spec.Plans = []billing.PlanSpec{few, many}
	return spec
}

// Subscribing customers to a plan of a thousand items takes at most twice the
// bytes on disk that one of three takes. BenchmarkSubscribe has the time.
func TestBytesOfASubscription(t *testing.T) {
	bytes := make(map[billing.Code]int64)
	for _, plan := range []billing.Code{"few", "many"} {
		path := filepath.Join(t.TempDir(), "allot.db")
		st, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + path})
		if err != nil {
			t.Fatal(err)
		}
		s := &service.Service{Store: st}
		err = s.Do(t.Context(), "test", func(u *service.Work) error {
			_, err := u.ApplyCatalog(wide())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		before := size(t, path)
		for range 500 {
			if err := s.Do(t.Context(), "test", signUp(plan)); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Close(); err != nil { // what is in the log goes to the file
			t.Fatal(err)
		}
		bytes[plan] = size(t, path) - before
	}
	t.Logf("500 subscriptions: %d bytes on a plan of 3 items, %d on one of 1,000", bytes["few"], bytes["many"])
	if bytes["few"] <= 0 || bytes["many"] > 2*bytes["few"] {
		t.Errorf("a plan of 1,000 items takes %d bytes, one of 3 takes %d", bytes["many"], bytes["few"])
	}
}

// signUp makes a customer of a plan.
func signUp(plan billing.Code) func(*service.Work) error {
	return func(u *service.Work) error {
		_, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: plan})
		return err
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// BenchmarkSubscribe signs customers up, to a plan of 3 and to one of 1,000
// items: the two should take the same.
func BenchmarkSubscribe(b *testing.B) {
	st, err := store.Open(b.Context(), store.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "allot.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	s := &service.Service{Store: st}
	ctx := context.Background()
	err = s.Do(ctx, "test", func(u *service.Work) error {
		_, err := u.ApplyCatalog(wide())
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, plan := range []billing.Code{"few", "many"} {
		b.Run(string(plan), func(b *testing.B) {
			for b.Loop() {
				if err := s.Do(ctx, "test", signUp(plan)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
