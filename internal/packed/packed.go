// Package packed has a customer's facts as one string of bytes: as they are kept in
// memory, and as a database has them beside the rows they are made of, so that what
// is read of a customer for the first time is one row, taken as it is.
//
// The key decision: it is one form for both. What is read from the database needs
// no decoding before it is kept, and no encoding either.
//
// Start with [Pack]; seal.go is what the database has.
package packed

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// Facts are a customer's facts as they are kept: one string without pointers,
// which costs a tenth of the facts themselves and nothing to the garbage
// collector. Integers are varints, an instant is its distance from the one
// before it in microseconds, texts are taken out again without a copy.
//
// What nobody asks of a snapshot to answer a request is not in it, above all what
// is personal: a customer's name, email, external id, metadata and digest key, an agreement's
// external id and metadata, the note of an override or a grant; nor when the customer was
// created, whether its anchor was given and what its next agreement's id must be
// above, nor of an agreement how it came about and whether it moves with the end of a
// term, nor who made an override or a grant, what a grant was bought and voided as and
// what for. The use cases that show or change a customer read the store.
type Facts string

// The values that texts of a few can have, by the byte they are packed as.
var (
	customerTypes = billing.Words[billing.CustomerType]()
	statuses      = billing.Words[billing.CustomerStatus]()
	planKinds     = billing.Words[billing.PlanKind]()
	grantKinds    = billing.Words[billing.GrantKind]()
	trialEnds     = append([]billing.TrialEnd{""}, billing.Words[billing.TrialEnd]()...)
)

// packer writes what unpacker reads.
type packer struct {
	text []byte
	last int64 // the instant before, in microseconds
}

func (p *packer) count(n int)     { p.text = binary.AppendUvarint(p.text, uint64(n)) }
func (p *packer) integer(n int64) { p.text = binary.AppendVarint(p.text, n) }

func (p *packer) string(s string) {
	p.count(len(s))
	p.text = append(p.text, s...)
}

func (p *packer) flag(b bool) {
	if b {
		p.count(1)
	} else {
		p.count(0)
	}
}

// instant writes 0 for the zero time.
func (p *packer) instant(t time.Time) {
	if t.IsZero() {
		p.count(0)
		return
	}
	at := t.UnixMicro()
	distance := at - p.last
	p.text = binary.AppendUvarint(p.text, uint64(distance<<1^distance>>63)+1)
	p.last = at
}

// limit writes 0 for nil.
func (p *packer) limit(n *int64) {
	p.flag(n != nil)
	if n != nil {
		p.integer(*n)
	}
}

func oneOf[T ~string](p *packer, values []T, v T) error {
	i := slices.Index(values, v)
	if i < 0 {
		return fmt.Errorf("%q is none of %q", v, values)
	}
	p.text = append(p.text, byte(i))
	return nil
}

// Pack packs the facts of a customer who is not deleted, read for an instant and
// what comes after it.
func Pack(f *billing.Facts, readFor time.Time) (Facts, error) {
	c := &f.Customer
	p := &packer{text: make([]byte, 0, 256)}
	p.integer(c.Rev)
	p.instant(readFor)
	p.instant(c.ChangedOn)
	p.instant(c.AnchorOn)
	if err := oneOf(p, customerTypes, c.Type); err != nil {
		return "", fmt.Errorf("type of %v: %w", c.ID, err)
	}
	if err := oneOf(p, statuses, c.Status); err != nil {
		return "", fmt.Errorf("status of %v: %w", c.ID, err)
	}
	p.string(c.OrgCode)
	p.string(c.UserID)
	p.count(len(c.Zones))
	for _, z := range c.Zones {
		p.instant(z.From)
		p.string(z.Name)
	}
	p.count(len(f.Agreements))
	for i := range f.Agreements {
		if err := p.agreement(&f.Agreements[i]); err != nil {
			return "", err
		}
	}
	p.count(len(f.Overrides))
	for i := range f.Overrides {
		o := &f.Overrides[i]
		p.text = append(p.text, o.ID[:]...)
		p.string(string(o.Feature))
		p.flag(o.HasMax)
		p.limit(o.Max)
		p.integer(o.Add)
		p.limit(o.AtLeast)
		p.flag(o.Deny)
		p.string(o.Value.Encoded())
		p.instant(o.StartsOn)
		p.instant(o.ExpiresOn)
	}
	p.count(len(f.Grants))
	for i := range f.Grants {
		if err := p.grant(&f.Grants[i]); err != nil {
			return "", err
		}
	}
	return Facts(p.text), nil
}

// grant leaves out the first half of the id, which is the customer's.
func (p *packer) grant(g *billing.Grant) error {
	p.text = append(p.text, g.ID[16:]...)
	p.string(string(g.Feature))
	p.integer(int64(g.Amount))
	p.instant(g.EffectiveOn)
	p.instant(g.ExpiresOn)
	p.count(g.Priority)
	if err := oneOf(p, grantKinds, g.Kind); err != nil {
		return fmt.Errorf("kind of %v: %w", g.ID, err)
	}
	p.count(len(g.Only))
	for _, code := range g.Only {
		p.string(string(code))
	}
	p.instant(g.CreatedOn)
	p.instant(g.EndedOn)
	p.instant(g.ClawedBackOn)
	p.instant(g.SetAsideOn)
	return nil
}

func (p *packer) agreement(a *billing.Agreement) error {
	p.text = append(p.text, a.ID[:]...)
	p.string(string(a.Plan))
	p.count(a.Version)
	if err := oneOf(p, planKinds, a.Kind); err != nil {
		return fmt.Errorf("kind of %v: %w", a.ID, err)
	}
	p.integer(a.Quantity)
	p.flag(a.Annual)
	p.instant(a.CreatedOn)
	p.instant(a.StartsOn)
	p.instant(a.ExpiresOn)
	p.instant(a.OwnEnd)
	p.instant(a.TrialEndsOn)
	if err := oneOf(p, trialEnds, a.TrialThen); err != nil {
		return fmt.Errorf("end of the trial of %v: %w", a.ID, err)
	}
	p.string(a.TrialScope)
	p.instant(a.AnchorOn)
	p.instant(a.TermFrom)
	p.count(len(a.Carried))
	for _, carried := range a.Carried {
		p.string(string(carried.Feature))
		p.limit(carried.Max)
		p.instant(carried.Until)
		p.count(len(carried.OverOn))
		for _, on := range carried.OverOn {
			p.instant(on)
		}
	}
	return nil
}

// unpacker reads a packed string from its beginning.
type unpacker struct {
	text string
	last int64
}

func (u *unpacker) uvarint() uint64 {
	if b := u.text[0]; b < 0x80 { // most are small
		u.text = u.text[1:]
		return uint64(b)
	}
	var n uint64
	for i, shift := 0, 0; ; i, shift = i+1, shift+7 {
		b := u.text[i]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			u.text = u.text[i+1:]
			return n
		}
	}
}

func (u *unpacker) count() int { return int(u.uvarint()) }
func (u *unpacker) flag() bool { return u.uvarint() != 0 }

func (u *unpacker) integer() int64 {
	n := u.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (u *unpacker) bytes(n int) string {
	s := u.text[:n]
	u.text = u.text[n:]
	return s
}

func (u *unpacker) string() string { return u.bytes(u.count()) }

func (u *unpacker) id() (id [16]byte) {
	copy(id[:], u.bytes(16))
	return id
}

func (u *unpacker) micros() (at int64, ok bool) {
	n := u.uvarint()
	if n == 0 {
		return 0, false
	}
	n--
	u.last += int64(n>>1) ^ -int64(n&1)
	return u.last, true
}

func (u *unpacker) instant() time.Time {
	at, ok := u.micros()
	if !ok {
		return time.Time{}
	}
	return time.UnixMicro(at).UTC()
}

func (u *unpacker) limit() *int64 {
	if !u.flag() {
		return nil
	}
	return new(u.integer())
}

// Rev is the revision of the facts.
func (text Facts) Rev() int64 {
	u := unpacker{text: string(text)}
	return u.integer()
}

// ReadFor is the instant that the facts were read for.
func (text Facts) ReadFor() time.Time {
	u := unpacker{text: string(text)}
	u.integer()
	return u.instant()
}

// Serves reports whether the facts are of a revision or a later one, and were
// read for an instant or an earlier one: what had ended when they were read is
// not in them.
func (text Facts) Serves(least int64, now time.Time) bool {
	u := unpacker{text: string(text)}
	rev := u.integer()
	readFor, _ := u.micros()
	return rev >= least && readFor <= now.UnixMicro()
}

// Snapshot makes a snapshot of facts. Its texts are parts of the packed string.
func (text Facts) Snapshot(id billing.CustomerID, catalog *billing.Catalog) *billing.Snapshot {
	// Most customers have one agreement; it shares the snapshot's memory.
	room := new(struct {
		snapshot  billing.Snapshot
		agreement [1]billing.Agreement
	})
	snap := &room.snapshot
	snap.Catalog = catalog
	u := unpacker{text: string(text)}
	c := &snap.Customer
	c.ID = id
	c.Rev = u.integer()
	u.micros() // what they were read for
	c.ChangedOn = u.instant()
	c.AnchorOn = u.instant()
	c.Type = customerTypes[u.count()]
	c.Status = statuses[u.count()]
	c.OrgCode = u.string()
	c.UserID = u.string()
	if n := u.count(); n > 0 {
		c.Zones = make([]calendar.Zone, n)
	}
	for i := range c.Zones {
		c.Zones[i] = calendar.Zone{From: u.instant(), Name: u.string()}
	}
	switch n := u.count(); n {
	case 0:
	case 1:
		snap.Agreements = room.agreement[:]
	default:
		snap.Agreements = make([]billing.Agreement, n)
	}
	for i := range snap.Agreements {
		u.agreement(&snap.Agreements[i], id)
	}
	if n := u.count(); n > 0 {
		snap.Overrides = make([]billing.Override, n)
	}
	for i := range snap.Overrides {
		o := &snap.Overrides[i]
		o.CustomerID = id
		o.ID = u.id()
		o.Feature = billing.Code(u.string())
		o.HasMax = u.flag()
		o.Max = u.limit()
		o.Add = u.integer()
		o.AtLeast = u.limit()
		o.Deny = u.flag()
		o.Value, _ = billing.DecodeValue(u.string()) // as it was encoded
		o.StartsOn = u.instant()
		o.ExpiresOn = u.instant()
	}
	if n := u.count(); n > 0 {
		snap.Grants = make([]billing.Grant, n)
	}
	for i := range snap.Grants {
		u.grant(&snap.Grants[i], id)
	}
	return snap
}

func (u *unpacker) grant(g *billing.Grant, customer billing.CustomerID) {
	g.CustomerID = customer
	own := u.id()
	copy(g.ID[:16], customer[:])
	copy(g.ID[16:], own[:])
	g.Feature = billing.Code(u.string())
	g.Amount = billing.Units(u.integer())
	g.EffectiveOn = u.instant()
	g.ExpiresOn = u.instant()
	g.Priority = u.count()
	g.Kind = grantKinds[u.count()]
	if n := u.count(); n > 0 {
		g.Only = make([]billing.Code, n)
	}
	for i := range g.Only {
		g.Only[i] = billing.Code(u.string())
	}
	g.CreatedOn = u.instant()
	g.EndedOn = u.instant()
	g.ClawedBackOn = u.instant()
	g.SetAsideOn = u.instant()
}

func (u *unpacker) agreement(a *billing.Agreement, customer billing.CustomerID) {
	a.CustomerID = customer
	a.ID = u.id()
	a.Plan = billing.Code(u.string())
	a.Version = u.count()
	a.Kind = planKinds[u.count()]
	a.Quantity = u.integer()
	a.Annual = u.flag()
	a.CreatedOn = u.instant()
	a.StartsOn = u.instant()
	a.ExpiresOn = u.instant()
	a.OwnEnd = u.instant()
	a.TrialEndsOn = u.instant()
	a.TrialThen = trialEnds[u.count()]
	a.TrialScope = u.string()
	a.AnchorOn = u.instant()
	a.TermFrom = u.instant()
	if n := u.count(); n > 0 {
		a.Carried = make([]billing.Carry, n)
	}
	for i := range a.Carried {
		c := billing.Carry{Feature: billing.Code(u.string()), Max: u.limit(), Until: u.instant()}
		for range u.count() {
			c.OverOn = append(c.OverOn, u.instant())
		}
		a.Carried[i] = c
	}
}
