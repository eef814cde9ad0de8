package billing

import (
	"fmt"
	"strconv"
	"strings"
)

// Revision says how new an answer is. Written "catalog.customer"; callers treat
// it as opaque.
type Revision struct{ Catalog, Customer int64 }

func (r Revision) String() string {
	text := strconv.AppendInt(make([]byte, 0, 40), r.Catalog, 10)
	text = append(text, '.')
	return string(strconv.AppendInt(text, r.Customer, 10))
}

// ParseRevision reads what [Revision.String] writes.
func ParseRevision(s string) (Revision, error) {
	left, right, ok := strings.Cut(s, ".")
	catalog, err1 := strconv.ParseInt(left, 10, 64)
	customer, err2 := strconv.ParseInt(right, 10, 64)
	if !ok || err1 != nil || err2 != nil || catalog < 0 || customer < 0 {
		return Revision{}, fmt.Errorf("not a revision: give back one that an answer carried")
	}
	return Revision{catalog, customer}, nil
}

// Covers reports whether a state of revision r has everything that one of min
// has.
func (r Revision) Covers(min Revision) bool {
	return r.Catalog >= min.Catalog && r.Customer >= min.Customer
}

// Revision is that of the snapshot's facts.
func (s *Snapshot) Revision() Revision {
	return Revision{Catalog: s.Catalog.Rev, Customer: s.Customer.Rev}
}
