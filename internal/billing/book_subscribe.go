package billing

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Subscribe makes an agreement. A plan takes the place of the customer's plan from
// the instant it starts until the next that is scheduled; an add-on goes beside it. A
// request for what is held, or scheduled for that instant, with all that it names,
// changes nothing but the end, if it names one.
//
// Errors: PLAN_NOT_FOUND, PLAN_NOT_PUBLISHED, PLAN_NOT_AVAILABLE,
// AGREEMENT_EXISTS, <FIELD>_INVALID, and those of the past.
func (b *Book) Subscribe(in NewAgreement) (Outcome, error) {
	r, err := b.request(in)
	if err != nil {
		return Outcome{}, err
	}
	id, err := b.subscribe(&r)
	if err != nil {
		return Outcome{}, err
	}
	if in.DropScheduled {
		b.drop(r.slot, func(a *Agreement) bool { return a.StartsOn.After(r.at) && a.ID != id && a.Origin != fromFallback })
	}
	if err := b.settle(); err != nil {
		return Outcome{}, err
	}
	a := b.agreementAt(id)
	if a.StartsOn.Before(b.Now) && b.isNew(id) && !in.Import {
		r.warn(warnStartsInPast, "the agreement starts in the past; usage and answers of then do not change; import: true says that it is history")
	}
	r.warnings = append(r.warnings, b.hiddenBy(&a.Agreement)...)
	return b.outcome(a, r.warnings...), nil
}

// Assign puts the customer on a plan, or adds an add-on, by the rule of Kinde's API:
// what is held is kept in its version, a scheduled end or change of it is taken back,
// and what is scheduled is dropped. The warnings say what was.
func (b *Book) Assign(code Code) (Outcome, error) {
	plan, err := b.offered(code)
	if err != nil {
		return Outcome{}, err
	}
	slot := plan.slot()
	held := b.live(slot)
	if held == nil || held.Plan != code {
		return b.Subscribe(NewAgreement{Plan: code, DropScheduled: true})
	}
	var warnings []Warning
	if b.cancelled(held) {
		warnings = append(warnings, warning(warnEndTakenBack, "the agreement to %s (%s) was to end on %s, and goes on",
			code, held.ID, held.OwnEnd.Format(time.RFC3339Nano)))
		held.OwnEnd = b.trialTerm(held)
	}
	id := held.ID
	b.drop(slot, func(o *Agreement) bool { return o.Origin != fromFallback }) // which goes with the end
	if err := b.settle(); err != nil {
		return Outcome{}, err
	}
	return b.outcome(b.agreementAt(id), warnings...), nil
}

// request is what a subscription asks for, with what it is about.
type request struct {
	NewAgreement
	plan *Plan
	slot Code
	at   time.Time // the instant it is about
	// held is the agreement to the same plan in force at that instant, or just before
	// it; replaced is that of the slot, whatever its plan. Nil if there is none.
	held, replaced *Agreement
	warnings       []Warning
}

func (r *request) warn(code, format string, args ...any) {
	r.warnings = append(r.warnings, warning(code, format, args...))
}

// slot is that of agreements to the plan.
func (p *Plan) slot() Code { return (&Agreement{Plan: p.Code, Kind: p.Kind}).slot() }

func (b *Book) request(in NewAgreement) (request, error) {
	r := request{NewAgreement: in}
	var err error
	if r.plan, err = b.offered(in.Plan); err != nil {
		return r, err
	}
	r.slot = r.plan.slot()
	if r.at, err = b.instant(&r); err != nil {
		return r, err
	}
	switch {
	case r.at.Equal(b.Now):
		if r.replaced = b.live(r.slot); r.replaced == nil { // what ends now is not held
			r.replaced, err = b.before(r.slot, r.at)
		}
	case r.at.After(b.Now):
		r.replaced, err = b.before(r.slot, r.at)
	default:
		if held := b.live(r.slot); held != nil && held.StartsOn.Equal(r.at) {
			r.replaced = held
		}
	}
	if err != nil {
		return r, err
	}
	if r.replaced != nil {
		r.replaced = new(*r.replaced) // those of the book move
		if r.replaced.Plan == in.Plan && (r.at.After(b.Now) || r.replaced.Live(b.Now)) {
			r.held = r.replaced
		}
	}
	switch {
	case in.Import && in.Trial != nil && *in.Trial != (TrialWish{}):
		return r, Invalid.Errorf("TRIAL_INVALID", "what is imported is history and has no trial; leave out trial, or import")
	case in.Import && r.at.After(b.Now):
		return r, Invalid.Errorf("STARTS_ON_INVALID", "what is imported is history: starts_on must not be in the future")
	}
	wish := in.Anchor
	if wish.Keep && wish.Start || !wish.On.IsZero() && (wish.Keep || wish.Start || !plausible(wish.On)) {
		return r, Invalid.Errorf("ANCHOR_INVALID", "anchor must be keep, start, or a time between the years %d and %d", firstYear, lastYear)
	}
	if wish != (AnchorWish{}) {
		if err := b.Catalog.waits("ANCHOR_INVALID", "anchor"); err != nil {
			return r, err
		}
	}
	return r, checkNames(in.ExternalID, in.Metadata)
}

// instant is the one that a request is about. A start a little in the past is now.
func (b *Book) instant(r *request) (time.Time, error) {
	switch {
	case r.When != "" && !r.StartsOn.IsZero():
		return time.Time{}, Invalid.Errorf("WHEN_INVALID", "give either when or starts_on")
	case r.When == WhenPeriodEnd:
		ends := b.live(r.slot)
		if ends == nil {
			ends = b.live("")
		}
		if ends == nil {
			return time.Time{}, Invalid.Errorf("WHEN_INVALID", "the customer has no plan whose period could end; use when=now")
		}
		return b.periodEnd(ends)
	case r.StartsOn.IsZero():
		return b.Now, nil
	case !plausible(r.StartsOn):
		return time.Time{}, Invalid.Errorf("STARTS_ON_INVALID", "starts_on must be between the years %d and %d", firstYear, lastYear)
	case !r.StartsOn.After(b.Now) && !r.StartsOn.Before(b.Now.Add(-MaxAhead)):
		return b.Now, nil
	}
	return r.StartsOn, nil
}

// subscribe is [Book.Subscribe] before it is settled.
func (b *Book) subscribe(r *request) (AgreementID, error) {
	there, err := b.repeats(r)
	if err != nil || there != nil {
		return there.id(), err
	}
	if r.plan.Archived && r.held == nil {
		return AgreementID{}, Refused.Errorf("PLAN_NOT_AVAILABLE", "plan %s is archived and takes no new sign-ups", r.plan.Code)
	}
	a := Agreement{
		CustomerID: b.Customer.ID, Plan: r.plan.Code, Kind: r.plan.Kind, CreatedOn: b.Now, StartsOn: r.at, OwnEnd: r.ExpiresOn,
		AtPeriodEnd: r.When == WhenPeriodEnd, Metadata: r.Metadata,
	}
	if r.Import {
		a.Origin = fromImport
	}
	if err := choose(&a, r); err != nil {
		return AgreementID{}, err
	}
	b.keepEnd(&a, r)
	if !a.OwnEnd.IsZero() && (!a.OwnEnd.After(a.StartsOn) || !plausible(a.OwnEnd)) {
		return AgreementID{}, Invalid.Errorf("EXPIRES_ON_INVALID", "expires_on must be after the agreement starts and before the year %d", lastYear)
	}
	if err := b.free(r.ID); err != nil {
		return AgreementID{}, err
	}
	if err := b.fits(&a); err != nil {
		return AgreementID{}, err
	}
	b.drop(r.slot, func(o *Agreement) bool {
		later := r.DropScheduled && o.StartsOn.After(a.StartsOn)
		return o.StartsOn.Equal(a.StartsOn) || later && o.Origin != fromFallback // which goes by its own rule
	})
	if err := b.trial(&a, r); err != nil {
		return AgreementID{}, err
	}
	if err := b.place(&a, r.Anchor); err != nil {
		return AgreementID{}, err
	}
	if err := b.identify(&a, r.ID); err != nil {
		return AgreementID{}, err
	}
	b.nameIt(&a, r)
	b.Agreements = append(b.Agreements, a)
	return a.ID, nil
}

// repeats is the agreement that has all that a request names, if there is one: held,
// or scheduled for that instant. Of what is held the end becomes the one that is named.
func (b *Book) repeats(r *request) (*Agreement, error) {
	held := r.held
	switch {
	case held != nil && r.Trial != nil:
		return nil, Invalid.Errorf("TRIAL_INVALID", "the customer is on %s then; to move the end of a trial that runs, PATCH the agreement with trial_ends_on", held.Plan)
	case r.at.After(b.Now):
		return b.scheduledLike(r)
	case held == nil:
		return nil, nil
	case !r.Anchor.of(held) || !r.names(held):
		return nil, nil
	case r.at.Before(b.Now):
		if !r.ExpiresOn.IsZero() && !earlier(r.ExpiresOn, b.trialTerm(held)).Equal(held.OwnEnd) {
			return nil, nil
		}
		return held, nil
	case r.ExpiresOn.IsZero():
		return held, nil
	case !r.ExpiresOn.After(b.Now) || !plausible(r.ExpiresOn):
		return nil, Invalid.Errorf("EXPIRES_ON_INVALID", "expires_on must be in the future; to end the agreement now, cancel it")
	}
	held = &b.Agreements[b.index(held.ID)]
	held.OwnEnd = r.ExpiresOn
	return held, b.endsInTime(held)
}

// scheduledLike is the agreement that is scheduled for the instant of a request and
// has all that it names, or nil.
func (b *Book) scheduledLike(r *request) (*Agreement, error) {
	for i := range b.Agreements {
		a := &b.Agreements[i]
		if a.Plan != r.Plan || !a.StartsOn.Equal(r.at) || !r.names(a) || r.Import && a.Origin != fromImport ||
			!r.ExpiresOn.IsZero() && !earlier(r.ExpiresOn, b.trialTerm(a)).Equal(a.OwnEnd) {
			continue
		}
		if w := r.Trial; w != nil {
			end, err := w.end(a.StartsOn, b.Now)
			if *w == (TrialWish{}) {
				end, err = time.Time{}, nil
			}
			if err != nil || !end.Equal(a.TrialEndsOn) {
				continue
			}
		}
		if (r.Anchor != AnchorWish{}) {
			again := *a
			if err := b.place(&again, r.Anchor); err != nil {
				return nil, err
			}
			if !again.AnchorOn.Equal(a.AnchorOn) || !again.TermFrom.Equal(a.TermFrom) {
				continue
			}
		}
		return a, nil
	}
	return nil, nil
}

// names reports whether an agreement has what a request names of version, quantity,
// annual, metadata and ids.
func (r *request) names(a *Agreement) bool {
	return (r.Version == 0 || r.Version == a.Version) && (r.Quantity == 0 || r.Quantity == a.Quantity) &&
		(r.Annual == nil || *r.Annual == a.Annual) && (r.ID == AgreementID{} || r.ID == a.ID) &&
		(r.Metadata == nil || maps.Equal(r.Metadata, a.Metadata)) && (r.ExternalID == nil || *r.ExternalID == a.ExternalID)
}

// of reports whether the periods of an agreement that is held are counted as is wished for.
// Who wishes for the start wants them to begin anew.
func (w AnchorWish) of(held *Agreement) bool {
	if w.On.IsZero() {
		return !w.Start
	}
	return w.On.Equal(held.AnchorOn) && (held.TermFrom.IsZero() || w.On.Equal(held.TermFrom))
}

// id is the agreement's; zero of nil.
func (a *Agreement) id() AgreementID {
	if a == nil {
		return AgreementID{}
	}
	return a.ID
}

// offered is the plan of a code, if the customer may be on it.
func (b *Book) offered(code Code) (*Plan, error) {
	plan, ok := b.Catalog.Plans[code]
	switch {
	case !ok:
		return nil, NotFound.Errorf("PLAN_NOT_FOUND", "there is no plan with this plan_code")
	case plan.Kind == KindPack:
		return nil, Refused.Errorf("PLAN_NOT_AVAILABLE", "%s is a pack, to which nobody subscribes; it is bought with POST /v1/customers/{ref}/grants {\"pack\": %q}", code, code)
	case plan.Status != Published:
		return nil, Refused.Errorf("PLAN_NOT_PUBLISHED", "plan %s is a draft; publish it before anybody subscribes", code)
	case b.Catalog.Groups[plan.Group].CustomerType != b.Customer.Type:
		return nil, Refused.Errorf("PLAN_NOT_AVAILABLE", "plan %s is for customers of type %s; this one is of type %s",
			code, b.Catalog.Groups[plan.Group].CustomerType, b.Customer.Type)
	}
	return plan, nil
}

// choose sets version, quantity and annual: as asked, else as held, else the
// defaults.
func choose(a *Agreement, r *request) error {
	a.Version, a.Quantity = r.plan.Latest().Number, r.plan.Latest().least()
	if r.held != nil {
		a.Version, a.Quantity, a.Annual = r.held.Version, r.held.Quantity, r.held.Annual
	}
	if r.Version != 0 {
		if a.Version = r.Version; r.plan.Version(a.Version) == nil {
			return Invalid.Errorf("VERSION_INVALID", "plan %s has the versions 1 to %d", r.plan.Code, r.plan.Latest().Number)
		}
	}
	if r.Quantity != 0 {
		a.Quantity = r.Quantity
	}
	if r.Annual != nil {
		a.Annual = *r.Annual
	}
	terms := r.plan.Version(a.Version)
	if wrong := terms.cannot(a); len(wrong) > 0 {
		return wrong
	}
	return nil
}

// least is the smallest quantity that the terms offer.
func (v *PlanVersion) least() int64 {
	if v.Quantity != nil && v.Quantity.Min != nil {
		return max(1, *v.Quantity.Min)
	}
	return 1
}

// cannot says what of the choices of an agreement the terms do not offer.
func (v *PlanVersion) cannot(a *Agreement) (errs Errors) {
	add := func(code, format string, args ...any) { errs = append(errs, Invalid.Errorf(code, format, args...)) }
	least, most := v.least(), int64(MaxAmount)
	if v.Quantity != nil && v.Quantity.Max != nil {
		most = min(most, *v.Quantity.Max)
	}
	switch {
	case a.Kind == KindPlan && v.Quantity == nil && a.Quantity != 1:
		add("QUANTITY_INVALID", "version %d of plan %s has no quantity; leave it out", v.Number, v.Plan)
	case a.Quantity < least || a.Quantity > most:
		add("QUANTITY_INVALID", "quantity must be a whole number from %d to %d", least, most)
	}
	if a.Annual && !v.hasAnnual() {
		add("ANNUAL_INVALID", "version %d of plan %s has no annual price; give annual: false", v.Number, v.Plan)
	}
	return errs
}

// keepEnd lets a new agreement to a plan that is held end when that would, unless
// the request says when. One that begins where that ends is another life.
func (b *Book) keepEnd(a *Agreement, r *request) {
	if r.held == nil || !a.OwnEnd.IsZero() || !b.cancelled(r.held) || a.StartsOn.Before(b.Now) || !r.held.OwnEnd.After(a.StartsOn) {
		return
	}
	a.OwnEnd = r.held.OwnEnd
	r.warn(warnEndKept, "the agreement ends on %s, as it would have before; to let it go on, resume it", a.OwnEnd.Format(time.RFC3339Nano))
}

// free makes sure that the id of an imported agreement is not another's.
func (b *Book) free(id AgreementID) error {
	if id == (AgreementID{}) {
		return nil
	}
	if _, err := b.past.AgreementCustomer(id); err == nil {
		return AgreementExists(Agreement{ID: id})
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// nameIt gives a new agreement the external id that is asked for. The agreement
// it takes the place of gives it up.
func (b *Book) nameIt(a *Agreement, r *request) {
	replaced := r.replaced
	switch {
	case r.ExternalID != nil:
		a.ExternalID = *r.ExternalID
		if i := b.index(replaced.id()); i >= 0 && b.Agreements[i].ExternalID == a.ExternalID {
			b.Agreements[i].ExternalID = ""
		}
	case r.held != nil && r.held.ExternalID != "":
		r.warn(warnExternalIDLeftBehind, "external_id %s stays with the agreement that is replaced (%s); name it to move it", r.held.ExternalID, r.held.ID)
	}
}

// checkNames refuses an external id or metadata that cannot be kept.
func checkNames(externalID *string, metadata map[string]string) error {
	c := Customer{Type: Organization, Status: Active, Metadata: metadata}
	set(&c.ExternalID, externalID)
	if errs := checkCustomer(&c); len(errs) > 0 {
		return errs
	}
	return nil
}

// periodEnd is when the term of an agreement ends, or the agreement itself if that
// is earlier. An add-on without a term goes by the plan.
func (b *Book) periodEnd(a *Agreement) (time.Time, error) {
	if term, ok := b.term(a, b.Now); ok {
		return earlier(term.End, a.OwnEnd), nil
	}
	if plan := b.live(""); a.Kind == KindAddOn && plan != nil {
		end, err := b.periodEnd(plan)
		return earlier(end, a.OwnEnd), err
	}
	if !a.OwnEnd.IsZero() {
		return a.OwnEnd, nil
	}
	return time.Time{}, Invalid.Errorf("WHEN_INVALID", "plan %s has no cycle; use when=now", a.Plan)
}

// drop takes scheduled agreements of a slot out of the book.
func (b *Book) drop(slot Code, which func(*Agreement) bool) {
	b.Agreements = slices.DeleteFunc(b.Agreements, func(a Agreement) bool {
		return a.slot() == slot && a.Scheduled(b.Now) && which(&a)
	})
}

// fits makes sure that a new agreement does not change the past and that an
// add-on has a plan that it goes beside.
func (b *Book) fits(a *Agreement) error {
	if a.Kind == KindAddOn {
		if wrong := b.notBeside(a); wrong != "" {
			return Refused.Errorf("PLAN_NOT_AVAILABLE", "%s", wrong)
		}
		if plan := b.live(""); a.StartsOn.Before(b.Now) && a.StartsOn.Before(plan.StartsOn) {
			return Invalid.Errorf("STARTS_ON_INVALID", "starts_on is before the plan that the add-on goes beside, which started on %s",
				plan.StartsOn.Format(time.RFC3339Nano))
		}
	}
	if !a.StartsOn.Before(b.Now) {
		return nil
	}
	past := b.Now
	if !a.OwnEnd.IsZero() {
		past = earlier(a.OwnEnd, b.Now)
	}
	taken, err := b.past.Overlapping(b.Customer.ID, a.slot(), a.StartsOn, past, 1)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return Invalid.Errorf("STARTS_ON_INVALID", "starts_on would change the past: the customer was on %s from %s",
			taken[0].Plan, taken[0].StartsOn.Format(time.RFC3339Nano))
	}
	return nil
}

// identify gives a new agreement its id: the one it is imported with, or a new
// one that sorts after all the customer has.
func (b *Book) identify(a *Agreement, imported AgreementID) error {
	if imported != (AgreementID{}) {
		if idTime(imported).After(b.Now.Add(MaxAhead)) {
			return Invalid.Errorf("ID_INVALID", "id has a time in the future")
		}
		if b.index(imported) >= 0 {
			return AgreementExists(Agreement{ID: imported})
		}
		a.ID = imported
	} else {
		id, err := NewID[AgreementID](b.random, b.stamp())
		if err != nil {
			return err
		}
		id[14], id[15] = 0, 0
		a.ID = id
	}
	b.Customer.LastAgreementMS = max(b.Customer.LastAgreementMS, idMillis(a.ID))
	return nil
}

// AgreementExists is the error for an agreement that cannot be stored beside another:
// EXTERNAL_ID_EXISTS if it has an external id, which is that of the other, else
// AGREEMENT_EXISTS, of an imported one. Of a clash of ids the book knows before.
func AgreementExists(a Agreement) error {
	if a.ExternalID != "" {
		return Conflict.Errorf("EXTERNAL_ID_EXISTS", "the external_id %s is that of another agreement", strings.ToValidUTF8(a.ExternalID, ""))
	}
	return Conflict.Errorf("AGREEMENT_EXISTS", "the id %s is taken: its first 28 digits are those of another agreement", a.ID)
}
