package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	signin "github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
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

	// CustomersThere are those of some scopes that are customers' and are there, each with
	// its revision.
	CustomersThere([]billing.Scope) (map[billing.Scope]int64, error)
	// DirectoryDamage says which entries of a directory are of nobody who has them. It
	// looks at a page of them, behind where the last call has come to (nil: from the
	// first), and answers how far it has come; nil is the end.
	DirectoryDamage(directory string, after []any) (found []string, upTo []any, entries int, err error)
	// AnswerDamage is as [service.AnswerReader] says.
	AnswerDamage(billing.Scope) ([]string, error)
	// WebhookDamage says what of webhooks, deliveries, queues and dues refers to what is
	// not there.
	WebhookDamage() ([]string, error)
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
		{"feed", func(ctx context.Context, o *Options, r *Result) error { return chain(ctx, o, head, r) }},
		{"clients", credentials},
		{"directories", directories},
		{"webhooks", webhooks},
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
		found, err = r.WebhookDamage()
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
