package packed

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/allot-dev/allot/internal/billing"
)

// Form is the number of the form that this program packs facts in. It changes with
// whatever changes what [Pack] writes or how it is read, the words of a type
// included: what was sealed in another form is not opened.
const Form = 2

// sealed is how many bytes stand before the facts: the form, and a sum of all.
const sealed = 1 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seal is what a database keeps of a customer's facts.
func (text Facts) Seal(id billing.CustomerID) []byte {
	b := make([]byte, sealed+len(text))
	b[0] = Form
	copy(b[sealed:], text)
	binary.BigEndian.PutUint32(b[1:], sum(id, b))
	return b
}

// Open is what was sealed of a customer, unless that was in another form, or of
// another customer, or is not what it was.
func Open(id billing.CustomerID, b []byte) (Facts, bool) {
	if len(b) <= sealed || b[0] != Form || binary.BigEndian.Uint32(b[1:]) != sum(id, b) {
		return "", false
	}
	return Facts(b[sealed:]), true
}

func sum(id billing.CustomerID, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(id[:], castagnoli), castagnoli, b[sealed:])
}
