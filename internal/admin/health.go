package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/web"
)

// healthScreens show whether all is well.
var healthScreens = []route{
	{"GET /console/health", health},
	{"GET /console/health/runbook", runbook},
	{"POST /console/health/verify", startVerify},
}

const healthPath = "/console/health"

// Health says how the server stands, and has what is stored verified. The API has neither.
type Health interface {
	// Checks are all that must hold for the server to be ready, each as it is now.
	Checks(ctx context.Context) []Check
	// Facts say what the server is and how it stands, in groups.
	Facts(ctx context.Context) []FactGroup
	// StartVerify begins to verify all that is stored, in the background. It reports false
	// if that is under way already.
	StartVerify(by string) bool
	// Verification is the one that is under way, else the last one of this process; nil if
	// there was none.
	Verification() *Verification
}

// Check is something that must hold.
type Check struct {
	Name    string
	What    string // is looked at
	Code    string // that /readyz has if it does not hold; "" if it holds
	Message string // what is wrong, and what to do
	// Warns says that it is no reason not to be ready.
	Warns bool
}

// FactGroup are facts that belong together.
type FactGroup struct {
	Name  string
	Facts []Fact
}

// Fact is something to know, for people.
type Fact struct{ Name, Value string }

// Verification is what came of verifying, or how far it is.
type Verification struct {
	By               string
	Began            time.Time
	Ended            time.Time // zero while it is under way
	What             string    // is gone through
	Done, Of         int64     // of it; Of 0: not known
	Error            string    // why it could not be done
	Customers        int
	Counters, Places int64
	Unhashed         int64
	Head             string
	Drifts           []Drift // the first of them
	DriftCount       int
}

// Drift is something that contradicts something else.
type Drift struct{ Customer, Of, Message string }

// Percent is how far it is; -1 if that is not known.
func (v *Verification) Percent() int64 {
	if v.Of <= 0 {
		return -1
	}
	return min(v.Done*100/v.Of, 100)
}

// Took is how long it took.
func (v *Verification) Took() string { return v.Ended.Sub(v.Began).Round(time.Millisecond).String() }

// verifyScopes are what somebody must have to have all verified, which costs the server a
// pass over all that is stored.
var verifyScopes = []string{api.ScopeReadCustomers, api.ScopeUpdateCustomers}

// healthData is how the server stands.
type healthData struct {
	Checks    []checkView
	Bad       int
	Facts     []FactGroup
	Verify    *Verification
	MayVerify bool
	Now       time.Time
}

type checkView struct {
	Check
	Advice string // a part of the runbook; "" if none is for it
}

// advice are the parts of the runbook, by the codes of readiness.
var advice = map[string]string{
	api.CodeFeedLost:         "AllotFeedLost",
	api.CodeServingStale:     "AllotNotReady",
	api.CodeStoreUnreachable: "AllotStoreFails",
	api.CodeDiskFull:         "AllotStoreFails",
	api.CodeStoreReadOnly:    "AllotStoreFails",
	api.CodeStoreSlow:        "AllotStoreSlow",
}

// notReady is the part of the runbook for all other codes.
const notReady = "AllotNotReady"

func (c *call) checks() (views []checkView, bad int) {
	for _, check := range c.Health.Checks(c.Context()) {
		view := checkView{Check: check}
		if check.Code != "" {
			bad++
			if view.Advice = advice[check.Code]; view.Advice == "" {
				view.Advice = notReady
			}
		}
		views = append(views, view)
	}
	return views, bad
}

func health(c *call) (*screen, error) {
	if err := c.want(api.ScopeReadEvents); err != nil {
		return nil, err
	}
	data := &healthData{Facts: c.Health.Facts(c.Context()), Verify: c.Health.Verification(), MayVerify: c.may(verifyScopes...), Now: c.Now()}
	data.Checks, data.Bad = c.checks()
	shown := &screen{template: "health", title: "Health", at: healthPath, data: data}
	if v := data.Verify; v != nil && v.Ended.IsZero() {
		shown.scripts = []string{"allot-health.js"}
	}
	return shown, nil
}

func startVerify(c *call) (*screen, error) {
	if err := c.want(verifyScopes...); err != nil {
		return nil, err
	}
	if !c.Health.StartVerify(c.session.Name) {
		return nil, goTo(healthPath+"#verify", "A verification is under way already.")
	}
	return nil, goTo(healthPath+"#verify", "The verification has begun.")
}

// runbook shows what to do when something is wrong.
func runbook(c *call) (*screen, error) {
	return &screen{template: "runbook", title: "When something is wrong", at: healthPath, status: http.StatusOK, data: readRunbook()}, nil
}

// Ago is how long ago an instant was, for people.
func (d *healthData) Ago(t time.Time) string {
	ago := d.Now.Sub(t)
	if ago < time.Minute {
		return "just now"
	}
	return age(ago) + " ago"
}

// age is a time that has gone by, for people: whole days, else hours, else minutes.
func age(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return web.Count(int(d/(24*time.Hour)), "day")
	case d >= time.Hour:
		return web.Count(int(d/time.Hour), "hour")
	}
	return web.Count(int(max(d, 0)/time.Minute), "minute")
}
