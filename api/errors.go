package api

import "strings"

// Error is one thing wrong with a request.
type Error struct {
	Code    string `json:"code"`    // stable, in capitals: match on this
	Message string `json:"message"` // for people; names the field and what would be right
	// ExistingID is the id of what is there already, beside CodeGrantExists, and beside
	// CodeCustomerExists where the customer could be named again. Only under /v1.
	ExistingID string `json:"existing_id,omitempty"`
	// Line and Column are where in a catalog file the fault is, both from 1, the column in
	// characters; beside CodeCatalogInvalid. The message has them too. Only under /v1.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// Warning is what a caller would not expect of a success.
type Warning struct {
	Code    string `json:"code"`    // stable, in capitals: match on this
	Message string `json:"message"` // for people
}

// String is the message.
func (w Warning) String() string { return w.Message }

// Errors is the body of every refusal, except that of an unknown route.
type Errors struct {
	Errors []Error `json:"errors"`
}

// RouteNotFound is the 404 body of a path that no route serves. Its errors are
// an object, there and only there, because Kinde's are.
type RouteNotFound struct {
	Errors Error `json:"errors"`
}

// Success is the answer of calls that have nothing else to say:
// {"code":"OK","message":"Success"}.
type Success struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// OK returns the one value of [Success].
func OK() Success { return Success{Code: CodeOK, Message: MessageSuccess} }

// Readiness is the answer of a server that can answer requests: as [Success], or
// with a code that says what it does without.
type Readiness struct {
	Code    string `json:"code"` // OK, FEED_LOST or SERVING_STALE
	Message string `json:"message"`
}

// MessageSuccess is the message beside [CodeOK].
const MessageSuccess = "Success"

// The codes that do not follow from the name of a parameter. For those that do,
// see [RequiredCode] and [InvalidCode].
const (
	CodeOK = "OK" // not an error: the code of every successful Kinde-shaped answer

	// Who asks, and how often.
	CodeInvalidCredentials = "INVALID_CREDENTIALS" // 403: no token, or one that does not hold here
	CodeScopeMissing       = "SCOPE_MISSING"       // 403: the token lacks the scope of the route
	CodeTooManyRequests    = "TOO_MANY_REQUESTS"   // 429

	// What is asked.
	CodeRouteNotFound         = "ROUTE_NOT_FOUND"          // 404, in the body RouteNotFound: no such path, or not with this method
	CodeBodyInvalid           = "BODY_INVALID"             // 400: no JSON, or not of the right shape
	CodeBodyTooLarge          = "BODY_TOO_LARGE"           // 413, on Kinde-shaped routes 400
	CodeFieldUnknown          = "FIELD_UNKNOWN"            // 400, under /v1: the body has a field that the route does not know
	CodeTooManyParameters     = "TOO_MANY_PARAMETERS"      // 400: starting_after and ending_before together
	CodePageSizeLimitExceeded = "PAGE_SIZE_LIMIT_EXCEEDED" // 400: page_size above MaxPageSize
	CodeCursorTooOld          = "CURSOR_TOO_OLD"           // 400: what followed the cursor is not given out any more
	CodeCatalogInvalid        = "CATALOG_INVALID"          // 400: one for each fault of a catalog file

	// What is not there: 404, on Kinde-shaped routes 400.
	CodeCustomerNotFound  = "CUSTOMER_NOT_FOUND"
	CodePlanNotFound      = "PLAN_NOT_FOUND"
	CodeFeatureNotFound   = "FEATURE_NOT_FOUND"
	CodeAgreementNotFound = "AGREEMENT_NOT_FOUND"
	CodeHoldNotFound      = "HOLD_NOT_FOUND"
	CodeOverrideNotFound  = "OVERRIDE_NOT_FOUND"
	CodeGrantNotFound     = "GRANT_NOT_FOUND"
	CodeWebhookNotFound   = "WEBHOOK_NOT_FOUND"
	CodeRecordNotFound    = "RECORD_NOT_FOUND" // in a UsageResult: what it corrects
	// Kinde-shaped routes name who is a customer by what it is.
	CodeOrganizationNotFound = "ORGANIZATION_NOT_FOUND"
	CodeUserNotFound         = "USER_NOT_FOUND"
	// CodeEntitlementNotFound is 404 on the account API too: a 200 with null
	// would make Kinde's helpers throw.
	CodeEntitlementNotFound = "ENTITLEMENT_NOT_FOUND"

	// What the state of things forbids.
	CodePlanNotPublished      = "PLAN_NOT_PUBLISHED"      // 400: the plan is a draft
	CodePlanNotAvailable      = "PLAN_NOT_AVAILABLE"      // 400: archived, or for the other type of customer
	CodeCustomerExists        = "CUSTOMER_EXISTS"         // 409: the id, org_code, user_id or external_id is taken
	CodeAgreementExists       = "AGREEMENT_EXISTS"        // 409: the id is taken
	CodeBillingCustomerExists = "BILLING_CUSTOMER_EXISTS" // 400: the user is a customer in that organization
	CodeAgreementNotActive    = "AGREEMENT_NOT_ACTIVE"    // 400: ended, and no live one has the feature
	CodeFeatureNotMetered     = "FEATURE_NOT_METERED"     // 400: the feature has no usage
	CodeExternalIDExists      = "EXTERNAL_ID_EXISTS"      // 409: the external_id is that of another agreement
	CodeAgreementEnded        = "AGREEMENT_ENDED"         // 409: what is asked for goes with a live or scheduled agreement only
	CodeHistoryFolded         = "HISTORY_FOLDED"          // 409: a window would begin within usage that is kept by the day
	CodeHoldConfirmed         = "HOLD_CONFIRMED"          // 409: the hold was confirmed before, or with other units
	CodeHoldReleased          = "HOLD_RELEASED"           // 409: the hold was released before
	CodeHoldExpired           = "HOLD_EXPIRED"            // 409: the hold was open for too long
	CodeGrantExists           = "GRANT_EXISTS"            // 409: the external_id is that of a grant with other content
	CodeGrantsTooMany         = "GRANTS_TOO_MANY"         // 409: the customer has as many grants of the feature as there can be
	CodeGrantsNotReady        = "GRANTS_NOT_READY"        // 400: a server of the version before may still run
	CodeWebhooksTooMany       = "WEBHOOKS_TOO_MANY"       // 409: there are as many as there can be
	CodeWebhookWithoutSecret  = "WEBHOOK_WITHOUT_SECRET"  // 400: its format is signed with the server's keys
	CodeWebhookSecretLost     = "WEBHOOK_SECRET_LOST"     // 409: it was sealed with another key file, and is to be rotated
	CodeIdempotencyKeyReused  = "IDEMPOTENCY_KEY_REUSED"  // 400: the key was sent with another request
	CodeRecordFolded          = "RECORD_FOLDED"           // in a UsageResult: what it corrects is kept by the day, and cannot be
	CodeIDReused              = "ID_REUSED"               // in a UsageResult: the id was recorded with other content

	// Beside a success, in a [Warning].
	CodePlanNotChanged = "PLAN_NOT_CHANGED" // the customer was there, on another plan than the one named
	CodeThingGone      = "THING_GONE"       // the answer was given before, and what it made is no more

	CodeScheduledKept       = "SCHEDULED_KEPT"        // what is scheduled stays, after a cancellation or a resumption
	CodeScheduledWithdrawn  = "SCHEDULED_WITHDRAWN"   // what was scheduled is no more
	CodeEndTakenBack        = "END_TAKEN_BACK"        // in the log only: by Kinde's rule
	CodeEndKept             = "END_KEPT"              // the new agreement ends when the one before it would have
	CodeStartsInPast        = "STARTS_IN_PAST"        // the agreement begins before now, and is no import
	CodeAddOnEnds           = "ADD_ON_ENDS"           // with the plan beside it
	CodeOverrideHidesPlan   = "OVERRIDE_HIDES_PLAN"   // the override's max is smaller than what the plan gives
	CodeOverrideWithoutPlan = "OVERRIDE_WITHOUT_PLAN" // the override counts only beside a plan
	CodeOverrideJoined      = "OVERRIDE_JOINED"       // the value in force is not the one of the override alone
	CodeOverrideIdle        = "OVERRIDE_IDLE"         // the override adds to what has no limit
	CodeExternalIDLeft      = "EXTERNAL_ID_LEFT"      // the agreement that is replaced keeps its external_id
	CodeGrantsMany          = "GRANTS_MANY"           // soon no more grants of the feature can be made
	CodeGrantOver           = "GRANT_OVER"            // the life of the grant is over; only usage of then draws from it
	CodeGrantVoided         = "GRANT_VOIDED"          // the grant that was asked for again was voided since
	CodeEventsMissed        = "EVENTS_MISSED"         // what happened while a webhook was disabled is not sent by itself
	CodeGrantIdle           = "GRANT_IDLE"            // nothing can use the grant as things are

	// Beside the changes of a catalog, in a [Warning].
	CodePlansResetDifferently  = "PLANS_RESET_DIFFERENTLY"  // plans of a group reset a feature differently
	CodeCycleNone              = "CYCLE_NONE"               // the plan has no cycle, so what resets with it never does
	CodeAddOnLiftsLimit        = "ADD_ON_LIFTS_LIMIT"       // the add-on has no max for what plans limit
	CodeAddOnRhythm            = "ADD_ON_RHYTHM"            // the add-on resets otherwise than the plan beside it
	CodePlanWithoutPrice       = "PLAN_WITHOUT_PRICE"       // the plan is neither priced nor said to be free
	CodePriceHidden            = "PRICE_HIDDEN"             // the price list shows no amounts of a plan with price
	CodeFallbackCosts          = "FALLBACK_COSTS"           // who cancels another plan of the group pays
	CodeEndsWithoutFallback    = "ENDS_WITHOUT_FALLBACK"    // ends that were set before have none
	CodeAnnualDearer           = "ANNUAL_DEARER"            // a year at once costs more than the year by parts
	CodeLimitWithoutMax        = "LIMIT_WITHOUT_MAX"        // limit and over_limit mean nothing there
	CodeLimitLarge             = "LIMIT_LARGE"              // Kinde's Java and .NET clients cannot read it
	CodeAllowForGood           = "ALLOW_FOR_GOOD"           // over_limit: allow on what never resets
	CodeIncludedAboveMax       = "INCLUDED_ABOVE_MAX"       // use stops before what is included is used up
	CodeCapNeverBinds          = "CAP_NEVER_BINDS"          // max is no more, in the same windows
	CodeThresholdsWithoutLimit = "THRESHOLDS_WITHOUT_LIMIT" // there is nothing that they could be percents of
	CodeGrantsUnused           = "GRANTS_UNUSED"            // an unlimited allowance pays for all
	CodeTermWithoutCycle       = "TERM_WITHOUT_CYCLE"       // what is granted with each term comes once
	CodePoolMissing            = "POOL_MISSING"             // the plan burns a pool that it has not
	CodeBurnsAsBefore          = "BURNS_AS_BEFORE"          // plans that are not in the file go on with what they burn
	CodeExtendsNoMore          = "EXTENDS_NO_MORE"          // a plan that is not in the file keeps its items

	// What `allot client` says; no route does.
	CodeClientNotFound = "CLIENT_NOT_FOUND"
	CodeClientRevoked  = "CLIENT_REVOKED"

	// What is the server's own fault.
	CodeInternalError = "INTERNAL_ERROR"    // 500: the request id is the key to the log
	CodeNotReady      = "NOT_READY"         // 503
	CodeOverloaded    = "SERVER_OVERLOADED" // 503: there is more to do than can be; the connection is closed
	CodeFileReplaced  = "FILE_REPLACED"     // 503: the database is no longer the file that was opened, or is damaged

	// Why nothing is written, or nothing at all can be answered: 503. With these also /readyz.
	CodeClockJumped = "CLOCK_JUMPED" // the server's clock shows a later time than it can be
	CodeClockBehind = "CLOCK_BEHIND" // or an earlier one

	CodeStoreUnreachable = "STORE_UNREACHABLE" // the database
	CodeStoreReadOnly    = "STORE_READ_ONLY"   // the database takes no writes
	CodeDiskFull         = "DISK_FULL"         // that of the database
	CodeStoreSlow        = "STORE_SLOW"        // the database took too long; on /readyz, for a small write

	// These only from /readyz.
	CodeKeyUnreadable = "KEY_UNREADABLE" // no token can be signed

	// What a server does without that can answer, in a [Readiness].
	CodeFeedLost     = "FEED_LOST"     // its memory: the database answers, but changes are not heard of
	CodeServingStale = "SERVING_STALE" // the database: what it answers may be old
)

// RequiredCode returns the code for a parameter or body field that is missing:
// RequiredCode("plan_code") is "PLAN_CODE_REQUIRED".
func RequiredCode(parameter string) string { return strings.ToUpper(parameter) + "_REQUIRED" }

// InvalidCode returns the code for a parameter or body field that cannot be
// accepted: InvalidCode("page_size") is "PAGE_SIZE_INVALID".
func InvalidCode(parameter string) string { return strings.ToUpper(parameter) + "_INVALID" }

// The error codes of the token endpoint, after RFC 6749 section 5.2.
const (
	TokenInvalidRequest       = "invalid_request"        // 400
	TokenInvalidClient        = "invalid_client"         // 401
	TokenUnauthorizedClient   = "unauthorized_client"    // 400: the audience is not this API
	TokenUnsupportedGrantType = "unsupported_grant_type" // 400
	TokenInvalidScope         = "invalid_scope"          // 400

	// After section 4.1.2.1 of it.
	TokenTemporarilyUnavailable = "temporarily_unavailable" // 429: too many failed attempts; 503: ask again
	TokenServerError            = "server_error"            // 500
)
