package data

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// Now is the present of the demo, and Begin when it began: what happened in it happened
// in between. A server tells of what time causes from its first start, so that is to be
// at Begin.
var (
	Now   = time.Date(2026, 11, 30, 14, 20, 0, 0, time.UTC)
	Begin = Now.AddDate(0, 0, -41)
)

//go:embed demo.yaml
var demoCatalog []byte

// Server is an empty one that is to be filled.
type Server struct {
	Client *client.Client  // may do everything
	Set    func(time.Time) // moves the server's clock
	// Hook is where webhooks are sent that arrive, and Broken where none does.
	Hook, Broken string
}

// customer is somebody of the demo. The ids are given, so that two pictures of one
// page are the same.
type customer struct {
	code, name string // of an organization; of a user, code is its id
	user       bool
	zone       string
	plan       string
	since      int // days ago
	annual     bool
	seats      int // held
	storage    int // GB held
	minutes    int // a day, about
	calls      int // a day, about
	summaries  int // a day, about
}

var customers = []customer{
	{code: "alder", name: "Alder & Finch Architects", zone: "Europe/London", plan: "team", since: 40, seats: 14, storage: 61, minutes: 95, calls: 900, summaries: 4},
	{code: "brightwater", name: "Brightwater Clinics", zone: "America/Chicago", plan: "business", since: 39, annual: true, seats: 62, storage: 540, minutes: 410, calls: 3100, summaries: 21},
	{code: "cobalt", name: "Cobalt Freight", plan: "team", since: 12, seats: 6, storage: 9, minutes: 60, calls: 150, summaries: 3},
	{code: "dunmore", name: "Dunmore College", zone: "Europe/Dublin", plan: "business", since: 38, seats: 71, storage: 880, minutes: 430, calls: 2400, summaries: 12},
	{code: "elmtree", name: "Elmtree Dental", plan: "starter", since: 33, seats: 3, storage: 2, minutes: 9},
	{code: "foxglove", name: "Foxglove Media", zone: "Europe/Berlin", plan: "team", since: 36, seats: 11, storage: 93, minutes: 130, calls: 1900, summaries: 9},
	{code: "granite", name: "Granite Legal LLP", zone: "America/New_York", plan: "business", since: 35, seats: 40, storage: 310, minutes: 280, calls: 800, summaries: 30},
	{code: "harbour", name: "Harbour Studios", plan: "team", since: 31, seats: 8, storage: 20, minutes: 20},
	{code: "ibis", name: "Ibis Analytics", zone: "Asia/Singapore", plan: "team", since: 29, seats: 9, storage: 44, minutes: 40, calls: 2600, summaries: 2},
	{code: "juniper", name: "Juniper Health Network", zone: "America/Los_Angeles", plan: "enterprise", since: 40, seats: 340, storage: 7200, minutes: 2100, calls: 22000, summaries: 90},
	{code: "kestrel", name: "Kestrel Robotics", plan: "team", since: 27, annual: true, seats: 17, storage: 35, minutes: 75, calls: 1200, summaries: 6},
	{code: "larkspur", name: "Larkspur Press", plan: "team", since: 25, seats: 5, storage: 71, minutes: 50, summaries: 8},
	{code: "meridian", name: "Meridian Travel", zone: "Europe/Madrid", plan: "business", since: 34, seats: 31, storage: 140, minutes: 60, calls: 500, summaries: 5},
	{code: "northgate", name: "Northgate Council", zone: "Europe/London", plan: "enterprise", since: 22, seats: 120, storage: 900, minutes: 600, calls: 4000, summaries: 14},
	{code: "oakline", name: "Oakline Builders", plan: "starter", since: 19, seats: 2, storage: 1, minutes: 4},
	{code: "pemberton", name: "Pemberton & Co", zone: "Europe/London", plan: "team", since: 20, seats: 7, storage: 12, minutes: 55, calls: 300, summaries: 4},
	{code: "quayside", name: "Quayside Events", plan: "starter", since: 30, seats: 3, storage: 4, minutes: 8},
	{code: "rowan", name: "Rowan Trust", plan: "team", since: 26, seats: 22, storage: 18, minutes: 45, summaries: 2},
	{code: "kp_sofia", name: "Sofia Lindqvist", user: true, zone: "Europe/Stockholm", plan: "personal_plus", since: 17, storage: 12, minutes: 25, summaries: 1},
	{code: "kp_tomas", name: "Tomas Weber", user: true, zone: "Europe/Vienna", plan: "personal", since: 9, storage: 1, minutes: 11},
}

// ID is the id of the demo's customer with an org code or a user id, "" if there is none.
func ID(code string) string {
	for i, c := range customers {
		if c.code == code {
			// An id begins with the time at which it was made.
			made := Now.AddDate(0, 0, -c.since).Truncate(24 * time.Hour)
			return fmt.Sprintf("customer_%012x%020x", made.UnixMilli(), 0xa110700+i)
		}
	}
	return ""
}

// Demo fills an empty server with the demo, whose clock then stands at [Now].
func Demo(ctx context.Context, s Server) error {
	random := rand.New(rand.NewPCG(11, 30))
	s.Set(Begin)
	if _, err := s.Client.Catalog.Apply(ctx, demoCatalog, false); err != nil {
		return err
	}
	for _, hook := range []api.CreateWebhookRequest{
		{URL: s.Hook, Format: api.WebhookStandard, Events: api.WebhookEvents{"agreement.created", "agreement.ended", "usage.threshold_reached"}, Description: "Customer success: who grows, who is about to leave"},
		{URL: s.Broken, Format: api.WebhookStandard, Events: api.WebhookEvents{"customer.updated"}, Description: "CRM"},
	} {
		if hook.URL == "" {
			continue
		}
		if _, err := s.Client.Webhooks.Create(ctx, hook); err != nil {
			return err
		}
	}
	for ago := 40; ago >= 0; ago-- {
		morning := Now.AddDate(0, 0, -ago).Truncate(24 * time.Hour).Add(8 * time.Hour)
		s.Set(morning)
		for i, c := range customers {
			if c.since == ago {
				s.Set(morning.Add(time.Duration(7*i) * time.Minute))
				if err := s.signUp(ctx, c); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
		}
		for _, h := range happenings {
			if h.ago == ago {
				s.Set(morning.Add(3*time.Hour + time.Duration(h.minute)*time.Minute))
				if err := h.do(ctx, s.Client); err != nil {
					return fmt.Errorf("%d days ago: %w", ago, err)
				}
			}
		}
		evening := morning.Add(6 * time.Hour)
		s.Set(evening)
		if err := s.work(ctx, random, ago, evening); err != nil {
			return fmt.Errorf("usage of %d days ago: %w", ago, err)
		}
	}
	s.Set(Now)
	return s.today(ctx)
}

func (s Server) signUp(ctx context.Context, c customer) error {
	r := api.CreateCustomerRequest{
		ID: ID(c.code), Type: api.CustomerOrganization, OrgCode: c.code, Name: c.name, TimeZone: c.zone,
		Email: "billing@" + c.code + ".example", PlanCode: api.Null[string](),
		Metadata: map[string]string{"account_manager": "Ada", "segment": "mid-market"},
	}
	if c.user {
		r.Type, r.OrgCode, r.UserID, r.Email, r.Metadata = api.CustomerUser, "", c.code, c.code+"@mail.example", nil
	} else {
		r.ExternalID = "cus_" + c.code[:3] + strconv.Itoa(4021+97*c.since) // a payment provider's
	}
	if _, err := s.Client.Customers.Create(ctx, r); err != nil {
		return err
	}
	a := api.CreateCustomerAgreementRequest{PlanCode: c.plan}
	if c.annual {
		a.Annual = &c.annual
	}
	if _, err := s.Client.Customers.CreateAgreement(ctx, r.ID, a); err != nil {
		return err
	}
	return nil
}

// work is what the customers used in a day.
func (s Server) work(ctx context.Context, random *rand.Rand, ago int, evening time.Time) error {
	var records []api.UsageReport
	add := func(c customer, feature string, value int, held bool) {
		if value <= 0 {
			return
		}
		at := api.Time{Time: evening.Add(-time.Duration(random.IntN(180)+1) * time.Minute)}
		r := api.UsageReport{
			ID: fmt.Sprintf("%s-%s-%d", c.code, feature, ago), CustomerID: ID(c.code), FeatureCode: feature,
			Value: api.Decimal(strconv.Itoa(value)), Timestamp: &at,
		}
		if held {
			r.Type = api.UsageAbsolute
		}
		records = append(records, r)
	}
	for _, c := range customers {
		if c.since <= ago {
			continue
		}
		weekday := evening.Weekday()
		about := func(mean int) int {
			if weekday == time.Saturday || weekday == time.Sunday {
				mean /= 5
			}
			return mean * (60 + random.IntN(80)) / 100
		}
		add(c, "minutes", about(c.minutes), false)
		if c.plan != "starter" {
			add(c, "api_calls", about(c.calls), false)
			add(c, "summaries", about(c.summaries), false)
		}
		if ago%7 == 0 {
			grown := c.since - ago
			add(c, "seats", min(c.seats, 1+c.seats*(50+50*grown/c.since)/100), true)
			add(c, "storage_gb", min(c.storage, 1+c.storage*(40+60*grown/c.since)/100), true)
		}
	}
	if len(records) == 0 {
		return nil
	}
	results, err := s.Client.Usage.Record(ctx, records)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Error != nil {
			return fmt.Errorf("%s: %s", r.ID, r.Error.Message)
		}
	}
	return nil
}

// happening is something that somebody did to a customer.
type happening struct {
	ago, minute int
	do          func(context.Context, *client.Client) error
}

func override(code, feature string, o api.SetOverrideRequest) func(context.Context, *client.Client) error {
	return func(ctx context.Context, c *client.Client) error {
		_, err := c.Customers.SetOverride(ctx, ID(code), feature, o)
		return err
	}
}

func subscribe(code string, r api.CreateCustomerAgreementRequest) func(context.Context, *client.Client) error {
	return func(ctx context.Context, c *client.Client) error {
		_, err := c.Customers.CreateAgreement(ctx, ID(code), r)
		return err
	}
}

func grant(code string, r api.CreateGrantRequest) func(context.Context, *client.Client) error {
	return func(ctx context.Context, c *client.Client) error {
		_, err := c.Grants.Create(ctx, ID(code), r)
		return err
	}
}

func use(code, feature string, units api.Decimal) func(context.Context, *client.Client) error {
	return func(ctx context.Context, c *client.Client) error {
		_, err := c.Consume(ctx, client.ConsumeParams{CustomerID: ID(code), FeatureCode: feature, Units: units})
		return err
	}
}

func in(days int) *api.Time { return &api.Time{Time: Now.AddDate(0, 0, days).Truncate(24 * time.Hour)} }

var (
	two        = int64(2)
	twenty     = int64(20)
	thousands  = int64(20_000)
	happenings = []happening{
		{30, 0, override("brightwater", "minutes", api.SetOverrideRequest{AtLeast: &thousands, ExpiresOn: in(32), Note: "Agreed with their CFO until the end of the year"})},
		{28, 0, subscribe("foxglove", api.CreateCustomerAgreementRequest{PlanCode: "more_minutes", Quantity: &two})},
		{21, 0, grant("foxglove", api.CreateGrantRequest{Pack: "credits_1000", ExternalID: "pay_7Hq2"})},
		{18, 0, grant("foxglove", api.CreateGrantRequest{FeatureCode: "credits", Amount: "250", Kind: api.GrantPromotional, ExpiresOn: in(5), Priority: &twenty, Note: "Sorry for the outage of 11 November"})},
		{0, 0, grant("alder", api.CreateGrantRequest{FeatureCode: "minutes", Amount: "400", Kind: api.GrantPromotional, ExpiresOn: in(12), Note: "Spoke at our conference"})},
		{16, 0, subscribe("quayside", api.CreateCustomerAgreementRequest{PlanCode: "team"})},
		{15, 0, override("rowan", "seats", api.SetOverrideRequest{Add: 10, Note: "Charity: ten seats more"})},
		{14, 0, override("larkspur", "translations", api.SetOverrideRequest{Deny: true, Note: "Asked for it: their texts stay with them"})},
		{10, 0, subscribe("meridian", api.CreateCustomerAgreementRequest{PlanCode: "team"})},
		{6, 0, subscribe("dunmore", api.CreateCustomerAgreementRequest{PlanCode: "enterprise", StartsOn: in(32)})},
		{7, 0, use("foxglove", "translations", "110")},
		{6, 1, use("foxglove", "translations", "85")},
		{5, 1, use("foxglove", "translations", "125")},
		{1, 3, use("foxglove", "translations", "20")},
		{20, 3, subscribe("pemberton", api.CreateCustomerAgreementRequest{PlanCode: "more_minutes", StartsOn: in(-8), ExpiresOn: in(6)})},
		{4, 1, use("alder", "minutes", "560")},
		{3, 1, use("alder", "minutes", "820")},
		{1, 1, use("alder", "minutes", "690")},
		{3, 2, func(ctx context.Context, c *client.Client) error {
			_, err := c.Customers.Update(ctx, ID("harbour"), api.UpdateCustomerRequest{Status: api.Some(api.CustomerSuspended)})
			return err
		}},
		{4, 0, func(ctx context.Context, c *client.Client) error {
			held, err := c.Agreements.List(ctx, client.AgreementParams{CustomerID: ID("granite")})
			if err != nil {
				return err
			}
			for _, a := range held.Agreements {
				if a.PlanCode == "business" {
					_, err = c.Customers.CancelAgreement(ctx, a.ID, api.WhenPeriodEnd)
				}
			}
			return err
		}},
		{2, 0, override("alder", "seats", api.SetOverrideRequest{AtLeast: &thousands, Deny: false, Note: "Typed wrong, taken back"})},
		{2, 1, func(ctx context.Context, c *client.Client) error {
			return c.Customers.EndOverride(ctx, ID("alder"), "seats")
		}},
	}
)

// today is what happens now: a limit is met, and some is held.
func (s Server) today(ctx context.Context) error {
	for _, units := range []api.Decimal{"25", "1"} {
		for range 60 {
			d, err := s.Client.Consume(ctx, client.ConsumeParams{CustomerID: ID("elmtree"), FeatureCode: "minutes", Units: units})
			if err != nil {
				return err
			}
			if !d.Allowed {
				break
			}
		}
	}
	_, err := s.Client.Holds.Create(ctx, client.HoldParams{CustomerID: ID("alder"), FeatureCode: "minutes", Units: "120", ExpiresIn: 2 * time.Hour})
	if err != nil {
		return err
	}
	_, err = s.Client.Holds.Create(ctx, client.HoldParams{CustomerID: ID("ibis"), FeatureCode: "api_calls", Units: "500", ExpiresIn: time.Hour})
	return err
}
