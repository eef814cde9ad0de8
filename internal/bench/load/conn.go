package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
)

// conn is a kept-alive connection with one request under way at a time.
type conn struct {
	socket net.Conn
	got    received
	in     *bufio.Reader
	body   []byte // of the last answer
}

func newConn(socket net.Conn) *conn {
	c := &conn{socket: socket, got: received{from: socket}}
	c.in = bufio.NewReaderSize(&c.got, 64<<10)
	return c
}

// received counts what is read.
type received struct {
	from  io.Reader
	bytes int64
}

func (r *received) Read(into []byte) (int, error) {
	n, err := r.from.Read(into)
	r.bytes += int64(n)
	return n, err
}

// exchange sends a request and reads the answer. The body is good until the next
// exchange.
func (c *conn) exchange(request []byte) (status int, body []byte, err error) {
	if _, err := c.socket.Write(request); err != nil {
		return 0, nil, err
	}
	return c.answer()
}

var (
	contentLength    = []byte("content-length")
	transferEncoding = []byte("transfer-encoding")
	connection       = []byte("connection")
)

// answer reads as much of HTTP as servers use towards a client that asks for
// nothing special: a length, or chunks.
func (c *conn) answer() (status int, body []byte, err error) {
	line, err := c.line()
	if err != nil {
		return 0, nil, err
	}
	version, rest, _ := bytes.Cut(line, []byte(" "))
	if len(rest) < 3 || !bytes.Equal(version, []byte("HTTP/1.1")) {
		return 0, nil, fmt.Errorf("the answer begins with %.40q, want HTTP/1.1 and a status", line)
	}
	if status, err = strconv.Atoi(string(rest[:3])); err != nil {
		return 0, nil, fmt.Errorf("the status is %.10q, want a number", rest)
	}
	length, chunked := -1, false
	for {
		if line, err = c.line(); err != nil {
			return 0, nil, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, contentLength):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, nil, fmt.Errorf("Content-Length is %.20q, want a number", value)
			}
		case bytes.EqualFold(name, transferEncoding):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, connection):
			if bytes.EqualFold(value, []byte("close")) {
				return 0, nil, fmt.Errorf("the server answers %d and closes the connection, want it kept", status)
			}
		}
	}
	if chunked {
		body, err = io.ReadAll(httputil.NewChunkedReader(c.in))
		if err == nil {
			_, err = c.in.Discard(len("\r\n")) // behind the last chunk, without trailers
		}
		return status, body, err
	}
	if length < 0 {
		return 0, nil, fmt.Errorf("the answer %d has neither Content-Length nor chunks", status)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, c.body, err
}

func (c *conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
