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
//     value. Only expires_on, current_period_start, current_period_end and
//     billing_group_id are so.
//   - [Optional]: a request field in which absent, null and a value mean three
//     different things.
//
// Slices without `omitzero` are always sent as arrays: give an empty slice, not
// a nil one.
//
// Start with kinde.go for the answers shaped after Kinde's billing API (types
// named Billing…), then customer.go, agreement.go and catalog.go for Allot's own
// API. openapi.yaml describes every route; the tests keep it and the types
// equal.
package api
