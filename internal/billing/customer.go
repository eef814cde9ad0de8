package billing

import (
	"fmt"
	"io"
	"maps"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/allot-dev/allot/internal/calendar"
)

// CustomerType says who a customer is. Plan groups are for one type.
type CustomerType string

// The types of customers.
const (
	Organization CustomerType = "organization"
	User         CustomerType = "user"
)

var customerTypes = []CustomerType{Organization, User}

// CustomerStatus is what the operator decided about a customer.
type CustomerStatus string

const (
	// Active is the normal state.
	Active CustomerStatus = "active"
	// Suspended customers are entitled to nothing until made active again.
	Suspended CustomerStatus = "suspended"
)

var customerStatuses = []CustomerStatus{Active, Suspended}

// Customer is who holds agreements: an organization, a user, or a user within
// an organization.
type Customer struct {
	ID   CustomerID
	Type CustomerType
	// OrgCode and UserID are the names the customer has in the identity
	// provider; "" where it has none. The pair, if not empty, is unique.
	OrgCode string
	UserID  string
	// ExternalID is what another system, such as a payment provider, calls the
	// customer; "" if nothing does. If not empty, it is unique.
	ExternalID string
	Name       string
	Email      string
	Status     CustomerStatus
	// AnchorOn is what all cycles are counted from: the first sign-up unless
	// set. Zero until then.
	AnchorOn time.Time
	// AnchorGiven says that somebody has set AnchorOn, so that no sign-up moves it.
	AnchorGiven bool
	// Zones are the time zones of the customer, the first from ever; none is UTC. No
	// two that follow each other are the same, and there are at most maxZones.
	Zones    []calendar.Zone
	Metadata map[string]string
	// DigestKey is what the digests of personal data in the change log are made with; ""
	// of a customer of before, and of one that was purged.
	DigestKey string

	CreatedOn time.Time
	// ChangedOn is the instant of the last change to the customer's facts. No
	// use case runs at an earlier one, even on a node whose clock lags.
	ChangedOn time.Time
	// DeletedOn is set once the customer is deleted. The record stays, so that
	// its id is never used again.
	DeletedOn time.Time
	// Rev counts the changes to the customer's facts.
	Rev int64
	// LastAgreementMS is the largest time an agreement's id of this customer
	// was made with; the next one is later, so that a walk by id meets it.
	LastAgreementMS int64
}

// NewCustomer asks for a customer. Zero fields take the default.
type NewCustomer struct {
	ID         CustomerID // of an imported customer; default: a new one
	Type       CustomerType
	OrgCode    string
	UserID     string
	ExternalID string
	Name       string
	Email      string
	// Plan is what to subscribe to at once; "" the default plan of the default
	// group for the type, if there is one.
	Plan     Code
	NoPlan   bool // subscribe to nothing
	AnchorOn time.Time
	TimeZone string // "" is UTC
	Metadata map[string]string
}

// CustomerUpdate changes the fields that are set.
type CustomerUpdate struct {
	OrgCode    *string
	UserID     *string
	ExternalID *string
	Name       *string
	Email      *string
	Status     *CustomerStatus
	AnchorOn   *time.Time // only while the customer has not signed up
	TimeZone   *string    // from now on; "" is UTC
	Metadata   *map[string]string
}

// CustomerAt is a customer as it stands at an instant.
type CustomerAt struct {
	Customer
	Agreements []AgreementAt // live and scheduled
	Overrides  []OverrideAt  // live
	Revision   Revision
}

// At is the customer as it stands at an instant.
func (s *Snapshot) At(now time.Time) CustomerAt {
	out := CustomerAt{Customer: s.Customer, Agreements: s.agreementsAt(now), Revision: s.Revision()}
	for _, o := range s.Overrides {
		if !o.ended(now) {
			out.Overrides = append(out.Overrides, s.OverrideAt(o))
		}
	}
	return out
}

// Record is the customer that is asked for, made at an instant; random is what
// its id is made from if it brings none. The errors are <FIELD>_INVALID and
// _REQUIRED.
func (in NewCustomer) Record(now time.Time, random io.Reader) (Customer, error) {
	c := Customer{
		ID: in.ID, Type: in.Type, OrgCode: in.OrgCode, UserID: in.UserID, ExternalID: in.ExternalID, Name: in.Name, Email: in.Email,
		Status: Active, AnchorOn: in.AnchorOn, AnchorGiven: !in.AnchorOn.IsZero(), Metadata: in.Metadata, CreatedOn: now,
	}
	if in.TimeZone != "" && in.TimeZone != calendar.UTC {
		c.Zones = []calendar.Zone{{Name: in.TimeZone}}
	}
	if errs := checkCustomer(&c); len(errs) > 0 {
		return Customer{}, errs
	}
	if idTime(c.ID).After(now.Add(MaxAhead)) {
		return Customer{}, Invalid.Errorf("ID_INVALID", "id has a time in the future")
	}
	if c.ID == (CustomerID{}) {
		var err error
		if c.ID, err = NewID[CustomerID](random, now.UnixMilli()); err != nil {
			return Customer{}, err
		}
	}
	return c, nil
}

// TimeZone is the name of the time zone that the customer was last set to, of IANA;
// "UTC" if it never was.
func (c *Customer) TimeZone() string {
	if len(c.Zones) == 0 {
		return calendar.UTC
	}
	return c.Zones[len(c.Zones)-1].Name
}

// setZone puts the customer into a time zone from an instant on, which is not before
// the last change of zone. One at the same instant takes the place of that.
func (c *Customer) setZone(name string, on time.Time) {
	if name == "" {
		name = calendar.UTC
	}
	if name == c.TimeZone() {
		return
	}
	zones := slices.Clone(c.Zones)
	if len(zones) == 0 {
		zones = []calendar.Zone{{Name: calendar.UTC}}
	}
	if last := len(zones) - 1; last > 0 && zones[last].From.Equal(on) {
		zones = zones[:last]
	}
	if zones[len(zones)-1].Name != name {
		zones = append(zones, calendar.Zone{From: on, Name: name})
	}
	if len(zones) == 1 && zones[0].Name == calendar.UTC {
		zones = nil
	}
	c.Zones = zones
}

func sameCustomer(a, b *Customer) bool {
	return a.OrgCode == b.OrgCode && a.UserID == b.UserID && a.ExternalID == b.ExternalID && a.Name == b.Name && a.Email == b.Email &&
		a.Status == b.Status && a.AnchorOn.Equal(b.AnchorOn) && maps.Equal(a.Metadata, b.Metadata) &&
		slices.Equal(a.Zones, b.Zones)
}

const (
	maxTextRunes    = 255
	maxMetadataKeys = 50
	maxMetadataText = 500
	maxZones        = 500 // a row of 20 kB
)

// checkCustomer reports everything that is wrong with a customer's fields.
func checkCustomer(c *Customer) (errs Errors) {
	add := func(code, format string, args ...any) { errs = append(errs, Invalid.Errorf(code, format, args...)) }
	switch c.Type {
	case Organization:
		if c.UserID != "" {
			add("USER_ID_INVALID", "a customer of type organization has no user_id")
		}
	case User:
		if c.UserID == "" && c.OrgCode != "" {
			add("USER_ID_REQUIRED", "a customer of type user with an org_code needs its user_id")
		}
	case "":
		add("TYPE_REQUIRED", "type is required: organization or user")
	default:
		add("TYPE_INVALID", "type must be organization or user")
	}
	if c.Status != Active && c.Status != Suspended {
		add("STATUS_INVALID", "status must be active or suspended")
	}
	for _, f := range []struct{ param, text string }{
		{"org_code", c.OrgCode}, {"user_id", c.UserID}, {"external_id", c.ExternalID}, {"name", c.Name}, {"email", c.Email},
	} {
		if !OneLine(f.text, maxTextRunes) {
			add(strings.ToUpper(f.param)+"_INVALID", "%s must be text of at most %d characters without control characters", f.param, maxTextRunes)
		}
	}
	if addr, err := mail.ParseAddress(c.Email); c.Email != "" && (err != nil || addr.Address != c.Email) {
		add("EMAIL_INVALID", "email must be an e-mail address, such as ann@example.com")
	}
	if !c.AnchorOn.IsZero() && !plausible(c.AnchorOn) {
		add("ANCHOR_ON_INVALID", "anchor_on must be between the years %d and %d", firstYear, lastYear)
	}
	for _, z := range c.Zones {
		if err := calendar.CheckZone(z.Name); err != nil {
			add("TIME_ZONE_INVALID", "time_zone: %v", err)
			break
		}
	}
	if len(c.Zones) > maxZones {
		add("TIME_ZONE_INVALID", "time_zone was changed %d times, which is all it can be; %s stays", maxZones-1, c.Zones[maxZones-1].Name)
	}
	if len(c.Metadata) > maxMetadataKeys {
		add("METADATA_INVALID", "metadata must have at most %d keys", maxMetadataKeys)
	}
	for k, v := range c.Metadata {
		if k == "" || !OneLine(k, maxTextRunes) || !utf8.ValidString(v) || strings.ContainsRune(v, 0) || utf8.RuneCountInString(v) > maxMetadataText {
			add("METADATA_INVALID", "metadata must have keys of 1 to %d characters and texts of at most %d", maxTextRunes, maxMetadataText)
			break
		}
	}
	return errs
}

// String is for logs: it has no personal data.
func (c Customer) String() string { return fmt.Sprintf("%s (%s)", c.ID, c.Type) }
