package billing

import "time"

// MaxHold is the longest a hold may last.
const MaxHold = 24 * time.Hour
