package service_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// reading is a store whose views are read through something.
type reading struct {
	service.Store
	through func(service.Reader) service.Reader
}

func (r *reading) View(ctx context.Context, fn func(service.Reader) error) error {
	return r.Store.View(ctx, func(in service.Reader) error { return fn(r.through(in)) })
}

// oldLog is a log without images whose first change says too little, so that facts of
// the past are made by undoing all changes since.
type oldLog struct{ service.LogReader }

func (oldLog) Image(billing.CustomerID, time.Time) (billing.Change, error) {
	return billing.Change{}, billing.ErrNotFound
}

func (l oldLog) Changes(scope billing.Scope, after int64, limit int) ([]billing.Change, error) {
	changes, err := l.LogReader.Changes(scope, after, limit)
	for i := range changes {
		if c := &changes[i]; c.Kind == "customer.created" {
			c.After = maps.Clone(c.After)
			delete(c.After, "created_on")
		}
	}
	return changes, err
}

// walking is the same world, which answers of the past by undoing the log.
func walking(w *world) *world {
	s := *w
	s.Service = &service.Service{Clock: w.Clock, Store: walked(w.Store)}
	return &s
}

func walked(st service.Store) service.Store {
	return &reading{st, func(r service.Reader) service.Reader {
		r.LogReader = oldLog{r.LogReader}
		return r
	}}
}

// rowCounts are how many rows a reader has answered, and how many calls.
type rowCounts struct{ rows, calls int }

func (n *rowCounts) add(rows int) { n.rows, n.calls = n.rows+rows, n.calls+1 }

type countedLog struct {
	service.LogReader
	n *rowCounts
}

func (l countedLog) Changes(scope billing.Scope, after int64, limit int) ([]billing.Change, error) {
	changes, err := l.LogReader.Changes(scope, after, limit)
	l.n.add(len(changes))
	return changes, err
}

func (l countedLog) ChangesBefore(scope billing.Scope, before int64, limit int) ([]billing.Change, error) {
	changes, err := l.LogReader.ChangesBefore(scope, before, limit)
	l.n.add(len(changes))
	return changes, err
}

func (l countedLog) Image(id billing.CustomerID, at time.Time) (billing.Change, error) {
	image, err := l.LogReader.Image(id, at)
	l.n.add(1)
	return image, err
}

type countedAgreements struct {
	service.AgreementReader
	n *rowCounts
}

func (a countedAgreements) Agreements(id billing.CustomerID, at time.Time) ([]billing.Agreement, error) {
	found, err := a.AgreementReader.Agreements(id, at)
	a.n.add(len(found))
	return found, err
}

func (a countedAgreements) Imported(id billing.CustomerID, at time.Time) ([]billing.Agreement, error) {
	found, err := a.AgreementReader.Imported(id, at)
	a.n.add(len(found))
	return found, err
}

func (a countedAgreements) Overrides(id billing.CustomerID, at time.Time) ([]billing.Override, error) {
	found, err := a.AgreementReader.Overrides(id, at)
	a.n.add(len(found))
	return found, err
}

// counted is the same world, which counts what it reads.
func counted(w *world) (*world, *rowCounts) {
	n := new(rowCounts)
	s := *w
	s.Service = &service.Service{Clock: w.Clock, Store: &reading{w.Store, func(r service.Reader) service.Reader {
		r.LogReader, r.AgreementReader = countedLog{r.LogReader, n}, countedAgreements{r.AgreementReader, n}
		return r
	}}}
	return &s, n
}

// then is what is read of a customer's facts of the past, as far as the log tells them.
func then(w *world, id billing.CustomerID, at time.Time) string {
	w.t.Helper()
	var text string
	err := w.Store.View(w.t.Context(), func(r service.Reader) error {
		now, err := r.Customer(id)
		if err != nil {
			return err
		}
		f, err := billing.FactsThen(&r, &now, at)
		if err != nil {
			return err
		}
		c := &f.Customer
		text = fmt.Sprintf("%s %v %v %v %v %v", c.Status, c.AnchorOn, c.AnchorGiven, c.Zones, c.CreatedOn, c.DeletedOn)
		for _, a := range f.Agreements {
			if a.ExternalID, a.Metadata = "", nil; !a.Ended(at) {
				text += fmt.Sprintf("\n%+v", a)
			}
		}
		for _, o := range f.Overrides {
			if !o.ExpiresOn.IsZero() && !at.Before(o.ExpiresOn) {
				continue
			}
			limit := o.Max
			if o.Note, o.Max = "", nil; limit != nil {
				o.Add += 1000 * *limit
			}
			text += fmt.Sprintf("\n%+v", o)
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return text
}

// What is made from an image and the changes behind it is what undoing all changes
// since gives: whatever happened, several things at one instant, with imports, under a
// clock that goes back, and after the customer is deleted.
func TestImagesGiveWhatTheLogGives(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	old := walking(w)
	images := 0
	rapid.Check(t, func(rt *rapid.T) {
		w.now = w.now.Add(24 * time.Hour).Truncate(time.Hour)
		id := w.customer(rapid.SampledFrom([]billing.Code{"", "pro", "trial", "ending", "free"}).Draw(rt, "plan"))
		instants := []time.Time{w.now.Add(-time.Hour), w.now.Add(-time.Microsecond)}
		for range rapid.IntRange(15, 35).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "clock") {
			case 0, 1: // the same instant
			case 2: // it was wrong, or is
				w.now = w.now.Add(-time.Duration(rapid.IntRange(1, 3*3600).Draw(rt, "back")) * time.Second)
			default:
				w.now = w.now.Add(time.Duration(rapid.Int64Range(1, 20*24*3600).Draw(rt, "seconds")) * time.Second)
			}
			pastStep(w, rt, id)
			if rapid.IntRange(0, 3).Draw(rt, "ask") == 0 {
				instants = append(instants, w.now, w.now.Add(-time.Microsecond))
			}
		}
		w.now = w.now.Add(60 * 24 * time.Hour)
		old.now = w.now
		for _, at := range instants {
			if got, want := then(w, id, at), then(old, id, at); got != want {
				rt.Fatalf("at %v the facts were\n%s\nby undoing the log\n%s", at, got, want)
			}
			for _, known := range []bool{false, true} {
				if got, want := spokenAs(w, id, at, known), spokenAs(old, id, at, known); got != want {
					rt.Fatalf("at %v (known now: %v) the answer is\n%s\nby undoing the log\n%s", at, known, got, want)
				}
			}
		}
		err := w.Store.View(t.Context(), func(r service.Reader) error {
			found, err := r.Images(id, billing.Change{}, 100)
			images += len(found)
			return err
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
	if images < 20 {
		t.Errorf("there were only %d images", images)
	}
	if _, _, err := w.Verify(t.Context(), func(d service.Drift) { t.Errorf("verify: %+v", d) }); err != nil {
		t.Fatal(err)
	}
}

// pastStep does one thing to a customer's facts, which may be refused.
func pastStep(w *world, rt *rapid.T, id billing.CustomerID) {
	if rapid.IntRange(0, 5).Draw(rt, "import") > 0 {
		_, _ = historyStep(w, rt, id, nil)
		return
	}
	from := w.now.Add(-time.Duration(rapid.IntRange(0, 400*24).Draw(rt, "hours ago")) * time.Hour)
	in := billing.NewAgreement{
		Plan: rapid.SampledFrom([]billing.Code{"pro", "max", "extra"}).Draw(rt, "plan"), Import: true, StartsOn: from,
	}
	if rapid.Bool().Draw(rt, "ends") {
		in.ExpiresOn = from.Add(time.Duration(rapid.IntRange(1, 200*24).Draw(rt, "lasts")) * time.Hour)
	}
	_, _ = w.trySubscribe(id, in)
}

// An image that was edited is found, as is one that is missing a row or is of another
// instant.
func TestVerifyHoldsImages(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	w.subscribe(id, billing.NewAgreement{Plan: "extra"})
	for i := range 20 {
		w.now = w.now.Add(time.Hour)
		toggle(w, id, i)
	}
	found := func() (all []string) {
		if _, _, err := w.Verify(t.Context(), func(d service.Drift) { all = append(all, d.Message) }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := found(); len(all) > 0 {
		t.Fatal(all)
	}
	store := w.Store
	for _, c := range []struct {
		name string
		edit func(*billing.Change)
		want string
	}{
		{"a limit", func(c *billing.Change) { editField(c, "quantity", "7") }, "has agreement"},
		{"an override", func(c *billing.Change) { editField(c, "add", "7000") }, "has override"},
		{"the customer", func(c *billing.Change) { c.After["customer/status"] = "suspended" }, "has the customer otherwise"},
		{"a row less", func(c *billing.Change) {
			maps.DeleteFunc(c.After, func(name, _ string) bool { return strings.HasPrefix(name, "override/") })
		}, "lacks override"},
		{"the instant", func(c *billing.Change) { c.On = c.On.Add(-time.Hour) }, "is not of the instant"},
		{"the revision", func(c *billing.Change) { c.Rev++ }, "is not of the instant"},
	} {
		w.Store = &reading{store, func(r service.Reader) service.Reader {
			r.LogReader = editedLog{r.LogReader, c.edit}
			return r
		}}
		if all := found(); len(all) != 1 || !slices.ContainsFunc(all, func(m string) bool { return contains(m, "the image of revision", c.want) }) {
			t.Errorf("%s: %q", c.name, all)
		}
	}
}

// editedLog is a log whose images somebody has edited.
type editedLog struct {
	service.LogReader
	edit func(*billing.Change)
}

func (l editedLog) Images(id billing.CustomerID, after billing.Change, limit int) ([]billing.Change, error) {
	images, err := l.LogReader.Images(id, after, limit)
	for i := range images {
		l.edit(&images[i])
	}
	return images, err
}

// editField gives a field of the first row that has it another value.
func editField(c *billing.Change, field, value string) {
	for _, name := range slices.Sorted(maps.Keys(c.After)) {
		if strings.HasSuffix(name, "/"+field) {
			c.After[name] = value
			return
		}
	}
}

func contains(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

// toggle changes the customer's own terms.
func toggle(w *world, id billing.CustomerID, i int) {
	w.t.Helper()
	must(w, func(u *service.Work) (billing.Override, error) {
		o, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{Add: int64(i%9 + 1)})
		return o.Override, err
	})
}

// An answer about the past reads as much of a long history as of a short one: of ended
// agreements, and of changes of the customer's own terms.
func TestRowsOfThePast(t *testing.T) {
	for _, c := range []struct {
		name      string
		few, many int
		step      func(w *world, id billing.CustomerID, i int)
		atMost    int // rows
	}{
		{name: "changes", few: 40, many: 1200, step: toggle, atMost: 24},
		{name: "ended agreements", few: 40, many: 1200, atMost: 24, step: func(w *world, id billing.CustomerID, i int) {
			w.subscribe(id, billing.NewAgreement{Plan: []billing.Code{"pro", "max"}[i%2]})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(catalog())
			id := w.customer("max")
			began := w.now
			for i := range c.many {
				if i == c.few {
					rowsOfThePast(t, w, id, began, c.atMost)
				}
				w.now = w.now.Add(time.Minute)
				c.step(w, id, i)
			}
			w.now = w.now.Add(time.Minute)
			rowsOfThePast(t, w, id, began, c.atMost)
		})
	}
}

// rowsOfThePast asks of instants from one to now.
func rowsOfThePast(t *testing.T, w *world, id billing.CustomerID, from time.Time, atMost int) {
	t.Helper()
	s, n := counted(w)
	for i := range 50 {
		*n = rowCounts{}
		at := from.Add(w.now.Sub(from) / 50 * time.Duration(i)).Truncate(time.Microsecond)
		if _, err := s.EntitlementsAt(t.Context(), id, at, false); err != nil {
			t.Fatal(err)
		}
		if n.rows > atMost || n.calls > 6 {
			t.Errorf("at %v of a history of %v: %d rows by %d calls, want at most %d by 6", at.Sub(from), w.now.Sub(from), n.rows, n.calls, atMost)
			return
		}
	}
}
