// Package kinde has the routes that are shaped after Kinde's: the management API
// under /api/v1, and the account API under /account_api/v1 for users.
//
// The key decision: Kinde's own clients must not notice the difference. What is
// peculiar because they want it so is marked "Kinde:" where it is written.
// docs/compat.md lists the marks, and a test keeps the two equal. The names that
// Kinde's parameters have stand with their routes, nowhere deeper.
//
// Start reading at [Routes].
package kinde
