package racetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// What is asked for of credits, beside what usage is asked for.
const (
	give     kind = "grant"
	void     kind = "void"
	standing kind = "read grant"
	look     kind = "credits"
)

// creditCodes are the features' codes.
var creditCodes = [...]billing.Code{credits: "credits", images: "images", chats: "chats"}

// creditInput is one request about credits.
type creditInput struct {
	Kind    kind
	Feature of
	Units   int64 // of a confirm 0: those held
	Hold    string
	Over    string
	Grant   int // by number
	ID      billing.GrantID
	Claw    bool
	Key     int // as that of [input]

	by    billing.Actor // it alone
	more  int64         // beyond the amount that is usually asked for of the grant
	other bool          // what is asked for is not what the grant was made of
	nth   int           // as that of [input]
	last  bool          // nothing is asked after it
}

// creditOutput is its answer: what a kind of request does not tell is empty. It is kept as it
// is under a key.
type creditOutput struct {
	Unknown bool // there was none, as of [output]
	Fault   string

	Code                         string
	Allowed                      bool
	Reason                       string
	Used, Held, Remaining, There int64 // There is what the pool has
	Burned, Overage              int64
	Draws                        string
	Hold                         string
	Made                         int64 // when the hold was

	Grant                   string
	New                     bool // of a grant: it was made now
	Drawn, Refundable, Debt int64
	Sources                 string
}

func (in creditInput) String() string {
	switch s := fmt.Sprintf("%s %s %d", in.Kind, creditCodes[in.Feature], in.Units); {
	case in.Kind == look:
		return string(in.Kind)
	case in.Kind == give || in.Kind == void || in.Kind == standing:
		return fmt.Sprintf("%s %d other %v claw %v", in.Kind, in.Grant, in.other, in.Claw)
	case in.Hold != "":
		return fmt.Sprintf("%s %d of hold %s %s", in.Kind, in.Units, in.Hold, in.Over)
	case in.Key != 0:
		return fmt.Sprint(s, " key ", in.Key)
	default:
		return s
	}
}

func (out creditOutput) String() string {
	if out.Unknown {
		return "no answer: " + out.Fault
	}
	type fields creditOutput
	var b strings.Builder
	for i, v := 0, reflect.ValueOf(fields(out)); i < v.NumField(); i++ {
		if f := v.Field(i); !f.IsZero() {
			fmt.Fprintf(&b, "%s %v, ", v.Type().Field(i).Name, f)
		}
	}
	return b.String()
}

// alike is as that of [input].
func (in creditInput) alike() (n int, ok bool) {
	units := in.Units / unit
	if in.Units%unit != 0 || units >= alikes/2 || in.Kind != consume && in.Kind != hold {
		return 0, false
	}
	n = int(in.Feature)*alikes + int(units)
	if in.Kind == hold {
		n += alikes / 2
	}
	return n, true
}

// spender is a customer whose credits many callers use.
type spender struct {
	id     billing.CustomerID
	began  time.Time
	tariff tariff

	mu     sync.Mutex
	holds  []string
	grants map[int]billing.GrantID
	ops    []porcupine.Operation
}

// ask asks a node.
func (p *spender) ask(ctx context.Context, s *service.Service, in creditInput) (out creditOutput) {
	err := p.answer(ctx, s, in, &out)
	var refused *billing.Error
	var several billing.Errors
	switch {
	case errors.As(err, &refused) && refused.Kind != billing.Internal && refused.Kind != billing.Unavailable: // that is no answer
		return creditOutput{Code: refused.Code}
	case errors.As(err, &several):
		return creditOutput{Code: several.Error()}
	case err != nil:
		return creditOutput{Unknown: true, Fault: err.Error()}
	}
	return out
}

func (p *spender) answer(ctx context.Context, s *service.Service, in creditInput, out *creditOutput) error {
	code := creditCodes[in.Feature]
	counting := service.Counting{Customer: p.id, Features: []billing.Code{code}, Records: 1}
	switch in.Kind {
	case check:
		ds, err := s.Check(ctx, p.id, []billing.Code{code}, billing.Units(in.Units))
		if err == nil {
			*out = decidedCredit(ds[0])
		}
		return err
	case look:
		c, err := s.Credits(ctx, p.id, creditCodes[credits], time.Time{}, false)
		*out = creditsSaid(&c)
		return err
	case standing:
		g, _, err := s.Grant(ctx, in.ID)
		*out = grantSaid(&g)
		return err
	case consume:
		if in.Key != 0 {
			return p.once(ctx, s, in, counting, out)
		}
		return s.Count(ctx, in.by, counting, func(u *service.Work) error {
			d, err := u.Consume(p.id, code, billing.Units(in.Units))
			*out = decidedCredit(d)
			return err
		})
	}
	return s.Do(ctx, in.by, func(u *service.Work) (err error) {
		*out, err = p.change(u, in)
		return err
	})
}

// once consumes under a key.
func (p *spender) once(ctx context.Context, s *service.Service, in creditInput, counting service.Counting, out *creditOutput) error {
	once := service.Once{
		Customer: p.id, Records: 1, Features: counting.Features, Key: fmt.Sprint("key", in.Key), Fingerprint: []byte{1},
		Refusal: func(error) (service.Answer, bool) { return service.Answer{}, false },
	}
	a, _, err := s.Once(ctx, in.by, once, func(u *service.Work) (service.Answer, error) {
		d, err := u.Consume(p.id, creditCodes[in.Feature], billing.Units(in.Units))
		if err != nil {
			return service.Answer{}, err
		}
		body, err := json.Marshal(decidedCredit(d))
		return service.Answer{Status: 200, Body: body}, err
	})
	if err != nil {
		return err
	}
	return json.Unmarshal(a.Body, out)
}

// change is what is done in a transaction of its own.
func (p *spender) change(u *service.Work, in creditInput) (out creditOutput, err error) {
	var d billing.Decision
	switch in.Kind {
	case hold:
		var h usage.Hold
		h, d, err = u.Hold(p.id, creditCodes[in.Feature], billing.Units(in.Units), 3*time.Hour)
		if out = decidedCredit(d); d.Allowed {
			out.Hold, out.Made = h.ID.String(), h.MadeOn.UnixMicro()
		}
		return out, err
	case confirm, release:
		id, err := usage.ParseHoldID(in.Hold)
		if err != nil {
			return out, err
		}
		if in.Kind == release {
			_, d, err = u.ReleaseHold(id)
		} else {
			asked := usage.Confirm{Over: usage.Over(in.Over)}
			if in.Units != 0 {
				asked.Units = new(billing.Units(in.Units))
			}
			_, d, err = u.ConfirmHold(id, asked)
		}
		out = decidedCredit(d)
		out.Remaining, out.There, out.Overage = 0, 0, 0 // as of the instant that it was made at
		return out, err
	case give:
		made, _, err := u.CreateGrant(p.id, p.newGrant(in))
		if err != nil {
			return out, err
		}
		out = grantSaid(&made.Grants[0])
		out.New = made.Made
		return out, nil
	}
	g, _, err := u.VoidGrant(in.ID, in.Claw, "")
	return creditOutput{Refundable: int64(g.State.Refundable), Debt: int64(g.State.Debt)}, err
}

// newGrant is what is asked for under the external id of a number.
func (p *spender) newGrant(in creditInput) billing.NewGrant {
	g := &p.tariff.grants[in.Grant]
	asked := billing.NewGrant{
		Feature: creditCodes[credits], Amount: billing.Units(g.amount + in.more), Priority: &g.priority, Kind: billing.Promotional,
		ExternalID: fmt.Sprint("grant ", in.Grant),
	}
	if g.paid {
		asked.Kind = billing.Paid
	}
	if g.ends != 0 {
		asked.ExpiresOn = time.UnixMicro(g.ends).UTC()
	}
	if g.early {
		asked.EffectiveOn = p.began.Add(time.Hour)
	}
	for _, f := range g.only {
		asked.Only = append(asked.Only, creditCodes[f])
	}
	return asked
}

func decidedCredit(d billing.Decision) creditOutput {
	out := creditOutput{
		Allowed: d.Allowed, Reason: string(d.Reason), Used: int64(d.Used), Held: int64(d.Held), Overage: int64(d.Overage),
		Draws: drawsSaid(d.Draws),
	}
	if d.Remaining != nil {
		out.Remaining = int64(*d.Remaining)
	}
	out.There = out.Remaining
	if d.Pool != nil {
		out.There, out.Burned, out.Draws = int64(*d.Pool.Remaining()), int64(d.Pool.Units), drawsSaid(d.Pool.Draws)
	}
	return out
}

func drawsSaid(draws []billing.CreditDraw) string {
	var b strings.Builder
	for _, d := range draws {
		fmt.Fprintf(&b, "%d of %s, ", int64(d.Units), d.Source)
	}
	return onlyNamed(b.String())
}

// onlyNamed are draws, but none where the allowance alone has paid: that may be told or not.
func onlyNamed(draws string) string {
	if strings.Count(draws, ",") == 1 && strings.Contains(draws, " of "+billing.OwnSource+",") {
		return ""
	}
	return draws
}

func grantSaid(g *billing.GrantStanding) creditOutput {
	st := &g.State
	return creditOutput{
		Grant: g.ID.String(), Remaining: int64(st.Remaining), Drawn: int64(st.Drawn), Held: int64(st.Held), Debt: int64(st.Debt), Refundable: int64(st.Refundable),
	}
}

func creditsSaid(c *service.CreditsAt) creditOutput {
	out := creditOutput{There: int64(c.Available), Debt: int64(c.Debt), Held: int64(c.Held), Overage: int64(c.Overage)}
	for i := range c.Sources {
		s := &c.Sources[i]
		out.Sources += fmt.Sprintf("%s: %d left, %d held; ", s.ID, int64(s.Left), int64(s.Held))
	}
	return out
}
