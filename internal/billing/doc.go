// Package billing says what a customer may use, and why. It has the facts that
// this follows from, what is sold and who holds it, and every rule by which it
// follows. It is pure: it stores nothing, asks no clock, and speaks no protocol.
//
// Most questions are asked of a [Snapshot], which is what is known of one
// customer, at an instant:
//
//   - [Entitlements]: what may the customer use?
//   - [Snapshot.Allowance]: how much of one feature, until when, and where from?
//   - [Allowance.Decide]: may it use some more of it?
//   - [Snapshot.Effect]: what would another plan change?
//
// A [Book] changes what a customer holds, and [Catalog.Apply] what is sold.
//
// Facts are stored and answers are computed. An entitlement, a period and the end
// of a trial are in no table: they follow from the facts and the instant. So no
// job has to run for a cycle to roll or for a scheduled change to take effect, and
// any instant can be asked about.
//
// # An example
//
// A customer signs up on 1 March. The default plan is pro, which has 10 seats, a
// cycle of a month and a trial of 14 days. On 5 March it buys the add-on extra,
// with 5 seats more, twice. On 20 March it asks for the smaller plan basic, with 3
// seats, from the end of its term. These facts are stored:
//
//	the customer       anchor 1 March
//	agreement to pro   1 March to 15 April, trial to 15 March, terms from there
//	agreement to extra from 5 March, quantity 2
//	agreement to basic from 15 April
//
// The request of 20 March set the end of the agreement to pro and made the one to
// basic. It is the last that anybody wrote. These answers follow:
//
//	when       seats  the next change
//	2 March       10  15 March, trial_ends
//	6 March       20  15 March, trial_ends
//	21 March      20  15 April, scheduled_change
//	15 April      13  none
//
// The Example of this package runs it.
//
// # Terms
//
// What is sold:
//
//   - A [Feature] is something that plans contain: a charge (a fixed price), a
//     metered feature (used by the unit), an unmetered one (there or not) or a config
//     feature (with a value).
//   - A [Plan] is what customers subscribe to. A customer has at most one plan
//     proper at a time, and any number of add-ons beside it. A pack is bought any
//     number of times: each purchase is grants.
//   - A [PlanGroup] holds plans for one type of customer. One group of each type
//     may be the default.
//   - A [PlanVersion] is one state of a plan's [Terms]. Its [Item]s say which
//     features it has, with limits and prices. Their order is their position.
//   - A [Catalog] is all of these at one revision. A [CatalogSpec] is what its
//     file states. Applying a spec gives the next catalog.
//
// Who holds it:
//
//   - A [Customer] is an organization, a user, or a user within an organization.
//   - An [Agreement] is a customer's subscription to one plan version. Its life is
//     half-open: [StartsOn, ExpiresOn).
//   - An [Override] is a customer's own terms for one feature, beside its plan.
//   - A [Grant] is an amount of a metered feature beside its allowances, such as a
//     top-up that was paid for. It has a life of its own, and gives access by itself.
//     One that is used up is set aside.
//   - A trial is the time from the start of an agreement to its TrialEndsOn.
//   - An anchor is what windows are counted from: of an agreement, AnchorOn; of the
//     customer, the start of the first one that was ever live, unless it is given.
//   - A slot is what an agreement takes the place of another in: the one for plans, or
//     that of its add-on. What is scheduled in it is a phase.
//   - A fallback is an agreement that follows the end of another by a rule of its
//     group.
//   - A [Change] is the record of what happened.
//
// What follows:
//
//   - An [Entitlement] is one item of one live agreement, or a feature that an override or
//     a grant gives alone.
//   - An [Allowance] is what follows for one feature: whether it is granted, the
//     effective [Limit] (the sum over plan, add-ons and override), its caps or its value,
//     the sources, and the [Window] in which usage counts.
//   - A [Decision] is the answer to whether some units may be used.
//   - A cycle is a span of time counted from an agreement's anchor, by the plan's
//     interval: see package calendar.
//   - A term is what was agreed for at a time: see [Snapshot.AgreementAt]. Its end is
//     period_end everywhere. It is another thing than the window of usage: a year may
//     have monthly windows.
//   - Now is the clock's time, but never before the last change in the facts that
//     were read: see [Snapshot.Now].
//
// What was used is in package usage: records, counters and holds. Package service
// has the use cases, which read and write all of this in transactions.
//
// # Life cycles
//
// A plan is a draft or published. A draft changes freely, and nobody can subscribe
// to it. Published is for ever: a change of the plan makes its next version. An
// archived plan takes no new sign-ups, and who holds it keeps it.
//
// An agreement is scheduled, then live, then ended. It ends at its own end, which
// it got when it was made, by its trial or by cancelling; or when another takes
// its place; or, for an add-on, when the plan beside it ends. See settle. An end that
// is still to come can be taken back. A scheduled agreement can be withdrawn, and then
// never existed. A change of plan ends one agreement and begins another at the same
// instant. Any number may be scheduled; each ends where the next begins.
//
// What an agreement is counted from is fixed when it is made. It moves only with the
// end of its trial.
//
// A customer is active or suspended. It may be deleted, for ever. Its anchor is that
// of the first agreement that was ever live, or, until one was, of the first that is
// scheduled. The page docs/lifecycle.md follows one customer.
//
// # Invariants
//
//  1. The lives of a customer's agreements to plans never overlap, nor do those
//     of its agreements to the same add-on.
//  2. An add-on lives only while a plan does that it goes beside.
//  3. A published plan version never changes, and no version is ever removed.
//  4. An entitlement's id means the same item of the same version for ever: a
//     move to other terms is a new agreement.
//  5. The ids of a customer's agreements ascend in the order they were made. So a
//     walk by id that is under way meets those made after it began. (Imported
//     agreements bring their own ids and are where those say.)
//  6. A customer has the trial of a group, and of an add-on, at most once. A trial that
//     still runs goes on in the agreement that takes its place.
//  7. The past does not change: nothing adds, ends or moves an agreement's life
//     before now, except that an import may fill time without a plan. What was counted
//     from then stays what it was.
//  8. Every change of a customer's facts is in the log under the customer's next
//     revision, written in the same transaction.
//  9. Effective limits are sums, never above [MaxAmount]. Nothing is a float.
//  10. A counter is the sum of the changes of the records that count in its
//     window. [service.Service.Verify] checks it.
//  11. What consuming and confirmed holds have used of a window, with what is held
//     of it, was within the hard limit when it was decided, whatever raced.
//  12. A usage record's id counts once per customer. A stored answer is the only
//     one for its key.
//
// # Where to start reading
//
// entitlement.go has the facts of a customer and what follows at once, allowance.go
// the limits and decisions. book.go opens what a customer holds for a change: each
// book_ file has the changes of one noun, agreement_settle.go the ends that follow
// from them, and terms.go what agreements are counted from. catalog_apply.go has the
// rules of what is sold, and facts.go what the change log says of each row.
package billing
