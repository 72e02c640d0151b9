package e2e

import (
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

const messagesDocument = `query Page($id: ID!, $first: Int, $after: Cursor, $last: Int, $before: Cursor) { room(id: $id) {
	messages(first: $first, after: $after, last: $last, before: $before) { ...page }
} }
` + messagePageFragment

const messagePageFragment = `fragment page on MessageConnection {
	edges { cursor node { seq } } nodes { seq } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
}`

// window is a page of messages: the positions, with their cursors.
type window struct {
	seqs           []int
	cursors        []string
	earlier, later bool
}

// expect demands the positions of a page, and what it says of those beyond.
func (w window) expect(t *testing.T, what string, seqs []int, earlier, later bool) {
	t.Helper()
	if !slices.Equal(w.seqs, seqs) || w.earlier != earlier || w.later != later {
		t.Errorf("%s: got %v, earlier %v, later %v; want %v, %v, %v", what, w.seqs, w.earlier, w.later, seqs, earlier, later)
	}
}

// windowIn reads a page of an answer, and demands that its parts agree.
func windowIn(t *testing.T, r result, path string) window {
	t.Helper()
	r.mustSucceed(t)
	w := window{
		earlier: at[bool](t, r, path+".pageInfo.hasPreviousPage"),
		later:   at[bool](t, r, path+".pageInfo.hasNextPage"),
	}
	nodes := objects(at[any](t, r, path+".nodes"))
	for i, edge := range objects(at[any](t, r, path+".edges")) {
		seq := edge["node"].(map[string]any)["seq"]
		w.seqs = append(w.seqs, int(seq.(float64)))
		w.cursors = append(w.cursors, edge["cursor"].(string))
		if i >= len(nodes) || nodes[i]["seq"] != seq {
			t.Errorf("edges and nodes differ: %v", r)
		}
	}
	var start, end any
	if n := len(w.cursors); n > 0 {
		start, end = w.cursors[0], w.cursors[n-1]
	}
	if r.lookup(path+".pageInfo.startCursor") != start || r.lookup(path+".pageInfo.endCursor") != end || len(nodes) != len(w.seqs) {
		t.Errorf("the page's info does not fit it: %v", r)
	}
	return w
}

func span(first, last int) []int {
	var all []int
	for seq := first; seq <= last; seq++ {
		all = append(all, seq)
	}
	return all
}

func TestPagesOfMessages(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		reader := h.residents[0].token
		page := func(v variables) window {
			t.Helper()
			return windowIn(t, s.run(t, reader, messagesDocument, v.with(variables{"id": h.community})), "room.messages")
		}
		page(nil).expect(t, "of nothing", nil, false, false)
		page(variables{"first": 5}).expect(t, "of nothing", nil, false, false)

		s.mustChat(t, h.manager, h.community, 10) // 3 to 12
		s.mustDecide(t, h.manager, "endMembership", s.mustEnter(t, s.mustMeet(t, 3)[2], h.openCode).membership)
		last := s.mustChat(t, h.manager, h.community, 51) // 15 to 65
		all := append(span(3, 12), span(15, last)...)
		if len(all) != 61 {
			t.Fatalf("there are %d messages", len(all))
		}
		page(nil).expect(t, "neither", all[11:], true, false)
		page(variables{"first": 1}).expect(t, "the first", all[:1], false, true)
		page(variables{"last": 1}).expect(t, "the last", all[60:], true, false)
		page(variables{"first": 61}).expect(t, "all", all, false, false)
		page(variables{"last": 61}).expect(t, "all", all, false, false)
		page(variables{"first": 60}).expect(t, "all but one", all[:60], false, true)
		page(variables{"last": 60}).expect(t, "all but one", all[1:], true, false)
		whole := page(variables{"first": 100})
		whole.expect(t, "all", all, false, false)

		at := func(i int) string { return whole.cursors[i] }
		page(variables{"first": 3, "after": at(9)}).expect(t, "across what is no message", all[10:13], true, true)
		page(variables{"last": 3, "before": at(11)}).expect(t, "across what is no message", all[8:11], true, true)
		page(variables{"first": 9, "after": at(0), "before": at(5)}).expect(t, "between", all[1:5], true, true)
		page(variables{"first": 2, "after": at(0), "before": at(5)}).expect(t, "the first between", all[1:3], true, true)
		page(variables{"last": 2, "after": at(0), "before": at(5)}).expect(t, "the last between", all[3:5], true, true)
		page(variables{"first": 2, "after": at(5), "before": at(5)}).expect(t, "nothing between", nil, true, true)
		page(variables{"first": 2, "after": at(60)}).expect(t, "behind the last", nil, true, false)
		page(variables{"last": 2, "before": at(0)}).expect(t, "before the first", nil, false, true)
		page(variables{"after": at(1)}).expect(t, "50 after", all[2:52], true, true)
		page(variables{"before": at(59)}).expect(t, "50 before", all[9:59], true, true)

		for _, size := range []int{1, 7, 61} {
			var forth, back []int
			for after, more := any(nil), true; more; {
				w := page(variables{"first": size, "after": after})
				forth, more = append(forth, w.seqs...), w.later
				after = w.cursors[len(w.cursors)-1]
			}
			for before, more := any(nil), true; more; {
				w := page(variables{"last": size, "before": before})
				back, more = append(slices.Clone(w.seqs), back...), w.earlier
				before = w.cursors[0]
			}
			if !slices.Equal(forth, all) || !slices.Equal(back, all) {
				t.Errorf("by %d: forth %v, back %v", size, forth, back)
			}
		}
		// A cursor is a place, and stays it.
		s.mustChat(t, h.manager, h.community, 1)
		page(variables{"first": 2, "after": at(60)}).expect(t, "behind what was the last", []int{last + 1}, true, false)

		for _, c := range []struct {
			v           variables
			code, field string
		}{
			{variables{"first": 1, "last": 1}, "INVALID_INPUT", ""},
			{variables{"first": 0}, "INVALID_INPUT", "first"},
			{variables{"first": -1}, "INVALID_INPUT", "first"},
			{variables{"last": 0}, "INVALID_INPUT", "last"},
			{variables{"first": 101}, "TOO_LARGE", "first"},
			{variables{"last": 101}, "TOO_LARGE", "last"},
			{variables{"last": 1<<31 - 1}, "TOO_LARGE", ""},
			{variables{"first": 1, "after": ""}, "INVALID_INPUT", "after"},
			{variables{"first": 1, "after": "x"}, "INVALID_INPUT", "after"},
			{variables{"first": 1, "after": at(0) + "A"}, "INVALID_INPUT", "after"},
			{variables{"first": 1, "after": at(0) + "="}, "INVALID_INPUT", "after"},
			{variables{"last": 1, "before": base64.RawURLEncoding.EncodeToString([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))}, "INVALID_INPUT", "before"},
			{variables{"last": 1, "before": "\x00"}, "INVALID_INPUT", "before"},
			{variables{"last": 1, "before": longText(5000)}, "INVALID_INPUT", "before"},
		} {
			s.run(t, reader, messagesDocument, c.v.with(variables{"id": h.community})).expectCode(t, c.code, c.field)
		}
		// One of another kind, or far away, is a place, too.
		page(variables{"first": 1, "after": base64.RawURLEncoding.EncodeToString([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))}).
			expect(t, "after the end of time", nil, true, false)
	})
}

func TestMessagesAround(t *testing.T) {
	t.Parallel()
	const document = `query Around($id: ID!, $seq: Int, $at: Time, $count: Int! = 50) { room(id: $id) {
		messagesAround(seq: $seq, at: $at, count: $count) { ...page }
	} } ` + messagePageFragment
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		ask := func(v variables) result {
			t.Helper()
			return s.run(t, h.residents[0].token, document, v.with(variables{"id": h.community}))
		}
		around := func(v variables) window { t.Helper(); return windowIn(t, ask(v), "room.messagesAround") }
		around(variables{"seq": 1}).expect(t, "of nothing", nil, false, false)
		around(variables{"at": "2026-11-23T08:15:30Z"}).expect(t, "of nothing", nil, false, false)
		s.mustChat(t, h.manager, h.community, 10) // 3 to 12
		moment := s.run(t, h.manager.token, `query($id: ID!) { room(id: $id) { events(after: 0) { nodes { at } } } }`, variables{"id": h.community}).mustSucceed(t)
		of := func(seq int) string { return at[string](t, moment, fmt.Sprintf("room.events.nodes.%d.at", seq-1)) }
		beside := func(seq int, by time.Duration) string {
			return mustParseTime(t, of(seq)).Add(by).Format(time.RFC3339Nano)
		}
		for _, c := range []struct {
			name           string
			v              variables
			first, last    int
			earlier, later bool
		}{
			{"the middle", variables{"seq": 7, "count": 4}, 6, 9, true, true},
			{"the middle, odd", variables{"seq": 7, "count": 5}, 5, 9, true, true},
			{"one", variables{"seq": 7, "count": 1}, 7, 7, true, true},
			{"two", variables{"seq": 7, "count": 2}, 7, 8, true, true},
			{"before the first", variables{"seq": 0, "count": 4}, 3, 6, false, true},
			{"at what is no message", variables{"seq": 2, "count": 4}, 3, 6, false, true},
			{"the first", variables{"seq": 3, "count": 4}, 3, 6, false, true},
			{"near the start", variables{"seq": 4, "count": 6}, 3, 8, false, true},
			{"near the end", variables{"seq": 11, "count": 6}, 7, 12, true, false},
			{"the last", variables{"seq": 12, "count": 4}, 9, 12, true, false},
			{"beyond the end", variables{"seq": 1<<31 - 1, "count": 4}, 9, 12, true, false},
			{"just all", variables{"seq": 7, "count": 10}, 3, 12, false, false},
			{"more than all", variables{"seq": 7, "count": 100}, 3, 12, false, false},
			{"all but one", variables{"seq": 7, "count": 9}, 3, 11, false, true},
			{"50", variables{"seq": 7}, 3, 12, false, false},
			{"a moment", variables{"at": of(7), "count": 4}, 6, 9, true, true},
			{"just before a moment", variables{"at": beside(7, -time.Microsecond), "count": 4}, 5, 8, true, true},
			{"long ago", variables{"at": "1970-01-01T00:00:00Z", "count": 4}, 3, 6, false, true},
			{"one day", variables{"at": "2999-01-01T00:00:00Z", "count": 4}, 9, 12, true, false},
		} {
			around(c.v).expect(t, c.name, span(c.first, c.last), c.earlier, c.later)
		}
		for _, c := range []struct {
			v           variables
			code, field string
		}{
			{variables{}, "INVALID_INPUT", ""},
			{variables{"seq": 1, "at": of(1)}, "INVALID_INPUT", ""},
			{variables{"seq": -1}, "INVALID_INPUT", "seq"},
			{variables{"seq": 1, "count": 0}, "INVALID_INPUT", "count"},
			{variables{"seq": 1, "count": -5}, "INVALID_INPUT", "count"},
			{variables{"seq": 1, "count": 101}, "TOO_LARGE", "count"},
		} {
			ask(c.v).expectCode(t, c.code, c.field)
		}
	})
}

func TestPagesOfALog(t *testing.T) {
	t.Parallel()
	const document = `query Log($id: ID!, $after: Int!, $log: ID, $first: Int! = 100) { room(id: $id) {
		events(after: $after, logId: $log, first: $first) { nodes { seq kind message { seq } } endSeq hasNextPage }
	} }`
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		// Side by side, since what waits together is written together.
		var writing sync.WaitGroup
		for range 10 {
			writing.Go(func() { s.mustChat(t, h.manager, h.community, 101) })
		}
		writing.Wait()
		_, last := s.mustStand(t, h.manager.token, h.community)
		if last != 1012 {
			t.Fatalf("the log has %d entries", last)
		}
		log, _ := s.mustStand(t, h.manager.token, h.community)
		other, _ := s.mustStand(t, h.manager.token, h.announcements)
		ask := func(v variables) result {
			t.Helper()
			return s.run(t, h.residents[0].token, document, v.with(variables{"id": h.community}))
		}
		for _, c := range []struct {
			v           variables
			first, last int
		}{
			{variables{"after": 0}, 1, 100},
			{variables{"after": 0, "log": log, "first": 1}, 1, 1},
			{variables{"after": 5, "first": 3}, 6, 8},
			{variables{"after": 0, "first": 1000}, 1, 1000},
			{variables{"after": last - 1000, "first": 1000}, last - 999, last},
			{variables{"after": last - 999, "first": 1000}, last - 998, last},
			{variables{"after": last - 1}, last, last},
			{variables{"after": last, "log": log}, last + 1, last},
		} {
			r := ask(c.v).mustSucceed(t)
			var got []int
			for _, one := range objects(at[any](t, r, "room.events.nodes")) {
				seq := int(one["seq"].(float64))
				got = append(got, seq)
				message, _ := one["message"].(map[string]any)
				if (one["kind"] == "MESSAGE_POSTED") != (message != nil) || message != nil && message["seq"] != one["seq"] {
					t.Errorf("entry %d is %v", seq, one)
				}
			}
			if !slices.Equal(got, span(c.first, c.last)) || r.lookup("room.events.endSeq") != float64(c.last) || r.lookup("room.events.hasNextPage") != (c.last < last) {
				t.Errorf("%v: got %v, end %v, more %v", c.v, got, r.lookup("room.events.endSeq"), r.lookup("room.events.hasNextPage"))
			}
		}
		for _, c := range []struct {
			v           variables
			code, field string
		}{
			{variables{"after": last + 1}, "LOG_MISMATCH", "after"},
			{variables{"after": 1<<31 - 1}, "LOG_MISMATCH", "after"},
			{variables{"after": last + 1, "log": log}, "LOG_MISMATCH", "after"},
			{variables{"after": 0, "log": other}, "LOG_MISMATCH", "logId"},
			{variables{"after": 0, "log": "x"}, "LOG_MISMATCH", "logId"},
			{variables{"after": 0, "log": h.community}, "LOG_MISMATCH", "logId"},
			{variables{"after": -1}, "INVALID_INPUT", "after"},
			{variables{"after": 0, "first": 0}, "INVALID_INPUT", "first"},
			{variables{"after": 0, "first": 1001}, "TOO_LARGE", "first"},
		} {
			ask(c.v).expectCode(t, c.code, c.field)
		}
	})
}
