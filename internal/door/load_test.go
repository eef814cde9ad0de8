package door

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/admission"
	"github.com/allot-dev/allot/internal/auth"
)

// endless is a body that goes on, and counts what is read of it.
type endless struct {
	start string
	read  int
}

func (e *endless) Read(into []byte) (int, error) {
	n := copy(into, e.start)
	e.start = e.start[n:]
	for i := n; i < len(into); i++ {
		into[i] = ' '
	}
	e.read += len(into)
	return len(into), nil
}

func (e *endless) Close() error { return nil }

// full is a control at which no client's request gets its turn until it is released.
func full(t *testing.T) (c *admission.Control, release func()) {
	t.Helper()
	c = admission.New(admission.Limits{Procs: 1, Requests: 8, Bodies: 64 << 20, StrangerRate: 10})
	t.Cleanup(c.Close)
	var passes []admission.Pass
	for range 8 {
		p, err := c.Clients.Enter(t.Context(), admission.Flow{Client: "another"})
		if err != nil {
			t.Fatal(err)
		}
		passes = append(passes, p)
	}
	return c, func() {
		for i := range passes {
			passes[i].Leave()
		}
	}
}

// waiting returns once a client's request waits for its turn.
func waiting(t *testing.T, c *admission.Control) {
	t.Helper()
	for range 1000 {
		if _, n, _ := c.Clients.Load(); n == 1 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("nothing waits for its turn")
}

func handlerFor(c *admission.Control, log io.Writer) http.Handler {
	return New(Config{Control: c, Log: slog.New(slog.NewTextHandler(log, nil))}, []Route{{
		Method: "POST", Pattern: "/it", Dialect: &Dialect{Admission: Clients, TooLarge: http.StatusRequestEntityTooLarge},
		Handle: Reads(func(c *Call) (Answer, error) {
			text, err := io.ReadAll(c.Body)
			return Answer{Body: len(text)}, err
		}),
	}})
}

func insideRequest(t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	ctx := WithPrincipal(t.Context(), auth.NewAdministrator("ada", nil))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://allot/it", body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What the console asks for has its turn as what comes over a network.
func TestInsideTakesTurns(t *testing.T) {
	c, release := full(t)
	answered := make(chan int)
	go func() {
		resp, err := (&http.Client{Transport: Inside(handlerFor(c, io.Discard))}).Do(insideRequest(t, strings.NewReader("{}")))
		if err != nil {
			t.Error(err)
			close(answered)
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	waiting(t, c)
	release()
	if status := <-answered; status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

// A large body is looked at in turn, part by part: not all of it can be sent for nothing.
func TestLargeBodiesAreReadInTurn(t *testing.T) {
	c, release := full(t)
	body := &endless{start: "{"}
	rec := httptest.NewRecorder()
	answered := make(chan struct{})
	go func() {
		handlerFor(c, io.Discard).ServeHTTP(rec, insideRequest(t, body))
		close(answered)
	}()
	waiting(t, c)
	if body.read > 2*bodyChunk {
		t.Errorf("%d bytes are read before the turn", body.read)
	}
	release()
	<-answered
	if rec.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// What follows on a refused body is read no faster than all of them together may.
func TestRefusedBodiesAreDiscardedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(door)
		var bodies [20]endless
		began := time.Now()
		for i := range bodies {
			go d.discard(http.NewResponseController(httptest.NewRecorder()), &bodies[i])
		}
		time.Sleep(linger)
		synctest.Wait()
		all := 0
		for i := range bodies {
			all += bodies[i].read
		}
		if most := int(linger/lingerEach)*lingerBytes + len(bodies)*lingerBytes; all > most || all < most/4 {
			t.Errorf("%d MiB were read in %s, want at most %d", all>>20, time.Since(began), most>>20)
		}
		if n := d.lingering.Load(); n != 0 {
			t.Errorf("%d go on", n)
		}
	})
}

// To refuse for want of room costs little: what is told is written once, and nothing of most
// is logged.
func TestToShedCostsLittle(t *testing.T) {
	var log bytes.Buffer
	d := New(Config{Control: new(admission.Control), Log: slog.New(slog.NewTextHandler(&log, nil))}, nil).(*door)
	route := &served{Route: Route{Method: http.MethodPost, Dialect: &Dialect{}}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/it", nil)
	w := &answer{header: http.Header{}}
	for _, why := range []*shed{errBusy, errFull, errStranger, errBodies} {
		x := &exchange{id: "r", client: "greedy", door: d}
		if n := testing.AllocsPerRun(1000, func() {
			*x = exchange{ResponseWriter: w, id: "r", client: "greedy", door: d}
			*w = answer{header: w.header, body: w.body}
			w.body.Reset()
			d.refuse(route, x, why)
			d.log(x, r, 0)
		}); n > 6 { // one more for the race detector
			t.Errorf("%s: %.0f allocations", why.code, n)
		}
		if w.status != why.status || !strings.Contains(w.body.String(), why.code) {
			t.Errorf("%d %s", w.status, &w.body)
		}
		if w.header.Get("Retry-After") == "" {
			t.Errorf("%s has no Retry-After", why.code)
		}
		if closes := w.header.Get("Connection") == "close"; closes != (why.status == http.StatusServiceUnavailable) {
			t.Errorf("%s ends the connection: %t", why.code, closes)
		}
		clear(w.header)
	}
	if n := strings.Count(log.String(), "msg=request"); n == 0 || n > 100 {
		t.Errorf("%d lines for 4,000 refusals", n)
	}
}
