package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// drive has a client check, so many times a second, on connections that are never more than
// so many: one on which there is no answer yet sends nothing. It shares the processors with
// the server, and so does no more than to write bytes and to look at the head of the answer.
// A rate that is infinite sends as soon as there is an answer. The connections are there when
// the time begins that it goes on for.
func (s *target) drive(ctx context.Context, took time.Duration, conns int, rate float64, seen *tally) *tally {
	y := new(tally)
	var n atomic.Int64
	var asking sync.WaitGroup
	var began time.Time
	begin := make(chan struct{})
	all := make([]*rawConn, conns)
	for i := range all {
		all[i] = &rawConn{target: s, seen: new(tally)}
		all[i].check(i)
	}
	ctx, cancel := context.WithTimeout(ctx, took)
	defer cancel()
	for _, c := range all {
		c.seen = seen
		asking.Go(func() {
			defer c.close()
			<-begin
			for ctx.Err() == nil {
				i := n.Add(1) - 1
				if !math.IsInf(rate, 1) {
					due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
					select {
					case <-time.After(time.Until(due)):
					case <-ctx.Done():
						return
					}
				}
				since := time.Now()
				status := c.check(int(i))
				y.add(status, time.Since(since))
			}
		})
	}
	began = time.Now()
	close(begin)
	asking.Wait()
	return y
}

// rawConn is a connection that a client keeps.
type rawConn struct {
	*target
	seen *tally

	conn    net.Conn
	answers *bufio.Reader
	request []byte
}

func (c *rawConn) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// check asks once, and answers with the status; 0 if there is no answer.
func (c *rawConn) check(n int) int {
	status, err := c.exchange(n)
	if err != nil {
		c.close()
	}
	return status
}

// errLast is an answer that is the last on its connection.
var errLast = errors.New("the connection is closed after this")

func (c *rawConn) exchange(n int) (status int, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.Address); err != nil { //nolint:noctx // it is loopback
			return 0, err
		}
		c.answers = bufio.NewReaderSize(c.conn, 2048)
	}
	if err := c.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return 0, err
	}
	body := `{"feature_code":"calls","customer_id":"` + c.Customers[n%len(c.Customers)] + `"}`
	c.request = fmt.Appendf(c.request[:0], "POST /v1/check HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s: %0*d\r\n\r\n%s",
		c.Address, c.Greedy, len(body), sentHeader, len(notSent), time.Now().UnixNano(), body)
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, err
	}
	size, last := 0, false
	for first := true; ; first = false {
		line, err := c.answers.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first {
			if len(line) < len("HTTP/1.1 200") {
				return 0, io.ErrUnexpectedEOF
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, err
			}
			continue
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "Content-Length":
			if size, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		case tookHeader:
			if status == http.StatusOK {
				c.seen.saw(string(value))
			}
		case "Connection":
			last = true
		}
	}
	if _, err = c.answers.Discard(size); err == nil && last {
		err = errLast
	}
	return status, err
}
