package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// families gives the names of the metrics that a server tells, those of histograms as the
// parts that queries name.
func (s *server) families(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for line := range strings.SplitSeq(string(s.admin(t).get(t, "/metrics").body), "\n") {
		if line != "" && line[0] != '#' {
			name, _, _ := strings.Cut(line, " ")
			name, _, _ = strings.Cut(name, "{")
			names[name] = true
		}
	}
	return names
}

// measured is what a server tells of a metric with its labels, as text; "" for nothing.
func (s *server) measured(t *testing.T, series string) string {
	t.Helper()
	for line := range strings.SplitSeq(string(s.admin(t).get(t, "/metrics").body), "\n") {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return value
		}
	}
	return ""
}

var metricName = regexp.MustCompile(`\bomarty_[a-z_]+[a-z]\b`)

// Whatever happens is counted; what the dashboard and the rules ask for is told by the
// program, and described to operators.
func TestMetricsTellWhatHappens(t *testing.T) {
	t.Parallel()
	_, natsURL, _ := startNATS(t, 0)
	told := map[string]bool{}
	eachOf := map[engine][]string{postgres: {"OMARTY_NATS_URL=" + natsURL}, sqlite: nil}
	for _, e := range []engine{sqlite, postgres} {
		s := start(t, e, append(eachOf[e], "OMARTY_ADMIN_LISTEN=127.0.0.1:0")...)
		h := s.mustSettle(t, 1)
		room, resident := h.community, h.residents[0]
		_, last := s.mustStand(t, h.manager.token, room)
		socket := s.openSocket(t, resident.token)
		onSocket := socket.subscribe(t, briefDocument, from(room, last))
		onStream := s.openEvents(t, resident.token, briefDocument, from(room, last))
		onSocket.expect(t, caughtUp(last))
		onStream.expect(t, caughtUp(last))
		said := s.mustChat(t, h.manager, room, 3)
		onSocket.expectPosts(t, said-2, said)
		onStream.expectPosts(t, said-2, said)
		s.send(t, h.manager.token, variables{"room": room, "key": newKey(), "text": ""})
		s.mustUpload(t, h.manager.token, "a.txt", []byte("hello"))
		for range 40 { // some of which are too many, also on a slow machine
			s.preview(t, h.manager.token, "NO-SUCH-CODE")
		}
		if e == postgres {
			s.waitConnected(t, 1)
		}
		eventually(t, hearTime, "the database was asked", func() bool { return s.measured(t, "omarty_database_migration_step") != "" })
		for series, want := range map[string]string{
			`omarty_ready`: "1", `omarty_sockets_open`: "1", `omarty_event_streams_open`: "1", `omarty_connections_signed_in`: "2",
			`omarty_subscriptions_open{field="roomEvents"}`: "2", `omarty_feeds_open`: "1", `omarty_views_open`: "1", `omarty_followers_open`: "2",
			`omarty_send_seconds_count{code="OK"}`: "3", `omarty_send_seconds_count{code="REQUIRED"}`: "1",
			`omarty_graphql_operations_total{code="REQUIRED",kind="mutation"}`: "1", `omarty_graphql_operations_total{code="OK",kind="subscription"}`: "2",
			`omarty_batch_messages_sum`: "3", `omarty_deliveries_total{from="view"}`: "6", `omarty_uploads_total`: "1", `omarty_upload_bytes_total`: "5",
			`omarty_outbox_waiting{kind="MAIL"}`: "0", `omarty_exports_waiting`: "0",
		} {
			// Some of it is counted when it has been answered.
			eventually(t, hearTime, fmt.Sprintf("on %s %s is %s", e, series, want), func() bool { return s.measured(t, series) == want })
		}
		maps.Copy(told, s.families(t))
		socket.Close()
		eventually(t, hearTime, "the socket is counted out", func() bool {
			return s.measured(t, "omarty_sockets_open") == "0" && s.measured(t, `omarty_subscriptions_open{field="roomEvents"}`) == "1"
		})
	}

	described, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for line := range strings.SplitSeq(string(described), "\n") {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `omarty_") {
			for _, name := range metricName.FindAllString(cells[0], -1) {
				rows[name] = true
				if !told[name] && !told[name+"_count"] {
					t.Errorf("docs/operations.md describes %s, which nothing tells", name)
				}
			}
		}
	}
	part := regexp.MustCompile(`_(bucket|sum|count)$`)
	for _, name := range slices.Sorted(maps.Keys(told)) {
		if strings.HasPrefix(name, "omarty_") && !rows[part.ReplaceAllString(name, "")] {
			t.Errorf("docs/operations.md has no row for %s", name)
		}
	}
	dashboard, err := os.ReadFile("../ops/grafana/omarty-chat.json")
	if err != nil {
		t.Fatal(err)
	}
	for name := range rows {
		if !strings.Contains(string(dashboard), name) {
			t.Errorf("the dashboard shows nothing of %s", name)
		}
	}
	for _, file := range []string{"../ops/grafana/omarty-chat.json", "../ops/prometheus/omarty-chat.rules.yml"} {
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		asked := metricName.FindAllString(string(text), -1)
		if len(asked) < 10 {
			t.Errorf("%s asks for %d metrics", file, len(asked))
		}
		for _, name := range asked {
			if !told[name] {
				t.Errorf("%s asks for %s, which nothing tells", file, name)
			}
		}
	}
}
