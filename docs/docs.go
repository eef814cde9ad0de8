// Package docs has those pages of the documentation that the server shows itself.
package docs

import _ "embed"

// Runbook says what to do when something is wrong: what the alerts mean, each under its
// name.
//
//go:embed runbook.md
var Runbook string
