// Package client is the Go SDK of Allot. What is shaped after Kinde's billing
// API works against Kinde itself just as well.
//
//	go get github.com/allot-dev/allot/client
//
// # A first call
//
// New takes the base URL and the credentials. Each group of calls is a field of
// the client:
//
//	c, err := client.New("http://127.0.0.1:8080", client.WithCredentials(id, secret))
//	page, err := c.Entitlements.List(ctx, client.EntitlementParams{
//		CustomerID: customer,
//		MaxValue:   new(int64(999_999)), // stands in where there is no limit
//		Expand:     api.ExpandPlans,
//	})
//
// The answers are types of package api, whose comments say what each field means
// and when it is there. The fields are
//
//   - Entitlements: what a customer has access to now (as Kinde's)
//   - Agreements: list, create and cancel agreements (as Kinde's)
//   - Account: what a user has access to, by the user's own token (as Kinde's)
//   - Customers: customers, their agreements, terms of their own, and what they
//     were or will be entitled to at any instant (Allot's own)
//   - Usage: record usage, one by one as Kinde's or in bulk, and read it back
//   - Holds: set units aside, then confirm or release them (Allot's own)
//   - Grants: credits beside a plan's allowances, such as top-ups (Allot's own)
//   - Credits: what use can be paid with, at any instant, and what it was paid from
//     (Allot's own)
//   - Catalog: features, plan groups and plans (Allot's own)
//   - Plans: move customers between versions, and preview it (Allot's own)
//
// # May she? Count this
//
// What a program asks all day stands on the client itself:
//
//	d, err := c.Check(ctx, client.CheckParams{CustomerID: customer, FeatureCode: "sso"})
//	d, err = c.Consume(ctx, client.ConsumeParams{CustomerID: customer, FeatureCode: "seats"})
//	if !d.Allowed {
//		fmt.Println(d.Reason, d.ResetsOn)
//	}
//
// A refusal is a decision, not an error. An answer prints as its JSON, and an amount
// as its digits, also where it is a pointer, which is nil for none. Consume checks and records in one step,
// so that of racing callers no more are allowed than the limit has room for;
// between a Check and a record of its own others may pass. Amounts are
// [api.Decimal]: text, such as "0.1", exact.
//
// # What a call takes
//
// After the context come the names that stand in the path, then one value with all
// the rest, then options. Its type ends in Params and is of this package where the
// call asks something or uses something; it ends in Request and is of package api
// where it is sent as it is, so that what can be left out, and null, are as
// described there. A zero field is left out. Options are what belongs to the call
// and not to the question.
//
// # Pages
//
// List gets one page. All walks over all of them, fetching as it goes:
//
//	for e, err := range c.Entitlements.All(ctx, client.EntitlementParams{CustomerID: customer}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(e.FeatureCode)
//	}
//
// With EndingBefore the walk goes backwards from there. A server whose cursor
// does not advance ends the walk with [ErrNoProgress].
//
// # Credentials
//
// WithCredentials fetches a token when one is first needed, keeps it until a
// minute before it expires, and fetches another at once if the server refuses it
// earlier. However many calls wait for it, one fetch is under way. Against Kinde
// the base URL is https://SUBDOMAIN.kinde.com and nothing else differs.
// WithToken takes a token that you have.
//
// # For one call
//
// Every method takes options that hold for that call: [WithTimeout],
// [WithToken], [WithHeader], [WithBaseURL], [WithIdempotencyKey], and
// [WithResponse] to see status and headers as well. All but the last two may be
// given to New too and then hold for every call. In a walk over pages they hold
// for each page. ListRaw answers the *http.Response with its body unread, whatever
// its status.
//
// # Errors
//
// A refusal is an *[Error] with status, codes, messages and the request id:
//
//	if errors.Is(err, client.ErrNotFound) { … }      // by situation
//	if e, ok := errors.AsType[*client.Error](err); ok {
//		log.Print(e.Code(), e.RequestID)             // by code
//	}
//
// Tokens and secrets are in no error and in no printed client.
//
// # Retries
//
// A GET, and the fetch of a token, are tried again after 429, 502, 503, 504 and
// connections that fail, with exponential backoff and full jitter, and not
// before the time that Retry-After or RateLimit-Reset names. A time beyond 30
// seconds, or beyond the context's deadline, is not waited for: the refusal is
// returned, with the time in it.
//
// So are a POST that changes nothing, and one that carries an Idempotency-Key:
// the server does its work once and gives its first answer again, which
// Response.Replayed tells. With a key a 500 is tried again too, because it may
// hide that the work was done. Every POST of Allot's own API that changes
// something gets a random key, or yours by [WithIdempotencyKey]. One that Kinde
// has too gets a key from you or none, because Kinde honours none. Nothing else is
// ever sent twice.
//
// # What has no method
//
// Do makes any call, with the client's credentials and retries. Customers.Ensure
// makes a customer or gets the one that is there, for a sign-up that runs twice.
//
// Start reading in client.go; exchange.go is what happens to every call.
package client
