package service

import (
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// What operations may cost, in units of the schema's @cost: a person's own, and of an
// address all that ask without a session, who may be many behind one. In a row they
// are ten seconds of a core and twenty, over time a tenth of one and a quarter.
var (
	budgetOfPerson = omarty.Rate{Name: "cost of a person", Burst: 4_000_000, Every: 25 * time.Microsecond}
	budgetOfPlace  = omarty.Rate{Name: "cost of a place", Burst: 8_000_000, Every: 10 * time.Microsecond}
)

// Budgets are token buckets from which many tokens are taken at once.
type Budgets interface {
	// Spend takes tokens, or takes none and tells how long to wait for as many.
	Spend(r omarty.Rate, key string, tokens int, now time.Time) (wait time.Duration)
}

// Spend counts what an asker has done for them, before it is done: RATE_LIMITED where
// they have asked for too much lately.
func (s *Service) Spend(by Asker, cost int) error {
	budget := budgetOfPerson
	if by.User.IsZero() {
		budget = budgetOfPlace
	}
	if wait := s.Budgets.Spend(budget, by.Payer(), cost, s.Now()); wait > 0 {
		e := omarty.Errorf(omarty.CodeRateLimited, "Too much was asked for in a short time; wait before the next.")
		e.RetryAfter = wait
		return e
	}
	return nil
}

// Payer names who an asker's operations are counted for: the person, or the place of who
// is not signed in.
func (a Asker) Payer() string {
	if a.User.IsZero() {
		return a.place()
	}
	return a.User.String()
}
