package main

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/internal/bus"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/realtime"
	"github.com/omarty/chat/internal/service"
	"github.com/omarty/chat/internal/store"
)

// How operators see what happens inside. Whatever counts does so in plain numbers of its own
// and knows nothing of Prometheus; here they are read, when somebody scrapes, and named. So
// what is counted often costs an addition, and what nobody asks for costs nothing.

// sampleEach is how often the database is asked what waits in it, for metrics.
const sampleEach = 15 * time.Second

// sources are where numbers are read.
type sources struct {
	api   func() graph.Stats
	verbs func() service.Stats
	store func() store.Stats
	logs  func() realtime.LogStats
	// bus is nil where there are no other nodes.
	bus func() (bus.Stats, bool)
	// ready answers as /readyz does.
	ready http.Handler
	// sample is what the database was asked last; nil before it answered.
	sample atomic.Pointer[sample]
}

// sample is what the database was asked at a moment.
type sample struct {
	omarty.Backlogs
	store.About
}

// watch asks the database from time to time, until ctx ends.
func (s *sources) watch(ctx context.Context, db *store.Store, failed func(error)) {
	tick := time.NewTicker(sampleEach)
	defer tick.Stop()
	for {
		backlogs, err := db.Backlogs(ctx, time.Now())
		if err == nil {
			var about store.About
			if about, err = db.About(ctx); err == nil {
				s.sample.Store(&sample{backlogs, about})
			}
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// isReady tells whether the program says that it is.
func (s *sources) isReady() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*pingTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil)
	if err != nil {
		return false
	}
	w := statusOnly{header: http.Header{}, status: http.StatusOK}
	s.ready.ServeHTTP(&w, r)
	return w.status == http.StatusOK
}

// statusOnly is an answer of which the status alone is of interest.
type statusOnly struct {
	header http.Header
	status int
}

func (w *statusOnly) Header() http.Header         { return w.header }
func (w *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (w *statusOnly) WriteHeader(status int)      { w.status = status }

// sends and refusals are counted here, since who does it knows no names for them.
var (
	sends = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "omarty_send_seconds",
		Help:    "How long it took to post a message, from the verb's call to the commit, by what came of it: OK, REPLAYED, or the code of the error.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"code"})
	refusals = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "omarty_rate_refusals_total",
		Help: "What was refused since there was too much of it, by the name of the rate or of the crowd.",
	}, []string{"rate"})
)

// measuredVerbs are the verbs as the API has them, of which sends are timed.
type measuredVerbs struct{ *service.Service }

// SendMessage is for the API.
func (v measuredVerbs) SendMessage(ctx context.Context, by service.Asker, in service.NewMessage) (omarty.Message, bool, error) {
	began := time.Now()
	m, replayed, err := v.Service.SendMessage(ctx, by, in)
	code := "OK"
	switch {
	case err != nil:
		code = string(omarty.CodeOf(err))
	case replayed:
		code = "REPLAYED"
	}
	sends.WithLabelValues(code).Observe(time.Since(began).Seconds())
	return m, replayed, err
}

// countedLimiter counts what it refuses.
type countedLimiter struct{ service.Limiter }

// Take is for the verbs.
func (l countedLimiter) Take(r omarty.Rate, key string, now time.Time) (func(), time.Duration) {
	giveBack, wait := l.Limiter.Take(r, key, now)
	if wait > 0 {
		refusals.WithLabelValues(r.Name).Inc()
	}
	return giveBack, wait
}

// Enter is for the verbs.
func (l countedLimiter) Enter(c omarty.Crowd, key string) (func(), bool) {
	leave, ok := l.Limiter.Enter(c, key)
	if !ok {
		refusals.WithLabelValues(c.Name).Inc()
	}
	return leave, ok
}

// countedRates count what they refuse: of several buckets, by the rate of the first.
type countedRates struct{ service.Rates }

// Take is for the verbs.
func (l countedRates) Take(ctx context.Context, now time.Time, buckets ...omarty.Bucket) ([]omarty.Bucket, time.Duration, error) {
	taken, wait, err := l.Rates.Take(ctx, now, buckets...)
	if wait > 0 && len(buckets) > 0 {
		refusals.WithLabelValues(buckets[0].Name).Inc()
	}
	return taken, wait, err
}

// countedBudgets count what they refuse.
type countedBudgets struct{ service.Budgets }

// Spend is for the verbs.
func (l countedBudgets) Spend(r omarty.Rate, key string, tokens int, now time.Time) time.Duration {
	wait := l.Budgets.Spend(r, key, tokens, now)
	if wait > 0 {
		refusals.WithLabelValues(r.Name).Inc()
	}
	return wait
}
