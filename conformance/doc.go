// Package conformance shows that Allot serves clients it did not write: Kinde's
// own Python, JavaScript, TypeScript and Next.js SDKs and its checker of tokens,
// unmodified, run against the built binary, as an application would run them. Of
// the Next.js SDK the server's helpers are called as a page's handler calls them,
// without an app to be built. Somebody else's client is evidence; our idea of
// the protocol is not.
//
// Key decision: nothing of Allot is imported. The test builds the binary, drives
// it by its command line alone, and hands the SDKs addresses and credentials.
// The SDKs' side is written in their own languages, in python/ and js/; both
// compare what their SDK returns with the same expectations in testdata/.
//
// What Allot sends by itself, webhooks, is verified with other people's packages, and the
// receivers of docs/webhooks.md are run as they stand: see TestWebhookVerifiers.
//
// Start reading at TestSDKs. "make test" installs the SDKs under .cache; without
// them a test is skipped, or fails if CI=true. The test cache does not see the
// binary: run with -count=1.
package conformance
