// Package naive is a small, slow model of Allot's entitlement rules.
//
// It was written from what is promised alone, without sight of the service's code. A
// random test of package routes runs the same lines against the model and the real
// server and compares the text of every answer.
// The model keeps all that happened in lists and walks through them for each
// answer. Start reading at model.go (state, Do), then agreements.go.
//
// # Lines
//
//	clock +SECONDS                      moves the clock; decimals are exact to the microsecond
//	[LABEL =] METHOD PATH[?QUERY] [JSON]  one call of the HTTP API
//
// The clock starts at 2027-01-31T10:30:00Z. In a path or body $LABEL is the id
// of what the line with that label made. $a.live is the live agreement of kind
// plan of customer $a, $a.live.CODE the live add-on CODE, $a.next the first
// scheduled agreement of kind plan. What does not exist is a well-formed id
// that nobody has. A body text "@+60", "@-60" or "@2027-03-01T00:00:00Z" is a
// time in RFC 3339 with the fraction it needs (also after at= and known= in a query).
//
// Calls (fields of the body in braces):
//
//	PUT    /v1/catalog                          the catalog as JSON
//	POST   /v1/customers                        {type, plan_code, anchor_on, time_zone}; the adapter adds what makes it unique
//	PATCH  /v1/customers/$a                     {status, time_zone, anchor_on}
//	DELETE /v1/customers/$a
//	GET    /v1/customers/$a
//	GET    /v1/customers/$a/entitlements?at=&known=
//	POST   /v1/customers/$a/agreements          {plan_code, version, quantity, annual, starts_on, expires_on, when, trial, anchor, scheduled, import}
//	PATCH  /v1/agreements/$X                    {trial_ends_on, expires_on}
//	POST   /v1/agreements/$X/resume
//	DELETE /v1/agreements/$X?when=&scheduled=
//	POST   /api/v1/billing/agreements           {customer_id, plan_code}
//	POST   /v1/plans/CODE/migrate               {to_version, when}; the adapter goes on until no batch is left
//	PUT    /v1/customers/$a/overrides/FEATURE   {max, at_least, add, deny, expires_on}
//	DELETE /v1/customers/$a/overrides/FEATURE
//	POST   /v1/check                            {customer_id, feature_code | feature_codes, units}
//	POST   /v1/consume                          {customer_id, feature_code, units}
//	POST   /v1/holds                            {customer_id, feature_code, units, expires_in}
//	POST   /v1/holds/$H/confirm                 {units, over}
//	POST   /v1/holds/$H/release
//	POST   /v1/holds/$H/extend                  {expires_in}
//	POST   /v1/usage                            {records: [{id, customer_id, feature_code, value, type, timestamp}]}
//	POST   /api/v1/billing/meter_usage          {customer_agreement_id, billing_feature_code, meter_value, meter_usage_timestamp, meter_type_code}
//
// # Answers
//
// Times are RFC 3339 in UTC, with a fraction only if there is one and without
// its last zeros. A value that is absent or null is "-", except a limit and a
// remaining without end, which are "null".
//
//	clock            clock TIME
//	failure          STATUS CODE[,CODE]   codes sorted, each once
//	bodies not compared: "ok" for any 2xx of PUT catalog, PUT and DELETE overrides,
//	                 PATCH and DELETE customers, migrate, release, extend,
//	                 both Kinde calls
//	POST customers, GET customer
//	                 STATUS customer STATE ZONE ANCHOR_ON[ | AGREEMENT]...
//	                 STATE active|suspended|deleted. AGREEMENT: of all that are live or
//	                 scheduled, ascending by start, then plan code.
//	agreement (POST, PATCH, resume, DELETE)
//	                 STATUS AGREEMENT[ warnings: STARTS_IN_PAST][ withdrawn: N]
//	AGREEMENT        agreement PLAN vN xQUANTITY annual|- ORIGIN STARTS EXPIRES TRIAL_ENDS ANCHOR_ON PERIOD_START..PERIOD_END STATE
//	                 ORIGIN import|fallback, "-" for any other. STATE scheduled|live|ended, by
//	                 starts_on and expires_on (a withdrawn one: ended, EXPIRES = its start).
//	                 EXPIRES is the end as known now: its own, or where the next phase begins.
//	                 TRIAL_ENDS is said also after the trial is over. PERIOD is "-..-" once ended.
//	                 ANCHOR_ON is the agreement's anchor for cycles.
//	                 Of warnings only STARTS_IN_PAST is compared; withdrawn: N is the number
//	                 of ids in withdrawn and absent for none.
//	DECISION         ALLOWED REASON limit=N|null used=U held=U remaining=U|null soft=BOOL resets=TIME|- next=-|TIME(WHY) sources=[KIND PLAN MAX,...]
//	                 amounts without needless zeros. sources: the plan, add-ons by code, the
//	                 override; MAX is the source's part times quantity, of an override
//	                 what it gives: max and add, else at_least and add where it lifts the plan's part, else add (at_least if there is none); PLAN of an override is "-".
//	                 The plan is listed also where an override's max takes its place.
//	                 not_entitled: only ALLOWED REASON next. suspended: only ALLOWED REASON.
//	                 unmetered: ALLOWED REASON next sources.
//	check of one     200 DECISION           of several  200 FEATURE DECISION[ | FEATURE DECISION]...
//	consume          200 DECISION           as it is after what was recorded
//	holds            201 DECISION           as it is with the hold; refused: 200 DECISION
//	confirm          200 DECISION           reason held, of the hold's window; without next and
//	                 sources; not held any more: 200 true held used held resets
//	usage            200 R[; R]...          R: recorded | recorded superseded | duplicate | duplicate error | failed CODE
//	entitlements     200[ FEATURE REST]...  joined by " | ", of each feature held, ascending; REST is the
//	                 DECISION without ALLOWED and REASON (unmetered: next sources). Charges are left out.
//
// # Codes chosen here
//
// Codes that nothing promises follow the conventions of the others:
//
//	404 AGREEMENT_NOT_FOUND, HOLD_NOT_FOUND, OVERRIDE_NOT_FOUND, PLAN_NOT_FOUND (native)
//	404 CUSTOMER_NOT_FOUND for a write to a deleted customer
//	400 PLAN_NOT_PUBLISHED, PLAN_NOT_AVAILABLE (native), VERSION_INVALID, QUANTITY_INVALID, ANNUAL_INVALID,
//	    STARTS_ON_INVALID, WHEN_INVALID, ANCHOR_INVALID, SCHEDULED_INVALID,
//	    ANCHOR_ON_INVALID, TIME_ZONE_INVALID, STATUS_INVALID, TO_VERSION_INVALID, AT_INVALID, EXPIRES_IN_INVALID, OVER_INVALID,
//	    AT_LEAST_INVALID, MAX_INVALID, ADD_INVALID, DENY_INVALID
//	400 FEATURE_NOT_METERED for holds of a feature that is not metered
//	400 PLAN_NOT_AVAILABLE for an add-on without a plan at its start
//	400 KNOWN_INVALID; Kinde: METER_USAGE_TIMESTAMP_INVALID, AGREEMENT_NOT_FOUND
//	400 CATALOG_INVALID for any fault of a catalog; of a record VALUE_INVALID, of Kinde's meter_usage METER_VALUE_INVALID
//
// # Read here
//
// Where what is promised leaves a place open the model does this:
//
//   - Decision: next of a held feature counts every end, trial's end and start of
//     the plan, and of the add-ons that have the feature. An own end with a phase
//     exactly there is plan_ends (first in the order of why); an end that only the
//     next phase makes is scheduled_change. allow has no next_change (it ends with
//     resets_on), but for an older allow of another rhythm that is still carried. A feature that is not held knows only the next start of an
//     agreement with it, or the end of a deny.
//   - soft is of the items alone; an override alone is hard.
//   - An override alone without a plan: months from the customer's anchor; no
//     anchor: no window.
//   - The first agreement, of which years run from the customer's anchor, is the
//     first in any slot, not the first of a slot.
//   - align calendar hours: a full hour in a gap is the first instant after it.
//   - The plan held in a trial with then: end, again with another quantity: keeps
//     trial and end; only another plan starts paid.
//   - "expires_on" later than the end of a trial that ends: EXPIRES_ON_INVALID.
//   - resume where the own end is the running trial's: nothing changes.
//   - migrate moves older versions only, at period_end nothing without a term; the
//     moved live agreement has origin "-", a moved scheduled one keeps its origin.
//   - A fallback that goes because something takes its place is in withdrawn only
//     if the request dropped it or starts at the same instant.
//   - An agreement made as history, whose end is past already, has no fallback.
//   - A stamp up to 5 minutes ahead counts now. A Kinde delta stamped before the
//     window counts now.
//   - A consume first asks the limit, then the top of the window; a hold adds used,
//     held and its units against the top.
//   - confirm: its window is of the rhythm held at the hold's instant. over available
//     of a soft or open limit is all; of a feature not held any more the held units.
//     A repeated confirm gives the first text.
package naive
