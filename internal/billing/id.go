package billing

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// Ids are 16 bytes: the Unix time of creation in milliseconds (48 bits, big
// endian), then random bytes. Written, they are a prefix that names the kind
// and 32 lower-case hex digits, so that text order, byte order and order of
// creation are the same.
type (
	// CustomerID is written customer_<32 hex>.
	CustomerID [16]byte
	// AgreementID is written agreement_<32 hex>. Its first 14 bytes are unique
	// among all agreements; the last two make room for [EntitlementID].
	AgreementID [16]byte
	// EntitlementID is written entitlement_<32 hex>. It is derived: the first 14
	// bytes of its agreement's id and the position of the item in the plan
	// version. So it is never stored, and as a cursor it decodes by itself.
	EntitlementID [16]byte
	// GroupID is written sbg_<32 hex>.
	GroupID [16]byte
)

const (
	customerPrefix    = "customer_"
	agreementPrefix   = "agreement_"
	entitlementPrefix = "entitlement_"
	groupPrefix       = "sbg_"
	overridePrefix    = "override_"
)

func (id CustomerID) String() string    { return idText(customerPrefix, id[:]) }
func (id AgreementID) String() string   { return idText(agreementPrefix, id[:]) }
func (id EntitlementID) String() string { return idText(entitlementPrefix, id[:]) }
func (id GroupID) String() string       { return idText(groupPrefix, id[:]) }
func (id OverrideID) String() string    { return idText(overridePrefix, id[:]) }

// idText writes an id, which is done for each statement, with one allocation.
func idText(prefix string, id []byte) string {
	var b [96]byte
	return string(hex.AppendEncode(append(b[:0], prefix...), id))
}

// CompareIDs orders ids of one kind as their text does.
func CompareIDs[ID ~[16]byte](a, b ID) int {
	x, y := [16]byte(a), [16]byte(b)
	return bytes.Compare(x[:], y[:])
}

// Stem is the part of an agreement's id that its entitlements share.
func (id AgreementID) Stem() [14]byte { return [14]byte(id[:14]) }

// Entitlement is the id of the entitlement at a position of the agreement's
// plan version.
func (id AgreementID) Entitlement(position int) EntitlementID {
	e := EntitlementID(id)
	binary.BigEndian.PutUint16(e[14:], uint16(position))
	return e
}

// Position is the position of the item in its plan version; 0 of an id that is
// derived from an override's.
func (id EntitlementID) Position() int { return int(binary.BigEndian.Uint16(id[14:])) }

// ParseID reads an id as its String writes it. The errors say what would be right.
func ParseID[ID CustomerID | AgreementID | EntitlementID | GroupID | OverrideID](s string) (ID, error) {
	var id ID
	prefix := ""
	switch any(id).(type) {
	case CustomerID:
		prefix = customerPrefix
	case AgreementID:
		prefix = agreementPrefix
	case EntitlementID:
		prefix = entitlementPrefix
	case GroupID:
		prefix = groupPrefix
	case OverrideID:
		prefix = overridePrefix
	}
	return parseID[ID](prefix, s)
}

func parseID[ID ~[16]byte](prefix, s string) (ID, error) {
	var id ID
	digits, ok := strings.CutPrefix(s, prefix)
	ok = ok && len(digits) == 2*len(id)
	var b [16]byte
	for i := 0; ok && i < len(b); i++ {
		high, low := nibble(digits[2*i]), nibble(digits[2*i+1])
		b[i], ok = high<<4|low, high|low < 16
	}
	if !ok {
		return id, fmt.Errorf("not an id: want %s and 32 lower-case hex digits", prefix)
	}
	return ID(b), nil
}

// nibble is what a lower-case hex digit says; of any other byte it is 16 or more.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// NewID makes an id that was created at a Unix millisecond, the rest of it random.
// The error is that of reading random.
func NewID[ID ~[16]byte](random io.Reader, ms int64) (ID, error) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(ms)<<16)
	if _, err := io.ReadFull(random, b[6:]); err != nil {
		return ID{}, fmt.Errorf("random bytes for an id: %w", err)
	}
	return ID(b), nil
}

// idMillis is the Unix millisecond an id says it was created at.
func idMillis[ID ~[16]byte](id ID) int64 {
	b := [16]byte(id)
	return int64(binary.BigEndian.Uint64(b[:8]) >> 16)
}

// idTime is [idMillis] as a time.
func idTime[ID ~[16]byte](id ID) time.Time { return time.UnixMilli(idMillis(id)).UTC() }
