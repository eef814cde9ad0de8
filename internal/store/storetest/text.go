package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

var textTests = []test{
	{"text is kept exactly", testTextExact},
	{"text that is no text is refused everywhere", testTextRefused},
	{"text is ordered by its bytes", testTextOrder},
	{"times are kept to the microsecond", testTimes},
	{"integers are kept up to the largest amount", testIntegers},
}

// longestKey is how many bytes a text that things are found by has at most, or
// several together. Some indexes take no longer ones.
const longestKey = 2401

func testTextExact(t *testing.T, st Store) {
	for i, text := range []string{
		" ", "a ", " a", "A", "a", "\t\r\n", "é", "e\u0301", "ß", "İ", "\u2028", "\ufeffx", "\ufffd", "𝔘🧾", "\x01\x7f",
		`'"\%_!`, "$1", "?", "null", "0", "1e3", `{"a":1}`, strings.Repeat("long ö", 200_000),
	} {
		c := newCustomer(i)
		c.OrgCode, c.UserID, c.Name, c.Email, c.ExternalID = text, text, text, text, text
		if len(text) > longestKey {
			c.OrgCode, c.UserID, c.ExternalID = "", text[:longestKey], text[:longestKey]
		}
		c.Metadata = map[string]string{text: text}
		createCustomers(t, st, c)
		change := billing.Change{Scope: c.ID.Scope(), Rev: 1, On: on(0), By: billing.Actor(text),
			Kind: billing.ChangeKind(text), Before: c.Metadata, After: c.Metadata}
		appendChanges(t, st, change)
		c.Rev, c.ChangedOn = 1, on(0)
		same(t, "customer", read(t, st, getCustomer(c.ID)), c)
		same(t, "codes", read(t, st, byCodes(c.OrgCode, c.UserID)), c.ID)
		same(t, "external id", read(t, st, byExternalID(c.ExternalID)), c.ID)
		same(t, "change", read(t, st, getChanges(c.ID.Scope(), 0, 1)), []billing.Change{change})
	}
}

// testTextRefused writes bad text into every column of text, one at a time.
func testTextRefused(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1))
	createAgreements(t, st, newAgreement(customerID(1), 1))
	for _, bad := range []string{"nul\x00", "\xff", "cut\xc3", "\xed\xa0\x80"} {
		customer := func(set func(*billing.Customer)) func(*sqlstore.Tx) error {
			return func(tx *sqlstore.Tx) error {
				changed, created := newCustomer(1), newCustomer(2)
				set(&changed)
				set(&created)
				if err := tx.UpdateCustomer(changed); !isRefused(err) {
					return fmt.Errorf("update: %w", err)
				}
				return tx.CreateCustomer(created)
			}
		}
		catalog := func(set func(*billing.Catalog)) func(*sqlstore.Tx) error {
			return func(tx *sqlstore.Tx) error {
				next := fullCatalog()
				set(next)
				return tx.PutCatalog(next)
			}
		}
		item := func(set func(*billing.Item)) func(*sqlstore.Tx) error {
			return catalog(func(c *billing.Catalog) { set(&c.Plans["1e3"].Versions[1].Items[0]) })
		}
		change := func(set func(*billing.Change)) func(*sqlstore.Tx) error {
			return func(tx *sqlstore.Tx) error {
				c := billing.Change{Scope: record.ScopeKeys, On: on(0)}
				set(&c)
				_, err := tx.AppendChange(c)
				return err
			}
		}
		agreement := func(set func(*billing.Agreement)) func(*sqlstore.Tx) error {
			return func(tx *sqlstore.Tx) error {
				a := newAgreement(customerID(1), 2)
				set(&a)
				return tx.CreateAgreement(a)
			}
		}
		override := func(set func(*billing.Override)) func(*sqlstore.Tx) error {
			return func(tx *sqlstore.Tx) error {
				o := newOverride(customerID(1), 1)
				set(&o)
				return tx.CreateOverride(o)
			}
		}
		grant := func(set func(*billing.Grant)) func(*sqlstore.Tx) error {
			return func(tx *sqlstore.Tx) error {
				g := newGrant(customerID(1), 1)
				set(&g)
				return tx.CreateGrant(g)
			}
		}
		used := func(set func(*usage.Record)) func(*sqlstore.Tx) error {
			return func(tx *sqlstore.Tx) error {
				u := newUsage(customerID(1), "a", on(0))
				set(&u)
				return tx.CreateUsage(u)
			}
		}
		hold := func(set func(*usage.Hold)) func(*sqlstore.Tx) error {
			return func(tx *sqlstore.Tx) error {
				h := newHold(customerID(1), 1)
				set(&h)
				return tx.CreateHold(h)
			}
		}
		closed := func(set func(*usage.Closing)) func(*sqlstore.Tx) error {
			return hold(func(h *usage.Hold) {
				h.Closing = new(usage.Closing)
				set(h.Closing)
			})
		}
		answer := func(set func(*service.StoredAnswer)) func(*sqlstore.Tx) error {
			return func(tx *sqlstore.Tx) error {
				a := newAnswer(service.ScopeNone, "a")
				set(&a)
				return tx.CreateAnswers(a)
			}
		}
		for name, fn := range map[string]func(*sqlstore.Tx) error{
			"customer type":     customer(func(c *billing.Customer) { c.Type = billing.CustomerType(bad) }),
			"customer org":      customer(func(c *billing.Customer) { c.OrgCode = bad }),
			"customer user":     customer(func(c *billing.Customer) { c.UserID = bad }),
			"customer external": customer(func(c *billing.Customer) { c.ExternalID = bad }),
			"customer name":     customer(func(c *billing.Customer) { c.Name = bad }),
			"customer email":    customer(func(c *billing.Customer) { c.Email = bad }),
			"customer status":   customer(func(c *billing.Customer) { c.Status = billing.CustomerStatus(bad) }),
			"customer metadata": customer(func(c *billing.Customer) { c.Metadata = map[string]string{"k": bad} }),
			"customer metadata key": customer(func(c *billing.Customer) {
				c.Metadata = map[string]string{bad: "v"}
			}),
			"customer zone":   customer(func(c *billing.Customer) { c.Zones = []calendar.Zone{{Name: bad}} }),
			"agreement plan":  agreement(func(a *billing.Agreement) { a.Plan = billing.Code(bad) }),
			"agreement kind":  agreement(func(a *billing.Agreement) { a.Kind = billing.PlanKind(bad) }),
			"agreement trial": agreement(func(a *billing.Agreement) { a.TrialScope = bad }),
			"agreement update": func(tx *sqlstore.Tx) error {
				a := newAgreement(customerID(1), 1)
				a.TrialScope = bad
				return tx.UpdateAgreement(a)
			},
			"agreement trial's end": agreement(func(a *billing.Agreement) { a.TrialThen = billing.TrialEnd(bad) }),
			"agreement origin":      agreement(func(a *billing.Agreement) { a.Origin = billing.Origin(bad) }),
			"agreement external":    agreement(func(a *billing.Agreement) { a.ExternalID = bad }),
			"agreement metadata":    agreement(func(a *billing.Agreement) { a.Metadata = map[string]string{"k": bad} }),
			"agreement metadata key": agreement(func(a *billing.Agreement) {
				a.Metadata = map[string]string{bad: "v"}
			}),
			"agreement renamed": func(tx *sqlstore.Tx) error {
				a := newAgreement(customerID(1), 1)
				a.ExternalID = bad
				return tx.UpdateAgreement(a)
			},
			"agreement carried": agreement(func(a *billing.Agreement) {
				a.Carried = []billing.Carry{{Feature: billing.Code(bad)}}
			}),
			"override feature": override(func(o *billing.Override) { o.Feature = billing.Code(bad) }),
			"override note":    override(func(o *billing.Override) { o.Note = bad }),
			"override actor":   override(func(o *billing.Override) { o.By = billing.Actor(bad) }),
			"grant feature":    grant(func(g *billing.Grant) { g.Feature = billing.Code(bad) }),
			"grant kind":       grant(func(g *billing.Grant) { g.Kind = billing.GrantKind(bad) }),
			"grant only":       grant(func(g *billing.Grant) { g.Only = []billing.Code{billing.Code(bad)} }),
			"grant note":       grant(func(g *billing.Grant) { g.Note = bad }),
			"grant pack":       grant(func(g *billing.Grant) { g.Pack = billing.Code(bad) }),
			"grant external":   grant(func(g *billing.Grant) { g.ExternalID = bad }),
			"grant asked":      grant(func(g *billing.Grant) { g.Asked = bad }),
			"grant actor":      grant(func(g *billing.Grant) { g.By = billing.Actor(bad) }),
			"grant voided":     grant(func(g *billing.Grant) { g.VoidedAs = bad }),
			"usage id":         used(func(u *usage.Record) { u.ID = bad }),
			"usage kind":       used(func(u *usage.Record) { u.Kind = usage.Kind(bad) }),
			"usage actor":      used(func(u *usage.Record) { u.By = billing.Actor(bad) }),
			"usage look-up": func(tx *sqlstore.Tx) error {
				_, err := tx.UsageRecord(customerID(1), bad)
				return err
			},
			"usage cursor": func(tx *sqlstore.Tx) error {
				_, _, err := tx.UsageRecords(customerID(1), "calls", time.Time{}, time.Time{},
					service.Page[service.UsageCursor]{Size: 1, After: &service.UsageCursor{ID: bad}})
				return err
			},
			"counter feature": func(tx *sqlstore.Tx) error {
				_, err := tx.LockCounters(customerID(1), billing.Code(bad), on(0), on(1))
				return err
			},
			"hold state":  hold(func(h *usage.Hold) { h.State = usage.HoldState(bad) }),
			"hold over":   closed(func(c *usage.Closing) { c.Asked.Over = usage.Over(bad) }),
			"hold source": closed(func(c *usage.Closing) { c.Answer.Sources = []billing.Source{{ID: bad}} }),
			"hold source's kind": closed(func(c *usage.Closing) {
				c.Answer.Sources = []billing.Source{{Kind: billing.SourceKind(bad)}}
			}),
			"hold source's plan": closed(func(c *usage.Closing) {
				c.Answer.Sources = []billing.Source{{Plan: billing.Code(bad)}}
			}),
			"hold next change": closed(func(c *usage.Closing) {
				c.Answer.NextChange = &billing.NextChange{On: on(1), Why: billing.ChangeReason(bad)}
			}),
			"hold actor":      hold(func(h *usage.Hold) { h.By = billing.Actor(bad) }),
			"answer scope":    answer(func(a *service.StoredAnswer) { a.Scope = billing.Scope(bad) }),
			"answer key":      answer(func(a *service.StoredAnswer) { a.Key = bad }),
			"answer revision": answer(func(a *service.StoredAnswer) { a.Revision = bad }),
			"answer look-up": func(tx *sqlstore.Tx) error {
				_, err := tx.Answer(service.ScopeNone, bad)
				return err
			},
			"currency": catalog(func(c *billing.Catalog) { c.Currency = bad }),
			"feature code": catalog(func(c *billing.Catalog) {
				c.Features[billing.Code(bad)] = &billing.Feature{Code: billing.Code(bad)}
			}),
			"feature name":  catalog(func(c *billing.Catalog) { c.Features["sso"].Name = bad }),
			"feature type":  catalog(func(c *billing.Catalog) { c.Features["sso"].Type = billing.FeatureType(bad) }),
			"feature unit":  catalog(func(c *billing.Catalog) { c.Features["sso"].Unit = bad }),
			"feature reset": catalog(func(c *billing.Catalog) { c.Features["sso"].Reset = billing.Reset(bad) }),
			"group name":    catalog(func(c *billing.Catalog) { c.Groups["teams"].Name = bad }),
			"group type": catalog(func(c *billing.Catalog) {
				c.Groups["teams"].CustomerType = billing.CustomerType(bad)
			}),
			"group fallback": catalog(func(c *billing.Catalog) { c.Groups["teams"].Fallback = billing.Code(bad) }),
			"plan name":      catalog(func(c *billing.Catalog) { c.Plans["pro"].Name = bad }),
			"plan group":     catalog(func(c *billing.Catalog) { c.Plans["pro"].Group = billing.Code(bad) }),
			"plan kind":      catalog(func(c *billing.Catalog) { c.Plans["pro"].Kind = billing.PlanKind(bad) }),
			"plan status":    catalog(func(c *billing.Catalog) { c.Plans["pro"].Status = billing.PlanStatus(bad) }),
			"cycle": catalog(func(c *billing.Catalog) {
				c.Plans["draft"].Versions[0].Cycle = calendar.Interval(bad)
			}),
			"trial end":       catalog(func(c *billing.Catalog) { c.Plans["1e3"].Versions[1].Trial.Then = billing.TrialEnd(bad) }),
			"item feature":    item(func(it *billing.Item) { it.Feature = billing.Code(bad) }),
			"item price name": item(func(it *billing.Item) { it.PriceName = bad }),
			"item interval":   item(func(it *billing.Item) { it.Interval = calendar.Interval(bad) }),
			"cycle align": catalog(func(c *billing.Catalog) {
				c.Plans["draft"].Versions[0].Align = calendar.Align(bad)
			}),
			"item align":       item(func(it *billing.Item) { it.Align = calendar.Align(bad) }),
			"item limit":       item(func(it *billing.Item) { it.Limit = billing.LimitKind(bad) }),
			"item reset":       item(func(it *billing.Item) { it.Reset = billing.Reset(bad) }),
			"item over limit":  item(func(it *billing.Item) { it.OverLimit.Policy = billing.OverLimitPolicy(bad) }),
			"change actor":     change(func(c *billing.Change) { c.By = billing.Actor(bad) }),
			"change kind":      change(func(c *billing.Change) { c.Kind = billing.ChangeKind(bad) }),
			"change before":    change(func(c *billing.Change) { c.Before = map[string]string{"k": bad} }),
			"change after key": change(func(c *billing.Change) { c.After = map[string]string{bad: "v"} }),
			"client id":        func(tx *sqlstore.Tx) error { return tx.CreateClient(record.Client{ID: bad}) },
			"client name":      func(tx *sqlstore.Tx) error { return tx.CreateClient(record.Client{ID: "x", Name: bad}) },
			"client scope": func(tx *sqlstore.Tx) error {
				return tx.CreateClient(record.Client{ID: "x", Scopes: []string{bad}})
			},
			"key id": func(tx *sqlstore.Tx) error { return tx.CreateSigningKey(record.SigningKey{ID: bad}) },
			"lease name": func(tx *sqlstore.Tx) error {
				_, err := tx.Lease(bad, "h", on(0), on(1))
				return err
			},
			"lease holder": func(tx *sqlstore.Tx) error {
				_, err := tx.Lease("l", bad, on(0), on(1))
				return err
			},
			"look-up by codes": func(tx *sqlstore.Tx) error {
				_, err := tx.CustomerByCodes(bad, "")
				return err
			},
			"query": func(tx *sqlstore.Tx) error {
				_, _, err := tx.Customers(service.CustomerFilter{Query: bad}, service.Page[billing.CustomerID]{Size: 1})
				return err
			},
		} {
			err := whole(st).Update(t.Context(), func(tx *sqlstore.Tx) error {
				if _, err := tx.LockCustomer(customerID(1)); err != nil {
					return err
				}
				if _, err := tx.LockCatalog(); err != nil {
					return err
				}
				if _, err := tx.LockCounters(customerID(1), "calls", on(0), on(1)); err != nil {
					return err
				}
				return fn(tx)
			})
			if !isRefused(err) {
				t.Errorf("%q as %s: %v, want it refused", bad, name, err)
			}
		}
	}
}

func isRefused(err error) bool {
	e, ok := errors.AsType[*billing.Error](err)
	return ok && e.Kind == billing.Invalid
}

func testTextOrder(t *testing.T, st Store) {
	ordered := []string{"", " ", "!", "-", "0", "10", "9", "A", "B", "Z", "_", "a", "aa", "ab", "b", "z", "\u00e9", "\ufffd", "𝔘"}
	for i := range ordered {
		id := ordered[(i*7)%len(ordered)] // any order but the right one
		update(t, st.ForClients(), func(tx record.Tx) error {
			return errors.Join(tx.CreateClient(record.Client{ID: id, CreatedOn: on(0)}),
				tx.CreateSigningKey(record.SigningKey{ID: id, CreatedOn: on(0)}))
		})
	}
	var clients, keys []string
	for _, c := range read(t, st.ForClients(), record.Reader.Clients) {
		clients = append(clients, c.ID)
	}
	for _, k := range read(t, st.ForClients(), record.Reader.SigningKeys) {
		keys = append(keys, k.ID)
	}
	same(t, "order of clients", clients, ordered)
	same(t, "order of keys", keys, ordered)
}

func testTimes(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	zone := time.FixedZone("", -12345)
	for i, at := range []time.Time{
		time.Unix(0, 0),
		time.Unix(0, 1000),
		time.Unix(-1, 999_999_000),
		day.Add(123_456 * time.Microsecond).In(zone),
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(1583, 10, 15, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	} {
		c := newCustomer(i)
		c.AnchorOn, c.CreatedOn = at.Add(999), at.Add(999) // what is below a microsecond goes
		createCustomers(t, st, c)
		a := newAgreement(c.ID, i)
		a.StartsOn, a.ExpiresOn, a.OwnEnd, a.TrialEndsOn, a.Carried[0].Until = at, at, at, at, at
		createAgreements(t, st, a)
		o := newOverride(c.ID, i)
		o.StartsOn, o.ExpiresOn = at, at
		createOverrides(t, st, o)
		g := newGrant(c.ID, i)
		g.EffectiveOn, g.ExpiresOn, g.CreatedOn, g.EndedOn, g.ClawedBackOn, g.SetAsideOn = at, at, at, at, at, at
		createGrants(t, st, g)
		u := newUsage(c.ID, "a", at)
		u.Stamp, u.RecordedOn = at, at
		createUsage(t, st, u)
		counter := newCounter(c.ID, "calls", billing.Window{Span: calendar.Span{Start: at, End: at}}, 1)
		putCounters(t, st, counter)
		h := newHold(c.ID, i)
		h.MadeOn, h.ExpiresOn = at, at
		createHolds(t, st, h)
		answer := newAnswer(c.ID.Scope(), "a")
		answer.CreatedOn = at
		createAnswers(t, st, answer)
		c.AnchorOn, c.CreatedOn = at, at
		got := read(t, st, getCustomer(c.ID))
		same(t, "customer", got, c)
		if got.AnchorOn.Location() != time.UTC {
			t.Errorf("%v is in %v, want UTC", at, got.AnchorOn.Location())
		}
		same(t, "agreement", read(t, st, getAgreement(c.ID, a.ID)), a)
		same(t, "overrides", read(t, st, getOverrides(c.ID, at.Add(-time.Microsecond))), []billing.Override{o})
		same(t, "grants", read(t, st, getGrants(c.ID, at.Add(-time.Microsecond))), []billing.Grant{g})
		same(t, "usage", read(t, st, getUsage(c.ID, u.ID)), u)
		same(t, "counter", read(t, st, getCounter(c.ID, "calls", counter.Window)), counter)
		same(t, "hold", read(t, st, getHold(h.ID)), h)
		same(t, "answer", read(t, st, getAnswer(answer.Scope, "a")), answer)
	}
	c := newCustomer(99)
	c.AnchorOn = time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateCustomer(c) }); err == nil {
		t.Error("a time that cannot be kept is not refused")
	}
}

func testIntegers(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	for i, n := range []int64{0, 1, -1, math.MaxInt32 + 1, math.MaxUint32 + 1, billing.MaxAmount, -billing.MaxAmount} {
		c := newCustomer(i)
		c.LastAgreementMS = n
		createCustomers(t, st, c)
		a := newAgreement(c.ID, i)
		binary.BigEndian.PutUint64(a.ID[:], uint64(n))
		a.Quantity, a.Carried[0].Max = n, &n
		createAgreements(t, st, a)
		o := newOverride(c.ID, i)
		o.Max, o.Add = &n, n
		createOverrides(t, st, o)
		g := newGrant(c.ID, i)
		g.Amount = billing.Units(n)
		createGrants(t, st, g)
		same(t, "grants", read(t, st, getGrants(c.ID, on(1))), []billing.Grant{g})
		same(t, "customer", read(t, st, getCustomer(c.ID)), c)
		same(t, "agreement", read(t, st, getAgreement(c.ID, a.ID)), a)
		same(t, "overrides", read(t, st, getOverrides(c.ID, on(1))), []billing.Override{o})
	}
}
