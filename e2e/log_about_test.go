package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// entries gives the lines of a log in JSON that have a message.
func (s *server) entries(message string) (found []map[string]any) {
	for line := range strings.SplitSeq(s.log.String(), "\n") {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

// Each line tells of which request, session and room it is, as far as there is one: so an
// operator finds what somebody complains of, and learns nothing of what they said.
func TestLogTellsOfSessionsAndRooms(t *testing.T) {
	t.Parallel()
	traces := collectTraces(t)
	s := start(t, sqlite, "OMARTY_LOG=debug,json", "OMARTY_RATE_LIMITS=off", "OTEL_EXPORTER_OTLP_ENDPOINT="+traces.url, "OTEL_BSP_SCHEDULE_DELAY=50")
	h := s.mustSettle(t, 1)
	me, room := h.manager, h.community
	lineOf := func(id string) map[string]any {
		t.Helper()
		var found map[string]any
		eventually(t, hearTime, "the request is in the log", func() bool {
			for _, entry := range s.entries("request") {
				if entry["request"] == id {
					found = entry
				}
			}
			return found != nil
		})
		return found
	}
	sent := s.send(t, me.token, variables{"room": room, "key": newKey(), "text": "Salam"}).mustSucceed(t)
	message := at[string](t, sent, "sendMessage.message.id")
	for what, r := range map[string]result{
		"a send":             sent,
		"a read room":        s.run(t, me.token, `query($id: ID!) { room(id: $id) { id } }`, variables{"id": room}).mustSucceed(t),
		"a read message":     s.run(t, me.token, `query($id: ID!) { message(id: $id) { id } }`, variables{"id": message}).mustSucceed(t),
		"an edit":            s.edit(t, me, variables{"message": message, "text": "Salam!"}).mustSucceed(t),
		"a room in an alias": s.run(t, me.token, `query($id: ID!) { a: viewer { id } b: room(id: $id) { name } }`, variables{"id": room}).mustSucceed(t),
	} {
		line := lineOf(r.header.Get("X-Request-Id"))
		if line["session"] != me.session || line["room"] != room {
			t.Errorf("of %s: session %v and room %v, want %s and %s", what, line["session"], line["room"], me.session, room)
		}
		if traced, _ := line["trace"].(string); len(traced) != 32 {
			t.Errorf("of %s: the trace is %v", what, line["trace"])
		}
	}
	// Of whom nothing is known, nothing is told; what one may not see is not named.
	plain := lineOf(s.run(t, "", `{ __typename }`, nil).header.Get("X-Request-Id"))
	refused := lineOf(s.send(t, h.residents[0].token, variables{"room": "room_" + strings.Repeat("0", 25) + "4", "key": newKey(), "text": "x"}).header.Get("X-Request-Id"))
	if plain["session"] != nil || plain["room"] != nil || refused["room"] != nil || refused["session"] != h.residents[0].session {
		t.Errorf("lines tell %v and %v", plain, refused)
	}

	socket := s.openSocket(t, me.token)
	socket.subscribe(t, briefDocument, from(room, 0)).hear(t)
	socket.Close()
	var closed []map[string]any
	eventually(t, hearTime, "the socket's end is in the log", func() bool { closed = s.entries("socket closed"); return len(closed) == 1 })
	opened := s.entries("socket opened")
	if len(opened) != 1 || opened[0]["session"] != me.session || opened[0]["request"] != closed[0]["request"] {
		t.Errorf("of the socket's beginning the log tells %v", opened)
	}
	if closed[0]["session"] != me.session || closed[0]["why"] != "The connection broke off" || closed[0]["took"] == nil {
		t.Errorf("of the socket's end the log tells %v", closed[0])
	}
	events := s.listen(t, overEvents, me.token, briefDocument, from(room, 0))
	events.hear(t)
	events.hangUp()
	eventually(t, hearTime, "the event stream's end is in the log", func() bool { closed = s.entries("event stream closed"); return len(closed) == 1 })
	if closed[0]["session"] != me.session || closed[0]["why"] != "The client left" || closed[0]["request"] == nil || closed[0]["took"] == nil {
		t.Errorf("of the event stream's end the log tells %v", closed[0])
	}
	s.mustStop(t)
	for _, secret := range []string{me.token, h.residents[0].token, "Salam", me.email} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}
