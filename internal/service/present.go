package service

import (
	"context"
	"sync"

	"github.com/allot-dev/allot/internal/billing"
)

// maxPresenting bounds how many windows wait to be made present. Who is left out is
// thought of again by the next read.
const maxPresenting = 1 << 10

// chore is what is done afterwards, in the background: a window is made present, or, with
// aside, the grants of a pool are set aside that are used up.
type chore struct {
	meter
	aside bool
}

// presenting is what does chores. It is there while some wait.
type presenting struct {
	mu      sync.Mutex
	waiting []chore
	queued  map[chore]bool // those that wait, and the one that is at work
	stop    context.CancelFunc
	busy    bool
	closed  bool
	working sync.WaitGroup
}

// present makes windows of now those of the lanes of some features, soon and by
// themselves, so that the next read of them is of one row. A read found that they are not,
// such as after a change to a plan of another rhythm, and had to sum records. Nobody waits
// for it but who writes usage of the feature meanwhile, which would have to do the same. It
// changes no answer, so what goes wrong with it is left to the next read.
func (s *Service) present(customer billing.CustomerID, features ...billing.Code) {
	chores := make([]chore, len(features))
	for i, code := range features {
		chores[i] = chore{meter{customer, code}, false}
	}
	s.afterwards(chores...)
}

// afterwards does chores soon.
func (s *Service) afterwards(chores ...chore) {
	if s.Known == nil || len(chores) == 0 {
		return
	}
	p := &s.presenting
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range chores {
		if p.closed || p.queued[c] || len(p.queued) >= maxPresenting {
			continue
		}
		if p.queued == nil {
			p.queued = make(map[chore]bool)
		}
		p.queued[c] = true
		p.waiting = append(p.waiting, c)
	}
	if p.busy || len(p.waiting) == 0 {
		return
	}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	p.busy = true
	p.working.Go(func() { s.presentAll(ctx) })
}

// presentAll goes on until none waits.
func (s *Service) presentAll(ctx context.Context) {
	p := &s.presenting
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) > 0 {
		c := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		s.doChore(ctx, c)
		p.mu.Lock()
		delete(p.queued, c)
	}
	p.stop()
	p.busy, p.waiting = false, nil
}

// doChore does one. A panic of the store ends this, as it ends a request, and not the
// server.
func (s *Service) doChore(ctx context.Context, c chore) {
	defer func() { _ = recover() }()
	if c.aside {
		s.setAside(ctx, c.meter)
	} else {
		s.presentOne(ctx, c.meter)
	}
}

// presentOne makes the window of now that of a lane.
func (s *Service) presentOne(ctx context.Context, m meter) {
	_ = s.Do(ctx, "", func(u *Work) error {
		var al billing.Allowance
		f, err := u.openUsage(m.customer, func(f *facts) ([]span, error) {
			feature, err := f.meteredFeature(m.feature)
			if err != nil {
				return nil, err
			}
			al = f.snap.Allowance(feature, f.now)
			return []span{{m.feature, f.now, f.now}}, nil
		})
		if err != nil {
			return err
		}
		l := u.ledgers[m]
		if isPooled(&al, l.lane()) { // what time has paid of debts is stored before a later instant is noted
			all, err := history(u.tx.Reader(), f.snap, f.now)
			if err != nil {
				return err
			}
			p, err := readPool(u.tx.Reader(), all, al.Feature, f.now, l)
			if err != nil {
				return err
			}
			if err := u.storePayments(f, &credits{own: p}); err != nil {
				return err
			}
		}
		if err := l.present(f, al.Window); err != nil {
			return err
		}
		return u.settle()
	})
}

// Close ends what works in the background, and waits for it. Nothing begins to any more;
// use cases go on as before.
func (s *Service) Close() {
	p := &s.presenting
	p.mu.Lock()
	p.closed, p.waiting = true, nil
	if p.stop != nil {
		p.stop()
	}
	p.mu.Unlock()
	p.working.Wait()
}
