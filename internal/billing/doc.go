// Package billing holds every rule of Allot: what is sold, who holds it, and
// what follows from that at an instant. It stores nothing, speaks no protocol
// and asks no clock by itself; databases, requests and time are handed to it.
//
// The key decision: facts are stored, answers are computed. An entitlement, a
// period, the end of a trial are not records that a job must keep up to date;
// they follow from a [Snapshot] of facts and an instant. So nothing has to run
// for a cycle to roll or a scheduled change to take effect, and any instant can
// be asked about.
//
// # Terms
//
//   - A [Feature] is something plans can contain: a charge (a fixed price), a
//     metered feature (used by the unit) or an unmetered one (there or not).
//   - A [PlanGroup] holds plans for one type of customer. One group of each type
//     may be the default.
//   - A [Plan] is what customers subscribe to: a plan proper, of which a customer
//     has at most one at a time, or an add-on, any number of which go beside it.
//   - A [PlanVersion] is one state of a plan's [Terms]. Its [Item]s say which
//     features it contains, with limits and prices; their order is their position.
//   - A [Catalog] is all of these at one revision. A [CatalogSpec] is what its
//     file states; applying a spec gives the next catalog.
//   - A [Customer] is an organization, a user, or a user within an organization.
//   - An [Agreement] is a customer's subscription to one plan version, with a
//     half-open life [StartsOn, ExpiresOn).
//   - An [Entitlement] is one item of one live agreement.
//   - An [Override] is a customer's own terms for one feature, beside its plan.
//   - An [Allowance] is what follows for one feature: whether it is granted, its
//     effective [Limit] (the sum over plan, add-ons and override), the sources,
//     and the [Window] in which usage counts.
//   - A [UsageRecord] is one entry of the log of usage; a [Counter] the sum of
//     what the records of one window changed; a [Hold] units set aside.
//   - A [Decision] is the answer to whether some units may be used.
//   - A [service.Work.Work] is a unit of work: use cases that change something, in one
//     transaction.
//   - A [Cycle] is a span of time counted from the customer's anchor. The one
//     that contains now is an agreement's period.
//   - A trial is the time from the start of an agreement to its TrialEndsOn.
//   - A [Change] is the record of what happened; the feed gives all changes one
//     order.
//   - Now is the effective now: the clock's time, but never before the last
//     change in the facts that were read.
//
// # Life cycles
//
// A plan is a draft, which changes freely and which nobody can subscribe to, or
// published, for ever. A change of a published plan makes its next version.
// Archived plans take no new sign-ups; who holds one keeps it.
//
// An agreement is scheduled, then live, then ended. It ends at the end it was
// given itself (by cancelling, by its trial, at creation), or because another
// takes its place, or, for an add-on, because the plan beside it ends; see
// settle. A scheduled agreement can be withdrawn and then never existed. A
// customer's change of plan ends one agreement and begins another at the same
// instant.
//
// A customer is active or suspended, and may be deleted, for ever. Its anchor is
// set once, by the first agreement.
//
// # Invariants
//
//  1. Of one customer, the lives of agreements to plans never overlap, nor those
//     of agreements to the same add-on.
//  2. An add-on lives only while a plan does.
//  3. A published plan version never changes, and no version is ever removed.
//  4. An entitlement's id means the same item of the same version for ever: a
//     move to other terms is a new agreement.
//  5. The ids of a customer's agreements ascend in the order they were made, so
//     a walk by id that is under way meets those made after it began. (Imported
//     agreements bring their own ids and are where those say.)
//  6. A customer has the trial of a group, and of an add-on, at most once.
//  7. The past does not change: no use case adds, ends or moves an agreement's
//     life before now, except that an import may fill time without a plan.
//  8. Every change of a customer's facts is in the log under the customer's next
//     revision, written in the same transaction.
//  9. Effective limits are sums, never above [MaxAmount]; nothing is a float.
//  10. A counter is the sum of the changes of the records that count in its
//     window. [Service.Verify] checks it.
//  11. What consuming and confirmed holds have used of a window, with what is held
//     of it, was within the hard limit when it was decided, whatever raced.
//  12. A usage record's id counts once per customer; a stored answer is the only
//     one for its key.
//
// # Where to start
//
// [Entitlements] and [Snapshot.Allowance] are what everything else serves.
// [service.Service] has the use cases that read, [service.Work.Work] those that change. One that
// changes what a customer holds opens the customer's book (agreement_book.go),
// changes it, settles it (agreement_settle.go) and saves it; one that counts
// usage opens a ledger (ledger.go), in a transaction it may share (batch.go).
// [Catalog.Apply] is the rules of what is sold.
// [service.Store] is the seam to the databases.
package billing
