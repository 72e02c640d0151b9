package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/bus"
	"github.com/omarty/chat/internal/service"
	"github.com/omarty/chat/internal/store"
)

// metric is one that is read from the sources.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// described are all metrics of the collector.
var described []*prometheus.Desc

func newMetric(kind prometheus.ValueType, name, help string, labels ...string) metric {
	m := metric{prometheus.NewDesc("omarty_"+name, help, labels, nil), kind}
	described = append(described, m.desc)
	return m
}

func counter(name, help string, labels ...string) metric {
	return newMetric(prometheus.CounterValue, name, help, labels...)
}

func gauge(name, help string, labels ...string) metric {
	return newMetric(prometheus.GaugeValue, name, help, labels...)
}

// What is told. Labels have values of the program's own.
var (
	ready = gauge("ready", "1 where /readyz says that the program can serve, else 0.")

	sockets       = gauge("sockets_open", "WebSockets that are open.")
	streams       = gauge("event_streams_open", "Server-Sent Event streams that are open.")
	signedIn      = gauge("connections_signed_in", "Sockets and streams of people who are signed in.")
	subscriptions = gauge("subscriptions_open", "Subscriptions that are open, by their field of the schema.", "field")
	feeds         = gauge("feeds_open", "Rooms whose logs somebody follows.")
	views         = gauge("views_open", "Selections of entries that followers share.")
	followers     = gauge("followers_open", "Positions in views.")
	executions    = counter("executions_total", "Entries and updates that were executed: once for a view, or for one subscription alone.", "for")
	deliveries    = counter("deliveries_total", "Entries and updates that were handed to a connection: from a view, or executed for it alone.", "from")
	backfills     = counter("backfill_pages_total", "Pages that were read from logs for listeners who missed them.")
	backfilled    = counter("backfill_entries_total", "Entries in these pages.")
	gaps          = counter("gaps_healed_total", "How often entries came that were not next, or a look found that a log had moved on: what lay between was read from the log.", "found")
	logsOpen      = gauge("logs_open", "Rooms whose logs are listened to.")

	operations = counter("graphql_operations_total", "Operations that clients asked for, by their kind and the code of their first error; a subscription when it has begun.", "kind", "code")

	cacheRequests = counter("cache_requests_total", "What caches were asked for.", "cache", "result")
	cacheEntries  = gauge("cache_entries", "What caches hold.", "cache")
	cacheBytes    = gauge("cache_bytes", "What they reckon that it takes.", "cache")

	batches  = prometheus.NewDesc("omarty_batch_messages", "How many messages were committed together.", nil, nil)
	leftOver = counter("posts_left_over_total", "Messages that waited for the next batch, since others had locked their room.")
	patient  = counter("patient_writers_total", "How often a room got a writer of its own that waits for its lock.")

	poolMax      = gauge("database_connections_max", "Connections that a pool may have.", "pool")
	poolAcquired = gauge("database_connections_acquired", "Connections that are in use.", "pool")
	poolIdle     = gauge("database_connections_idle", "Connections that are open and not in use.", "pool")
	poolAcquires = counter("database_acquires_total", "Connections that were handed out; of PostgreSQL alone.", "pool")
	poolWaits    = counter("database_acquire_waits_total", "Those that had to be waited for.", "pool")
	poolWaited   = counter("database_acquire_wait_seconds_total", "How long in all.", "pool")
	databaseSize = gauge("database_file_bytes", "Sizes of the embedded database's files.", "file")
	database     = gauge("database_info", "1, with the engine of the database and its version.", "engine", "version")
	step         = gauge("database_migration_step", "The newest step of the schema that was applied.")

	busConnected  = gauge("bus_connected", "1 where NATS is there, else 0.")
	busReconnects = counter("bus_reconnects_total", "How often NATS was found again.")
	busSent       = counter("bus_messages_sent_total", "Messages to other nodes.", "kind")
	busHeard      = counter("bus_messages_heard_total", "Messages of other nodes.", "kind")
	busLost       = counter("bus_messages_lost_total", "Messages that were dropped: there were too many to wait, NATS was away, or they came too fast.", "why")
	busSubjects   = gauge("bus_subscriptions", "Subjects that this node listens to.")
	busLag        = prometheus.NewDesc("omarty_bus_lag_seconds", "How old entries were when they came from other nodes, by both clocks.", nil, nil)

	outboxWaiting = gauge("outbox_waiting", "What waits to be done outside of the database, on all nodes.", "kind")
	outboxOldest  = gauge("outbox_oldest_seconds", "How long the oldest of it has waited.", "kind")
	exportsOpen   = gauge("exports_waiting", "Exports of people's data that are to be made or are being made, on all nodes.")
	exportsMade   = counter("exports_total", "Exports that this node made or gave up.", "result")
	exportBytes   = counter("export_bytes_total", "How large those are that were made.")
	uploads       = counter("uploads_total", "Files of people's that were kept.")
	uploadBytes   = counter("upload_bytes_total", "How large they are.")
	uploading     = gauge("uploads_open", "Files that come now.")
)

// Describe is for Prometheus.
func (s *sources) Describe(to chan<- *prometheus.Desc) {
	for _, d := range described {
		to <- d
	}
	to <- batches
	to <- busLag
}

// Collect is for Prometheus.
func (s *sources) Collect(to chan<- prometheus.Metric) {
	t := teller(to)
	t.tell(ready, number(s.isReady()))
	t.api(s.api())
	logs := s.logs()
	t.tell(logsOpen, float64(logs.Open))
	t.tell(gaps, float64(logs.Gaps), "told")
	t.tell(gaps, float64(logs.Finds), "looked")
	t.verbs(s.verbs())
	t.store(s.store())
	if stats, ok := s.bus(); ok {
		t.bus(stats)
	}
	if last := s.sample.Load(); last != nil {
		t.sample(last)
	}
}

// teller tells Prometheus.
type teller chan<- prometheus.Metric

func (t teller) tell(m metric, value float64, labels ...string) {
	t <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (t teller) api(s graph.Stats) {
	t.live(s.Live)
	for of, n := range s.Operations {
		t.tell(operations, float64(n), of.Kind, of.Code)
	}
	t.cache("documents", s.Documents)
	t.cache("persisted_queries", s.Persisted)
}

func (t teller) cache(name string, s graph.CacheStats) {
	t.tell(cacheRequests, float64(s.Hits), name, "hit")
	t.tell(cacheRequests, float64(s.Misses), name, "miss")
	t.tell(cacheEntries, float64(s.Entries), name)
	if s.Bytes >= 0 {
		t.tell(cacheBytes, float64(s.Bytes), name)
	}
}

func (t teller) live(s live.Stats) {
	t.tell(sockets, float64(s.Sockets))
	t.tell(streams, float64(s.Streams))
	for field, n := range s.Subscriptions {
		t.tell(subscriptions, float64(n), field)
	}
	t.tell(feeds, float64(s.Feeds))
	t.tell(views, float64(s.Views))
	t.tell(followers, float64(s.Followers))
	t.tell(executions, float64(s.Rendered), "view")
	t.tell(executions, float64(s.Executed), "subscription")
	t.tell(deliveries, float64(s.Delivered), "view")
	t.tell(deliveries, float64(s.Executed), "subscription")
	t.tell(backfills, float64(s.Pages))
	t.tell(backfilled, float64(s.PageEntries))
	// What a follower finds rendered is a hit, and what it has to ask for is none.
	t.tell(cacheRequests, float64(s.Delivered), "views", "hit")
	t.tell(cacheRequests, float64(s.Missed), "views", "miss")
}

func (t teller) verbs(s service.Stats) {
	t.cache("sessions", graph.CacheStats{Hits: s.KnownHits, Misses: s.KnownMisses, Entries: s.Known, Bytes: -1})
	t.tell(signedIn, float64(s.Connections))
	t.tell(uploads, float64(s.Uploads))
	t.tell(uploadBytes, float64(s.UploadBytes))
	t.tell(uploading, float64(s.Uploading))
	t.tell(exportsMade, float64(s.Exports), "made")
	t.tell(exportsMade, float64(s.FailedExports), "failed")
	t.tell(exportBytes, float64(s.ExportBytes))
}

func (t teller) store(s store.Stats) {
	for name, p := range s.Pools {
		t.tell(poolMax, float64(p.Max), name)
		t.tell(poolAcquired, float64(p.Acquired), name)
		t.tell(poolIdle, float64(p.Idle), name)
		t.tell(poolWaits, float64(p.Waits), name)
		t.tell(poolWaited, p.WaitTime.Seconds(), name)
		if s.Engine == "postgresql" { // database/sql does not count them
			t.tell(poolAcquires, float64(p.Acquires), name)
		}
	}
	for name, size := range s.Files {
		t.tell(databaseSize, float64(size), name)
	}
	t.tell(leftOver, float64(s.LeftOver))
	t.tell(patient, float64(s.Patient))
	within := map[float64]uint64{}
	for i, bound := range store.BatchBounds {
		within[float64(bound)] = s.Batches.Within[i]
	}
	t <- prometheus.MustNewConstHistogram(batches, s.Batches.All, float64(s.Batches.Posts), within)
}

func (t teller) bus(s bus.Stats) {
	t.tell(busConnected, number(s.Connected))
	t.tell(busReconnects, float64(s.Reconnects))
	for kind, n := range s.Sent {
		t.tell(busSent, float64(n), kind)
	}
	for kind, n := range s.Heard {
		t.tell(busHeard, float64(n), kind)
	}
	t.tell(busLost, float64(s.Dropped), "full")
	t.tell(busLost, float64(s.Unsent), "away")
	t.tell(busLost, float64(s.Overrun), "overrun")
	t.tell(busSubjects, float64(s.Subscriptions))
	within := map[float64]uint64{}
	for i, bound := range bus.LagBounds {
		within[bound.Seconds()] = s.Lag.Within[i]
	}
	t <- prometheus.MustNewConstHistogram(busLag, s.Lag.All, s.Lag.Sum.Seconds(), within)
}

func (t teller) sample(s *sample) {
	t.tell(database, 1, s.Engine, s.Version)
	t.tell(step, float64(s.Step))
	for kind, of := range s.Tasks {
		oldest := 0.0
		if of.Waiting > 0 {
			oldest = max(0, time.Since(of.Oldest).Seconds())
		}
		t.tell(outboxWaiting, float64(of.Waiting), string(kind))
		t.tell(outboxOldest, oldest, string(kind))
	}
	t.tell(exportsOpen, float64(s.Exports))
}
