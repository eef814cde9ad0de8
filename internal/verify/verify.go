package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	signin "github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
	outbox "github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/service"
)

// Store is what is gone through beside what package service reads.
type Store interface {
	// View runs fn on one consistent state.
	View(ctx context.Context, fn func(Reader) error) error
}

// Reader reads one consistent state.
type Reader interface {
	// Places, FeedLength and Chained are as [feed.Reader] says.
	Places(after int64, limit int) ([]feed.Place, error)
	FeedLength() (int64, error)
	Chained() (int64, error)

	// Clients and SigningKeys are as [record.Reader] says.
	Clients() ([]record.Client, error)
	SigningKeys() ([]record.SigningKey, error)
	Administrators() ([]signin.Administrator, error)

	// Changes, Adopted, Revision and LogDamage are as [service.LogReader] says.
	Changes(scope billing.Scope, after int64, limit int) ([]billing.Change, error)
	Adopted(billing.Scope) (billing.Change, error)
	Revision(billing.Scope) (int64, error)
	LogDamage(billing.Scope) ([]string, error)

	// LastStamped is the newest time of a change, a counter or a place of the feed.
	LastStamped() (time.Time, error)

	// CustomersThere are those of some scopes that are customers' and are there, each with
	// its revision.
	CustomersThere([]billing.Scope) (map[billing.Scope]int64, error)
	// DirectoryDamage says which entries of a directory are of nobody who has them. It
	// looks at a page of them, behind where the last call has come to (nil: from the
	// first), and answers how far it has come; nil is the end.
	DirectoryDamage(directory string, after []any) (found []string, upTo []any, entries int, err error)
	// AnswerDamage is as [service.AnswerReader] says.
	AnswerDamage(billing.Scope) ([]string, error)
	// Webhooks and WebhookSettings are as package outbox/record says.
	Webhooks() ([]outbox.Webhook, error)
	WebhookSettings() ([]event.Event, error)
	// WebhookDamage says what of webhooks, deliveries, queues and followers refers to what is
	// not there.
	WebhookDamage() ([]string, error)
	// AdministratorDamage says which links, sessions and identities are of no administrator.
	AdministratorDamage() ([]string, error)
	// EndlessDamage says what ends by itself, by now, later than it can: leases, links,
	// sessions, old secrets, pauses.
	EndlessDamage(now time.Time) ([]string, error)
	// StrayDamage says what a table has of customers who are not there. Tables are
	// CustomerTables.
	StrayDamage(table string) ([]string, error)
	CustomerTables() []string
}

// Options say what to go through and how.
type Options struct {
	Service *service.Service // of the store
	Store   Store
	// Integrity has the engine check itself: it says what is damaged. The error is that of
	// a check that could not be made.
	Integrity func(ctx context.Context) ([]string, error)
	// Head, if not "", is a hash that a place of the feed is to have, or SEQ:HASH, of that
	// place.
	Head string
	// Report is told of what is found.
	Report func(service.Drift)
	// Progress, unless nil, is told now and then what is gone through, and how far.
	Progress func(what string, done, of int64)
	// Workers are how many go through customers, and places, beside each other; 0 is a few.
	Workers int
}

// Result is what was gone through.
type Result struct {
	Customers, Counters int
	Places              int64
	// Unhashed are places, at the end, that wait for their hash: of an installation from
	// before there were hashes, whose server has not come to them.
	Unhashed int64
	// Head is the last place with a hash, as SEQ:HASH; "" if there is none.
	Head string
}

const (
	placesBatch = 1000 // how many places are read at once
	mostOfAKind = 20   // how many findings of one kind are told
	workers     = 4    // of Options.Workers, if that is 0
)

// HeadError is a head of a form that there is not.
type HeadError struct{ Head string }

func (e *HeadError) Error() string {
	return fmt.Sprintf("head %q: want HASH or SEQ:HASH, as verify prints it: a place of the feed and 64 hexadecimal digits", e.Head)
}

// Run goes through all. It changes nothing. What it finds it reports; the error is that of a
// store that cannot be read, or a [*HeadError].
func Run(ctx context.Context, o Options) (r Result, err error) {
	head, err := parseHead(o.Head)
	if err != nil {
		return r, err
	}
	if o.Workers == 0 {
		o.Workers = workers
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	damaged := false
	if o.Integrity != nil {
		o.Progress("database", 0, 0)
		found, err := o.Integrity(ctx)
		if err != nil {
			return r, err
		}
		damaged = len(found) > 0
		for _, message := range found {
			o.Report(service.Drift{Of: "database", Message: message})
		}
	}
	for _, part := range []struct {
		of  string
		run func(context.Context, *Options, *Result) error
	}{
		{"clock", ahead},
		{"feed", func(ctx context.Context, o *Options, r *Result) error { return chain(ctx, o, head, r) }},
		{"clients", credentials},
		{"directories", directories},
		{"webhooks", webhooks},
		{"customers", strays},
		{"customers", customers},
	} {
		if err := part.run(ctx, &o, &r); err != nil {
			// What the engine has found, or a row that cannot be read, keeps no other part
			// from being gone through.
			if ctx.Err() != nil || !damaged && !errors.Is(err, service.ErrUnreadable) {
				return r, err
			}
			o.Report(service.Drift{Of: part.of, Message: "cannot be gone through: " + err.Error()})
		}
	}
	return r, nil
}

// aheadOfNow is how far the clock of a server may be ahead of that of whoever verifies.
const aheadOfNow = time.Hour

// now is what time it is for whoever verifies.
func (o *Options) now() time.Time {
	if o.Service.Clock != nil {
		return o.Service.Clock()
	}
	return time.Now()
}

// ahead looks for a time that has not come, which the answers of a customer would go by, and
// for what lasts until one that it cannot last until.
func ahead(ctx context.Context, o *Options, _ *Result) error {
	var last time.Time
	var endless []string
	err := o.Store.View(ctx, func(r Reader) (err error) {
		if last, err = r.LastStamped(); err == nil {
			endless, err = r.EndlessDamage(o.now())
		}
		return err
	})
	if err == nil && last.After(o.now().Add(aheadOfNow)) {
		o.Report(service.Drift{Of: "clock", Message: fmt.Sprintf(
			"something was written at %s, which has not come: if this clock is right, allot repair clock puts it right", last.UTC().Format(time.RFC3339))})
	}
	for _, message := range endless {
		o.Report(service.Drift{Of: "clock", Message: message})
	}
	return err
}

// customers goes through the catalog and all customers.
func customers(ctx context.Context, o *Options, r *Result) (err error) {
	told := time.Now()
	r.Customers, r.Counters, err = o.Service.VerifyAll(ctx, service.VerifyOptions{
		Report: o.Report, Workers: o.Workers,
		Progress: func(n int) {
			if time.Since(told) > time.Second/4 {
				told = time.Now()
				o.Progress("customers", int64(n), 0)
			}
		},
	})
	return err
}

// webhooks goes through what refers to what, and through answers that are no customer's.
func webhooks(ctx context.Context, o *Options, _ *Result) error {
	o.Progress("webhooks", 0, 0)
	var found, answers []string
	err := o.Store.View(ctx, func(r Reader) (err error) {
		if answers, err = r.AnswerDamage(service.ScopeNone); err != nil {
			return err
		}
		if found, err = settingsDiffer(r); err != nil {
			return err
		}
		more, err := r.WebhookDamage()
		found = append(found, more...)
		return err
	})
	for _, message := range answers {
		o.Report(service.Drift{Of: "answers", Message: message})
	}
	for _, message := range found {
		o.Report(service.Drift{Of: "webhooks", Message: message})
	}
	return err
}

// settingsDiffer says which webhooks are not as they were set last.
func settingsDiffer(r Reader) ([]string, error) {
	set, err := r.WebhookSettings()
	if err != nil {
		return nil, err
	}
	p := replayed{kind: "webhook", rows: map[string]map[string]string{}}
	for i := range set {
		p.rows[set[i].Facts[outbox.WebhookFact]] = set[i].Facts
	}
	all, err := r.Webhooks()
	rows := map[string]map[string]string{}
	for i := range all {
		rows[all[i].ID] = outbox.Facts(&all[i])
	}
	maps.DeleteFunc(p.rows, func(id string, facts map[string]string) bool {
		return rows[id] == nil && facts["state"] == string(outbox.Deleted) // and what it was told is removed
	})
	return p.differ(rows), err
}

// strays looks for rows of customers who are not there.
func strays(ctx context.Context, o *Options, _ *Result) error {
	var tables []string
	err := o.Store.View(ctx, func(r Reader) error { tables = r.CustomerTables(); return nil })
	for _, table := range tables {
		if err != nil {
			return err
		}
		o.Progress(strings.ReplaceAll(table, "_", " "), 0, 0)
		var found []string
		err = o.Store.View(ctx, func(r Reader) (err error) { found, err = r.StrayDamage(table); return err })
		for _, message := range found {
			o.Report(service.Drift{Of: "strays", Message: message})
		}
	}
	return err
}

// directories goes through what is unique among customers: each entry is of who has it.
func directories(ctx context.Context, o *Options, _ *Result) error {
	for _, directory := range []string{"customer_codes", "customer_external_ids", "agreement_ids", "agreement_external_ids"} {
		var after []any
		for told, total := 0, int64(0); ; {
			var found []string
			var entries int
			err := o.Store.View(ctx, func(r Reader) (err error) {
				found, after, entries, err = r.DirectoryDamage(directory, after)
				return err
			})
			if err != nil {
				return err
			}
			for _, message := range found {
				if told++; told <= mostOfAKind {
					o.Report(service.Drift{Of: "directories", Message: message})
				}
			}
			total += int64(entries)
			o.Progress(strings.ReplaceAll(directory, "_", " "), total, 0)
			if after == nil {
				break
			}
		}
	}
	return nil
}
