// Package client is the Go SDK of Allot. What is shaped after Kinde's billing
// API works against Kinde itself just as well.
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
//   - Customers: customers and their agreements (Allot's own)
//   - Catalog: features, plan groups and plans (Allot's own)
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
// [WithToken], [WithHeader], [WithBaseURL], and [WithResponse] to see status and
// headers as well. All but the last may be given to New too and then hold for
// every call. In a walk over pages they hold for each page. ListRaw answers the
// *http.Response with its body unread, whatever its status.
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
// returned, with the time in it. Nothing else is ever sent twice, except a POST
// that carries an Idempotency-Key: set that header only for a server that
// honours it.
//
// Start reading in client.go; exchange.go is what happens to every call.
package client
