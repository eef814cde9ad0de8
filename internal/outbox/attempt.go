package outbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/outbox/record"
)

const (
	// attemptTimeout bounds a request with its answer.
	attemptTimeout = 15 * time.Second
	// maxAnswer is how much of an answer is read, for the connection's sake; nobody is shown
	// it.
	maxAnswer = 4 << 10
)

// outcome is what came of an attempt, as metrics count it.
type outcome int

const (
	delivered   outcome = iota
	refused             // by its status
	unreachable         // no connection
	timedOut
	forbidden // its address is none that requests may go to
	faulty    // it could not be written or signed here
	outcomes
)

// result is what came of an attempt.
type result struct {
	outcome outcome
	status  int    // HTTP; 0: no answer
	fault   string // in a few words; "" if it was delivered
	took    time.Duration
	wait    time.Duration // that the receiver asked for
}

// message is what is sent in one request.
type message struct {
	id          string
	contentType string
	body        []byte
	// secrets sign it, if there are any.
	secrets [][]byte
}

// messageID is the same on each attempt, and another for each webhook.
func messageID(webhook string, at record.Place) string {
	digits := strings.TrimPrefix(webhook, webhookPrefix)
	id := "msg_" + digits + "_" + strconv.FormatInt(at.Seq, 10)
	if at.Part > 0 {
		id += "_" + strconv.Itoa(at.Part)
	}
	return id
}

// parseMessageID is the place of a delivery of a webhook.
func parseMessageID(webhook, id string) (record.Place, error) {
	wrong := fmt.Errorf("not an id of a delivery of this webhook")
	digits := strings.TrimPrefix(webhook, webhookPrefix)
	rest, ok := strings.CutPrefix(id, "msg_"+digits+"_")
	if !ok {
		return record.Place{}, wrong
	}
	seq, part, several := strings.Cut(rest, "_")
	var at record.Place
	var err, err2 error
	at.Seq, err = strconv.ParseInt(seq, 10, 64)
	if several {
		at.Part, err2 = strconv.Atoi(part)
	}
	if err != nil || err2 != nil || messageID(webhook, at) != id {
		return record.Place{}, wrong
	}
	return at, nil
}

// attempt sends a message once.
func (o *Outbox) attempt(ctx context.Context, w *record.Webhook, m message) (r result) {
	began := o.options.Clock()
	defer func() { r.took = max(o.options.Clock().Sub(began), 0) }()
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(m.body))
	if err != nil {
		return result{outcome: faulty, fault: "its URL cannot be asked"}
	}
	now := o.now()
	stamp := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("Content-Type", m.contentType)
	req.Header.Set("User-Agent", o.options.Agent)
	req.Header.Set("Webhook-Id", m.id)
	req.Header.Set("Webhook-Timestamp", stamp)
	if len(m.secrets) > 0 {
		req.Header.Set("Webhook-Signature", signatures(m, stamp))
	}
	resp, err := o.client.RoundTrip(req) // which follows no redirect
	if err != nil {
		return failure(err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // what the status says is said already
	success := resp.StatusCode/100 == 2
	if w.Format == record.Kinde {
		success = resp.StatusCode == http.StatusOK // Kinde: only 200 counts
	}
	if success {
		return result{outcome: delivered, status: resp.StatusCode}
	}
	return result{
		outcome: refused, status: resp.StatusCode, fault: "the answer was " + strconv.Itoa(resp.StatusCode),
		wait: retryAfter(resp.Header, now),
	}
}

// failure is what an error of a request is told as. Its own words are not: they may have
// addresses of the network that this runs in.
func failure(err error) result {
	var timeout net.Error
	var unresolved *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, ErrForbidden):
		return result{outcome: forbidden, fault: "its address is not one that requests may go to"}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return result{outcome: timedOut, fault: "no answer in time"}
	case errors.As(err, &unresolved):
		return result{outcome: unreachable, fault: "its name was not resolved"}
	case errors.As(err, &certificate):
		return result{outcome: unreachable, fault: "its certificate is not trusted"}
	}
	return result{outcome: unreachable, fault: "no connection, or it broke"}
}

// signatures are those of Standard Webhooks, one for each secret.
func signatures(m message, stamp string) string {
	all := make([]string, len(m.secrets))
	for i, secret := range m.secrets {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s.", m.id, stamp)
		mac.Write(m.body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}

// digest is a stable id of what a text names.
func digest(prefix, text string) string {
	sum := sha256.Sum256([]byte(text))
	return prefix + hex.EncodeToString(sum[:16])
}
