package live

import "time"

// pace is a token bucket of one connection: it keeps the time at which it will be full.
type pace struct{ full time.Time }

// take takes a token, which may be one that is still to be earned: it tells then how long
// that takes, and is 0 or less where there was one.
func (p *pace) take(r rate, now time.Time) (wait time.Duration) {
	if p.full.Before(now) {
		p.full = now
	}
	p.full = p.full.Add(r.every)
	return p.full.Sub(now) - time.Duration(r.burst)*r.every
}

// giveBack puts a token back.
func (p *pace) giveBack(r rate) { p.full = p.full.Add(-r.every) }
