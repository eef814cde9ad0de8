// Package api holds what crosses the wire between Allot and its callers: the
// JSON bodies, the error codes, the scopes, the header names and the OpenAPI
// description. Server and client both import it; it imports nothing of Allot
// and nothing but the standard library.
//
// The key decision: these types say exactly what is sent, so the rule when a
// field is present is part of its type. Three forms occur:
//
//   - `omitempty` or `omitzero`: without a value the field is left out, never
//     sent as null. This is the rule, because one null integer makes some
//     clients refuse a whole page.
//   - a pointer without either: the field is always sent, null where it has no
//     value. On the Kinde-shaped management routes only expires_on,
//     current_period_start, current_period_end and billing_group_id are so; on
//     the account API, which has the opposite rule, all that can be empty are.
//   - [Optional]: absent, null and a value mean three different things.
//
// Amounts of usage are [Decimal], text on the wire and never a float.
//
// Slices without `omitzero` are always sent as arrays: give an empty slice, not
// a nil one.
//
// Start with kinde.go for the answers shaped after Kinde's billing API (types
// named Billing…) and account.go for its account API (Account…), then
// decision.go, which has the answer that everything else is for, usage.go,
// customer.go, agreement.go and catalog.go for Allot's own API. openapi.yaml
// describes every route; the tests keep it and the types equal.
package api
