package e2e

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collected are the traces that were sent to a collector, as OTLP over HTTP has it.
type collected struct {
	url string

	mu    sync.Mutex
	spans []traced
	bytes []byte
}

// traced is a span that was sent.
type traced struct {
	trace, id, parent string // in hex; "" for none
	name              string
	failed            bool
	values            map[string]string
}

// collectTraces starts a collector.
func collectTraces(t *testing.T) *collected {
	t.Helper()
	c := &collected{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(text, &sent) != nil {
			http.Error(w, "that is no OTLP", http.StatusBadRequest)
			return
		}
		c.take(text, &sent)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *collected) take(text []byte, sent *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes = append(c.bytes, text...)
	for _, of := range sent.ResourceSpans {
		for _, by := range of.ScopeSpans {
			for _, s := range by.Spans {
				taken := traced{
					trace: hex.EncodeToString(s.TraceId), id: hex.EncodeToString(s.SpanId), parent: hex.EncodeToString(s.ParentSpanId),
					name: s.Name, failed: s.Status.GetCode() == 2, values: map[string]string{},
				}
				for _, a := range s.Attributes {
					taken.values[a.Key] = a.Value.String()
				}
				c.spans = append(c.spans, taken)
			}
		}
	}
}

// find gives the first span that is wanted; the zero span where there is none by now.
func (c *collected) find(wanted func(traced) bool) traced {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.spans, wanted); i >= 0 {
		return c.spans[i]
	}
	return traced{}
}

// all gives all that have come.
func (c *collected) all() []traced {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// sent gives what was sent, as it was.
func (c *collected) sent() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.bytes)
}

// above gives a span and those above it, up to the root, as far as they have come.
func (c *collected) above(s traced) (path []string) {
	for s.name != "" {
		path = append([]string{s.name}, path...)
		if s.parent == "" {
			return path
		}
		s = c.find(func(other traced) bool { return other.trace == s.trace && other.id == s.parent })
	}
	return append([]string{"?"}, path...)
}

// A send on one node that is heard on another is one trace: from the request by the resolver
// and the statements to the bus, and on to the other node.
func TestOneSendIsOneTrace(t *testing.T) {
	t.Parallel()
	traces := collectTraces(t)
	_, natsURL, _ := startNATS(t, 0)
	home := newPlace(t, postgres)
	env := []string{"OMARTY_RATE_LIMITS=off", "OMARTY_NATS_URL=" + natsURL, "OTEL_EXPORTER_OTLP_ENDPOINT=" + traces.url, "OTEL_BSP_SCHEDULE_DELAY=50"}
	here, there := home.start(t, append(env, "OTEL_SERVICE_NAME=here")...), home.start(t, append(env, "OTEL_SERVICE_NAME=there")...)
	h := here.mustSettle(t, 1)
	here.waitConnected(t, 1)
	there.waitConnected(t, 1)
	_, last := here.mustStand(t, h.manager.token, h.community)
	listening := there.openSocket(t, h.residents[0].token).subscribe(t, briefDocument, from(h.community, last))
	listening.expect(t, caughtUp(last))
	var heard traced
	eventually(t, hearTime, "a send is followed to the other node", func() bool {
		at := here.mustChat(t, h.manager, h.community, 1)
		listening.expectPosts(t, at, at)
		heard = traces.find(func(s traced) bool { return s.name == "hear log" })
		return heard.name != ""
	})
	want := "POST /graphql > GraphQL mutation > Mutation.sendMessage > post messages > tell log > hear log"
	eventually(t, hearTime, "the whole trace has come", func() bool { return strings.Join(traces.above(heard), " > ") == want })
	statement := traces.find(func(s traced) bool { return s.trace == heard.trace && s.name == "BATCH" })
	if got := strings.Join(traces.above(statement), " > "); !strings.HasSuffix(got, "Mutation.sendMessage > post messages > BATCH") {
		t.Errorf("a statement is below %s", got)
	}
	request := traces.find(func(s traced) bool { return s.trace == heard.trace && s.parent == "" })
	if !strings.Contains(request.values["http.response.status_code"], "200") || request.failed {
		t.Errorf("the request is told as %+v", request)
	}

	// What is refused says with which code; and who claims a trace begins one of their own.
	claimed := "0af7651916cd43dd8448eb211c80319c"
	here.run(t, h.manager.token, `mutation($in: SendMessageInput!) { sendMessage(input: $in) { replayed } }`, variables{"in": variables{"room": h.id, "key": "k", "text": "t"}},
		"traceparent", "00-"+claimed+"-b7ad6b7169203331-01").expectCode(t, "NOT_FOUND", "")
	eventually(t, hearTime, "a failure is in a trace", func() bool {
		return strings.Contains(traces.find(func(s traced) bool { return s.name == "Mutation.sendMessage" && s.failed }).values["error.type"], "NOT_FOUND")
	})
	if s := traces.find(func(s traced) bool { return s.trace == claimed }); s.name != "" {
		t.Errorf("a client chose the trace of %+v", s)
	}
}

// On SQLite statements are in the trace, too; and a setting that cannot be is told.
func TestTracesOfSQLite(t *testing.T) {
	t.Parallel()
	traces := collectTraces(t)
	s := start(t, sqlite, "OTEL_EXPORTER_OTLP_ENDPOINT="+traces.url, "OTEL_BSP_SCHEDULE_DELAY=50")
	h := s.mustSettle(t, 1)
	// On a socket, each operation is a trace.
	s.openSocket(t, h.manager.token).ask(t, `{ viewer { rooms(first: 1) { nodes { id } } } }`, nil).mustSucceed(t)
	s.mustChat(t, h.manager, h.community, 1)
	for _, want := range []string{"GraphQL query > Query.viewer > ", "Mutation.sendMessage > post messages > "} {
		eventually(t, hearTime, "a statement comes after "+want, func() bool {
			return slices.ContainsFunc(traces.all(), func(s traced) bool {
				return strings.Contains(s.values["db.system.name"], "sqlite") && strings.Contains(strings.Join(traces.above(s), " > "), want)
			})
		})
	}
	r := runProgram(t, t.TempDir(), []string{"OMARTY_LISTEN=127.0.0.1:0", "OTEL_EXPORTER_OTLP_ENDPOINT=" + traces.url, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"})
	if r.status != 1 || !strings.Contains(r.log, "OTEL_EXPORTER_OTLP_PROTOCOL") {
		t.Errorf("of a protocol that it does not speak it says, with status %d: %s", r.status, r.log)
	}
}
