package sqlstore

import (
	"database/sql/driver"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// zones are the time zones of a customer, as a JSON array. An empty one is read as
// nil.
type zones []calendar.Zone

// zoneDoc is a document of the schema, as termsDoc is. From is in microseconds;
// that of the first is left out.
type zoneDoc struct {
	Name string `json:"name"`
	From *int64 `json:"from,omitempty"`
}

// Value implements [driver.Valuer].
func (zs zones) Value() (driver.Value, error) {
	docs := make([]zoneDoc, len(zs))
	for i, z := range zs {
		// Marshal would replace what is not UTF-8 in silence.
		if err := checkText(z.Name); err != nil {
			return nil, err
		}
		docs[i] = zoneDoc{Name: z.Name}
		if !z.From.IsZero() {
			if _, err := micros(z.From); err != nil {
				return nil, err
			}
			docs[i].From = new(z.From.UnixMicro())
		}
	}
	return marshal(docs)
}

// Scan implements [sql.Scanner].
func (zs *zones) Scan(v any) error {
	*zs = nil
	if v == "[]" {
		return nil
	}
	var docs []zoneDoc
	if err := unmarshal(v, &docs); err != nil {
		return err
	}
	for _, d := range docs {
		z := calendar.Zone{Name: d.Name}
		if d.From != nil {
			z.From = time.UnixMicro(*d.From).UTC()
		}
		*zs = append(*zs, z)
	}
	return nil
}
