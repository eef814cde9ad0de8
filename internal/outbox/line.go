package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/outbox/record"
)

const (
	// perWebhook is how many requests to one webhook are under way at most, each of another
	// customer. There is no bound for all: a webhook that hangs would use up that of others.
	perWebhook = 16
	// maxAhead is how many deliveries of a webhook are claimed at most before they are sent.
	// It begins with perWebhook, doubles when they last for less than stay, and halves when
	// they have become too old: for a webhook that is slow nothing is read in vain.
	maxAhead = 256
	// stay is for how long a worker stays with one customer whose deliveries are claimed, so
	// that those of others get on.
	stay = 100 * time.Millisecond
)

// line is what is sent to one webhook. The sender's mu guards it.
type line struct {
	webhook *record.Webhook // as the last turn has read it
	ready   []*chain        // claimed and not begun, the first due first
	workers int
	ahead   int       // how many deliveries are claimed at once
	more    bool      // more was due than was claimed
	filled  time.Time // when some were claimed last
}

// chain are deliveries of one queue, from its head on, that are sent one after the other
// while they succeed.
type chain struct {
	webhook *record.Webhook
	told    []*told
	read    time.Time // when it was
}

// claim is what a turn has read for a line.
type claim struct {
	webhook string
	chains  []*chain
	more    bool
}

// old reports whether a chain is to be read anew before it is sent, as what it was read
// from may be different: that is how long what another node did may go unseen.
func (s *sender) old(c *chain) bool { return time.Since(c.read) >= s.poll }

// refresh has lines know their webhooks as they are, and gives back what was claimed for
// those that were changed, and what was claimed too long ago.
func (s *sender) refresh(webhooks []record.Webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := map[string]bool{}
	for i := range webhooks {
		w := &webhooks[i]
		known[w.ID] = true
		l := s.lines[w.ID]
		if l == nil {
			l = &line{ahead: perWebhook, webhook: w}
			s.lines[w.ID] = l
		}
		late := len(l.ready) > 0 && s.old(l.ready[0])
		if late {
			l.ahead /= 2
		}
		if late || w.State != record.Enabled || !w.ChangedOn.Equal(l.webhook.ChangedOn) {
			s.giveBack(l)
		}
		l.webhook = w
	}
	for id, l := range s.lines {
		if !known[id] {
			s.giveBack(l)
			delete(s.lines, id)
		}
	}
}

// giveBack forgets what a line has claimed and not begun.
func (s *sender) giveBack(l *line) {
	for _, c := range l.ready {
		s.free(c.webhook.ID, c.scope())
	}
	l.ready = nil
}

// free lets a queue be claimed again.
func (s *sender) free(webhook string, scope billing.Scope) {
	of := s.claimed[webhook]
	if delete(of, scope); len(of) == 0 {
		delete(s.claimed, webhook)
	}
}

func (c *chain) scope() billing.Scope { return c.told[0].delivery.Scope }

// due is what is to be claimed: heads of queues that may be sent now, and what waits behind
// them.
func (s *sender) due(r record.Reader, webhooks []record.Webhook) (claims []claim, err error) {
	h := happened{}
	for i := range webhooks {
		w := &webhooks[i]
		if w.State != record.Enabled {
			continue
		}
		room := s.room(w.ID)
		if room == 0 {
			continue
		}
		c, deliveries, err := s.dueTo(r, w, room)
		if err != nil {
			return nil, err
		}
		claims = append(claims, c)
		h.want(deliveries)
	}
	if err := h.read(r); err != nil {
		return nil, err
	}
	for i := range claims {
		for _, c := range claims[i].chains {
			for _, t := range c.told {
				if err := h.tell(r, c.webhook, t); err != nil {
					return nil, err
				}
			}
		}
	}
	return claims, nil
}

// room is how many deliveries may be claimed for a webhook: for its workers that are free at
// least; none while more than half of what was claimed is left.
func (s *sender) room(webhook string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[webhook]
	ready := l.deliveries()
	if ready > l.ahead/2 {
		return 0
	}
	if l.more && time.Since(l.filled) < stay {
		l.ahead = min(max(2*l.ahead, perWebhook), maxAhead)
	}
	return max(l.ahead, perWebhook-l.workers) - ready
}

// deliveries are how many are claimed and not begun.
func (l *line) deliveries() (n int) {
	for _, c := range l.ready {
		n += len(c.told)
	}
	return n
}

// dueTo is what may be sent to a webhook now, of queues that are not claimed.
func (s *sender) dueTo(r record.Reader, w *record.Webhook, room int) (c claim, deliveries []record.Delivery, err error) {
	c.webhook = w.ID
	claimed := s.claimed[w.ID]
	queues, err := r.Queues(w.ID, len(claimed)+room+1)
	if err != nil {
		return c, nil, err
	}
	var scopes []billing.Scope
	now := s.now()
	for _, q := range queues {
		if q.NextOn.After(now) {
			if s.next.IsZero() || q.NextOn.Before(s.next) {
				s.next = q.NextOn
			}
			break
		}
		if claimed[q.Scope] {
			continue
		}
		if c.more = len(scopes) == room; c.more {
			break
		}
		scopes = append(scopes, q.Scope)
	}
	if len(scopes) == 0 {
		return c, nil, nil
	}
	each := max(room/len(scopes), 1)
	if deliveries, err = r.Heads(w.ID, scopes, each); err != nil {
		return c, nil, err
	}
	// In the order in which the queues are due, whatever the order of what was read.
	at := map[billing.Scope]*chain{}
	for _, d := range deliveries {
		if at[d.Scope] == nil {
			at[d.Scope] = &chain{webhook: w, read: time.Now()}
		}
		of := at[d.Scope]
		of.told = append(of.told, &told{delivery: d})
		c.more = c.more || each > 1 && len(of.told) == each
	}
	for _, scope := range scopes {
		if of := at[scope]; of != nil { // none: it is being removed
			c.chains = append(c.chains, of)
		}
	}
	return c, deliveries, nil
}

// begin has workers send what is claimed.
func (s *sender) begin(ctx context.Context, claims []claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range claims {
		l := s.lines[c.webhook]
		l.ready, l.more = append(l.ready, c.chains...), c.more
		if len(c.chains) > 0 {
			l.filled = time.Now()
		}
		for _, chain := range c.chains {
			if s.claimed[c.webhook] == nil {
				s.claimed[c.webhook] = map[billing.Scope]bool{}
			}
			s.claimed[c.webhook][chain.scope()] = true
		}
		for l.workers < perWebhook && len(l.ready) > 0 {
			first := l.pop()
			l.workers++
			s.workers.Go(func() {
				for c := first; c != nil; c = s.another(l) {
					s.work(ctx, c)
				}
			})
		}
	}
}

// pop takes the first chain.
func (l *line) pop() *chain {
	c := l.ready[0]
	l.ready = slices.Delete(l.ready, 0, 1)
	return c
}

// another is what a worker that is done with a chain sends next; nil if there is nothing,
// and then the worker is gone.
func (s *sender) another(l *line) *chain {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.parting && len(l.ready) > 0 && !s.old(l.ready[0]) {
		c := l.pop()
		if l.more && l.deliveries() <= l.ahead/2 {
			hint(s.urgent)
		}
		return c
	}
	l.workers--
	// Something is to be read, or, if nobody is left who brings more, stored.
	if l.workers == 0 || l.more || len(l.ready) > 0 {
		hint(s.urgent)
	}
	return nil
}

// work sends a chain.
func (s *sender) work(ctx context.Context, c *chain) {
	began := time.Now()
	for i, t := range c.told {
		f := flight{webhook: c.webhook, delivery: t.delivery}
		m, err := s.compose(ctx, c.webhook, t)
		if err == nil {
			f.result = s.attempt(ctx, c.webhook, m)
		} else {
			s.options.Log.Error("a webhook's message cannot be written", "webhook", c.webhook.ID, "seq", t.delivery.Seq, "error", err)
			f.result = result{outcome: faulty, fault: "the message could not be written or signed"}
			if isSecretLost(err) {
				f.result.fault = "its secret was sealed with another key file: rotate it"
			}
		}
		f.delivery.AttemptedOn = s.now()
		f.last = i == len(c.told)-1 || f.result.outcome != delivered || time.Since(began) >= stay || s.old(c)
		if s.land(f) {
			return
		}
	}
}

// land keeps what came of an attempt and reports whether no other of its chain follows.
func (s *sender) land(f flight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[f.webhook.ID]
	// What has become of the webhook meanwhile is heeded.
	f.last = f.last || s.parting || l == nil || !l.webhook.ChangedOn.Equal(f.webhook.ChangedOn)
	s.unsaved = append(s.unsaved, f)
	switch len(s.unsaved) {
	case 1:
		hint(s.landed)
	case saveBatch:
		hint(s.urgent)
	}
	return f.last
}
