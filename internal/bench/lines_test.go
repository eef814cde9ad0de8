package bench

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// Every ground has what its sizes say, on both databases, and nothing drifts: what is
// measured could have been made by a caller.
func TestGrounds(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		testGrounds(t, func(t *testing.T) string { return resolve(server.Place{Data: t.TempDir()}).Database })
	})
	t.Run("postgres", func(t *testing.T) {
		testGrounds(t, func(t *testing.T) string { return pgtest.URL(t) })
	})
}

func testGrounds(t *testing.T, database func(*testing.T) string) {
	const records = bulkRecords + 1
	for _, test := range []struct {
		ground *ground
		sizes  []int
		found  func(l *laid, p plot) (int, error)
	}{
		{&holdsGround, []int{1, 7}, func(l *laid, p plot) (int, error) { return units(l.standing(p).Held), nil }},
		{&sourcesGround, []int{1, 4}, func(l *laid, p plot) (int, error) { return 1 + len(l.grants(p)), nil }},
		{&historyGround, []int{3, records}, func(l *laid, p plot) (int, error) { return units(l.standing(p).Used), nil }},
		{&uncountedGround, []int{3, records}, (*laid).uncounted},
		{&featuresGround, []int{2, 12}, func(l *laid, p plot) (int, error) { return len(l.features(p)), nil }},
		{&agreementsGround, []int{1, 9}, func(l *laid, p plot) (int, error) {
			made, err := l.changes(p, billing.AgreementCreated)
			return made - 1, err // the last one is held
		}},
		{&overridesGround, []int{1, 9}, func(l *laid, p plot) (int, error) { return l.changes(p, "override.set") }},
		{&plansGround, []int{5}, func(l *laid, _ plot) (int, error) {
			c, err := l.svc.Catalog(t.Context())
			return len(c.Plans), err
		}},
	} {
		t.Run(test.ground.what, func(t *testing.T) {
			at := database(t)
			plots, err := (&bench{Options: Options{Progress: t.Logf}}).fill(t.Context(), test.ground, at, test.sizes)
			if err != nil {
				t.Fatal(err)
			}
			st, err := store.Open(t.Context(), store.Options{URL: at, Mode: store.Tool})
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			l := &laid{t, st, &service.Service{Store: st}}
			for i, p := range plots {
				if got, err := test.found(l, p); err != nil || p.size != test.sizes[i] || got != p.size {
					t.Errorf("of size %d there are %d, %v", p.size, got, err)
				}
			}
			if _, _, err := l.svc.Verify(t.Context(), func(d service.Drift) { t.Errorf("%+v", d) }); err != nil {
				t.Error(err)
			}
		})
	}
}

// laid is a ground that was made.
type laid struct {
	t   *testing.T
	st  *store.Store
	svc *service.Service
}

// grants are those that a customer has.
func (l *laid) grants(p plot) []billing.Grant {
	l.t.Helper()
	snap, _, err := l.svc.Snapshot(l.t.Context(), customerID(p.customer))
	if err != nil {
		l.t.Fatal(err)
	}
	return snap.Grants
}

func units(u billing.Units) int { return int(u / billing.OneUnit) }

func (l *laid) features(p plot) []billing.Decision {
	l.t.Helper()
	s, err := l.svc.EntitlementsAt(l.t.Context(), customerID(p.customer), time.Time{}, false)
	if err != nil {
		l.t.Fatal(err)
	}
	return s.Features
}

// standing is what there is of the feature that is used.
func (l *laid) standing(p plot) billing.Decision {
	l.t.Helper()
	all := l.features(p)
	i := slices.IndexFunc(all, func(d billing.Decision) bool { return d.Feature.Code == seedFeature })
	if i < 0 {
		l.t.Fatalf("%s is not held", seedFeature)
	}
	return all[i]
}

// uncounted is what is used in a window that has no counter.
func (l *laid) uncounted(p plot) (int, error) {
	d := l.standing(p)
	err := l.st.View(l.t.Context(), func(r service.Reader) error {
		_, err := r.Counter(customerID(p.customer), seedFeature, d.Window)
		if err == nil {
			return errors.New("the window has a counter")
		}
		if errors.Is(err, billing.ErrNotFound) {
			return nil
		}
		return err
	})
	return units(d.Used), err
}

func (l *laid) changes(p plot, kind billing.ChangeKind) (n int, err error) {
	err = l.st.View(l.t.Context(), func(r service.Reader) error {
		all, err := r.Changes(customerID(p.customer).Scope(), 0, 100)
		n = 0
		for _, c := range all {
			if c.Kind == kind {
				n++
			}
		}
		return err
	})
	return n, err
}

// Sizes that are shrunk stay in order and differ.
func TestShrunk(t *testing.T) {
	g := ground{sizes: []int{10, 100, 1000}}
	for by, want := range map[int][]int{0: {10, 100, 1000}, 1: {10, 100, 1000}, 10: {1, 10, 100}, 100: {1, 10}, 5000: {1}} {
		if got := g.shrunk(by); !slices.Equal(got, want) {
			t.Errorf("shrunk by %d they are %v, want %v", by, got, want)
		}
	}
}

// The rows of the table are scenarios that there are, each with goals on its
// database, and those of one ground stand together, or it would be laid twice.
func TestTable(t *testing.T) {
	for kind, rows := range tables {
		chosen := tableOf(kind)
		if len(chosen) != len(rows)+len(lines) {
			t.Errorf("%s: %d rows of %d", kind, len(chosen), len(rows)+len(lines))
		}
		for _, sc := range chosen[:len(rows)] {
			if !slices.ContainsFunc(sc.goals, func(g goal) bool { return g.database == "" || g.database == kind }) {
				t.Errorf("%s: %s has no goal", kind, sc.name)
			}
			for _, g := range sc.goals {
				if g.database == kind && g.connections > 0 && !slices.Contains(sc.connections, g.connections) {
					t.Errorf("%s: %s has a goal for %d connections, and is measured at %v", kind, sc.name, g.connections, sc.connections)
				}
			}
		}
	}
	seen := map[*ground]bool{}
	for i, l := range lines {
		if (i == 0 || lines[i-1].ground != l.ground) && seen[l.ground] {
			t.Errorf("%s stands apart from the others on its ground", l.name)
		}
		seen[l.ground] = true
	}
}
