package service

import "github.com/allot-dev/allot/internal/billing"

// Waiting is how many units wait in the lane of a customer.
func (s *Service) Waiting(id billing.CustomerID) int {
	l := s.batching().of(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}
