package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// get asks for /n, where n is the number of the request.
func get(buf []byte, n uint64) []byte {
	buf = append(buf, "GET /"...)
	buf = strconv.AppendUint(buf, n, 10)
	return append(buf, " HTTP/1.1\r\nHost: test\r\n\r\n"...)
}

// counter is a server that remembers which numbers it was asked for.
type counter struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
}

func newCounter(t *testing.T, answer http.HandlerFunc) *counter {
	c := &counter{asked: map[string]int{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.asked[r.URL.Path]++
		c.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *counter) address() string { return c.Listener.Addr().String() }

func echo(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }

// Every number is asked for once, from the first on.
func TestRunNumbersRequests(t *testing.T) {
	c := newCounter(t, echo)
	s, err := Load{
		Address: c.address(), Connections: 4, First: 100, Requests: 2500, Duration: time.Minute,
		Workload: Workload{Render: get, Verify: func(n uint64, body []byte) error {
			if want := "/" + strconv.FormatUint(n, 10); string(body) != want {
				return fmt.Errorf("%s, want %s", body, want)
			}
			return nil
		}},
	}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Requests != 2500 || s.Latency.Count() != 2500 {
		t.Errorf("%d requests and %d latencies, want 2500", s.Requests, s.Latency.Count())
	}
	if len(c.asked) != 2504 || s.Next != 2604 {
		t.Errorf("asked for %d numbers below %d, want 2500 and one for each connection", len(c.asked), s.Next)
	}
	for path, times := range c.asked {
		n, _ := strconv.ParseUint(path[1:], 10, 64)
		if times != 1 || n < 100 || n >= s.Next {
			t.Errorf("%s was asked for %d times, the numbers go from 100 to %d", path, times, s.Next)
		}
	}
}

func TestRunRefusesWrongAnswers(t *testing.T) {
	wrong := errors.New("not this one")
	for name, test := range map[string]struct {
		answer   http.HandlerFunc
		workload Workload
		want     string
	}{
		"status":   {http.NotFound, Workload{}, "answered with 404, want 200"},
		"length":   {echo, Workload{Length: 7}, "want 7"},
		"closed":   {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }, Workload{}, "closes the connection"},
		"cut off":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Workload{}, "request 0"},
		"verified": {echo, Workload{Verify: func(uint64, []byte) error { return wrong }}, "the answer to request 0 is wrong: not this one"},
		"in between": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/30" {
				w.WriteHeader(http.StatusTeapot)
			}
		}, Workload{}, "request 30 is answered with 418"},
	} {
		t.Run(name, func(t *testing.T) {
			test.workload.Render = get
			_, err := Load{
				Address: newCounter(t, test.answer).address(), Connections: 1, Requests: 100, Duration: time.Minute, Workload: test.workload,
			}.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q", err, test.want)
			}
		})
	}
}

func TestRunEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	c := newCounter(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/50" {
			cancel(enough)
		}
		echo(w, r)
	})
	_, err := Load{Address: c.address(), Connections: 2, Duration: time.Hour, Workload: Workload{Render: get}}.Run(ctx)
	if !errors.Is(err, enough) {
		t.Errorf("ended with %v, want %v", err, enough)
	}
}

// Chunks are read as what they carry, and the connection stays usable.
func TestAnswerInChunks(t *testing.T) {
	c := newCounter(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			fmt.Fprint(w, "part ")
			w.(http.Flusher).Flush()
		}
	})
	s, err := Load{Address: c.address(), Connections: 1, Requests: 3, Duration: time.Minute, Workload: Workload{Render: get, Length: len("part part part ")}}.Run(t.Context())
	if err != nil || s.Requests != 3 {
		t.Errorf("%d answers, %v", s.Requests, err)
	}
}

// piped is a run over a connection to a server that takes time for each request,
// in a bubble where nothing else does.
func piped(l Load, takes func(n int) time.Duration) *run {
	client, server := net.Pipe()
	go func() {
		in := bufio.NewReader(server)
		for n := 0; ; n++ {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			r.Body.Close()
			time.Sleep(takes(n))
			fmt.Fprint(server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	l.Workload.Render = get
	return &run{Load: l, conns: []*conn{newConn(client)}}
}

// A stall is felt by all who should have been served in the meantime: ten requests
// a second, of which the first takes a second, are late by 1, 0.9, … seconds.
func TestOpenLoopCountsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := piped(Load{Rate: 10, Duration: 2 * time.Second}, func(n int) time.Duration {
			if n == 1 { // 0 pays for the connection
				return time.Second
			}
			return 0
		})
		s, err := r.measure(t.Context())
		r.close()
		if err != nil {
			t.Fatal(err)
		}
		if s.Requests != 20 {
			t.Errorf("%d requests in two seconds, want 20", s.Requests)
		}
		for q, want := range map[float64]time.Duration{1: time.Second, 0.75: 500 * time.Millisecond, 0.5: 0} {
			if got := s.Latency.Quantile(q); got < want || float64(got) > float64(want)*1.016 {
				t.Errorf("of all, %g took at most %v, want %v", q, got, want)
			}
		}
	})
}

// In a closed loop the same stall is one slow request.
func TestClosedLoopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := piped(Load{Duration: 2 * time.Second}, func(n int) time.Duration {
			if n == 1 {
				return time.Second
			}
			return 100 * time.Millisecond
		})
		s, err := r.measure(t.Context())
		r.close()
		if err != nil {
			t.Fatal(err)
		}
		if s.Requests != 11 || s.Latency.Max() != time.Second || s.Elapsed != 2*time.Second {
			t.Errorf("%d requests in %v, the longest took %v; want 11 in 2s and 1s", s.Requests, s.Elapsed, s.Latency.Max())
		}
	})
}

// What a meter counts is that of the measurement, and one that fails ends it.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := 0
		l := Load{Duration: time.Second, Meter: func(context.Context) (Spent, error) {
			read++
			return Spent{Written: int64(100 * read), Database: time.Duration(read) * time.Millisecond}, nil
		}}
		r := piped(l, func(int) time.Duration { return 100 * time.Millisecond })
		s, err := r.measure(t.Context())
		r.close()
		if err != nil {
			t.Fatal(err)
		}
		if want := (Spent{Written: 100, Database: time.Millisecond}); read != 2 || s.Spent != want {
			t.Errorf("read %d times, the sample has %+v, want %+v", read, s.Spent, want)
		}
		if got := s.Round(2); got.Written != 5 || got.DatabaseCPU != 50 {
			t.Errorf("of %d requests of two units each, %g bytes and %g µs", s.Requests, got.Written, got.DatabaseCPU)
		}

		// What is written with the answers is told without.
		read = 0
		l.Meter = func(context.Context) (Spent, error) {
			read++
			return Spent{Written: int64(1_000_000 * read), Answers: true}, nil
		}
		r = piped(l, func(int) time.Duration { return 100 * time.Millisecond })
		before := r.received()
		s, err = r.measure(t.Context())
		r.close()
		if got := r.received() - before; err != nil || got == 0 || s.Spent.Written+got <= 1_000_000 || s.Spent.Written >= 1_000_000 {
			t.Errorf("%d bytes are told of 1,000,000 with answers of %d, the first one's among them: %v", s.Spent.Written, got, err)
		}

		broken := errors.New("broken")
		l.Meter = func(context.Context) (Spent, error) { return Spent{}, broken }
		r = piped(l, func(int) time.Duration { return 0 })
		if _, err := r.measure(t.Context()); !errors.Is(err, broken) {
			t.Errorf("the meter's error is %v", err)
		}
		r.close()
	})
}
