package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const searchDocument = `query($query: String!, $building: ID, $room: ID, $author: ID, $first: Int! = 20, $after: Cursor) {
	searchMessages(query: $query, building: $building, room: $room, author: $author, first: $first, after: $after) {
		nodes { text } edges { cursor node { text } } pageInfo { hasNextPage endCursor }
	}
}`

// found gives the texts that a search finds, as they come.
func (s *server) found(t *testing.T, who dweller, v variables) []string {
	t.Helper()
	r := s.run(t, who.token, searchDocument, v).mustSucceed(t)
	var texts []string
	for _, node := range objects(at[any](t, r, "searchMessages.nodes")) {
		texts = append(texts, node["text"].(string))
	}
	return texts
}

// expectFound demands the texts that a query finds, the newest first.
func (s *server) expectFound(t *testing.T, who dweller, v variables, want ...string) {
	t.Helper()
	if got := s.found(t, who, v); !slices.Equal(got, want) {
		t.Errorf("%v finds %q, want %q", v, got, want)
	}
}

// Whatever people type for a word finds it, and both databases find the same.
func TestSearchFindsWhatPeopleType(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		texts := map[string]string{}
		say := func(name, text string) { texts[name] = s.mustSay(t, h.manager, h.community, text).text }
		for name, text := range map[string]string{
			"lift":      "The LIFT is out of order, sorry!",
			"café":      "Coffee at Café Rene\u0301e’s? Straße 12",
			"ahmad":     "يا أحمد، متى تأتي؟",
			"believer":  "هذا مؤمن ورئيس مسؤول",
			"affairs":   "كل شئ عن الشئون",
			"on":        "على الطاولة",
			"flat":      "شقة ١٢ في الدور الثالث",
			"muhammad":  "مُحَمَّدٌ وصل",
			"stretched": "مـــرحـــبـــا بالجيران",
			"lifts":     "المصعد معطل من ۱۴۰۰",
			"mixed":     "موعد meeting غدًا 10:30",
			"han":       "電梯壞了",
			"quoted":    `He said "wait" -- NOT near (the AND door): don't*`,
			"thousands": "It costs 1,500 EGP",
		} {
			say(name, text)
		}
		for _, c := range []struct{ query, want string }{
			{"lift", "lift"},
			{"Lift", "lift"},
			{"LI", "lift"},
			{"ift", ""},
			{"lifts", ""},
			{"order lift", "lift"},
			{"lift café", ""},
			{"cafe", "café"},
			{"CAFÉ", "café"},
			{"cafe\u0301", "café"},
			{"renee", "café"},
			{"Renée", "café"},
			{"strasse", "café"},
			{"STRASSE 12", "café"},
			{"احمد", "ahmad"},
			{"أحمد", "ahmad"},
			{"إحمد", "ahmad"},
			{"آحمد", "ahmad"},
			{"ٱحمد", "ahmad"},
			{"اح", "ahmad"},
			{"حمد", ""},
			{"مومن", "believer"},
			{"مؤمن", "believer"},
			{"رييس", ""},
			{"ورئيس", "believer"},
			{"ورييس", "believer"},
			{"مسوول", "believer"},
			{"مسئول", "believer"},
			{"مسؤول", "believer"},
			{"شئون", "affairs"},
			{"شؤون", "affairs"},
			{"شيء", "affairs"},
			{"علي", "on"},
			{"على", "on"},
			{"علی", "on"},
			{"شقه", "flat"},
			{"شقة", "flat"},
			{"شق", "flat"},
			{"12 شقة", "flat"},
			{"١٢ شقة", "flat"},
			{"۱۲ شقه", "flat"},
			{"محمد", "muhammad"},
			{"مُحمّد", "muhammad"},
			{"محـــمد", "muhammad"},
			{"مرحبا", "stretched"},
			{"مَرْحَبًا", "stretched"},
			{"الجيران", "stretched"},
			{"جيران", "stretched"},
			{"مصعد", "lifts"},
			{"المصعد", "lifts"},
			{"1400", "lifts"},
			{"١٤٠٠", "lifts"},
			{"معطّل", "lifts"},
			{"meeting موعد", "mixed"},
			{"غدا", "mixed"},
			{"غداً 30", "mixed"},
			{"電梯", "han"},
			{"電話", ""},
			{`"wait"`, "quoted"},
			{"NOT near", "quoted"},
			{"dont", "quoted"},
			{"don’t", "quoted"},
			{"AND door NEAR", "quoted"},
			{"1500", "thousands"},
			{"1,500", "thousands"},
			{"١٬٥٠٠", "thousands"},
			{"w", "quoted"},
			{"nobody", ""},
		} {
			want := []string{}
			if c.want != "" {
				want = append(want, texts[c.want])
			}
			s.expectFound(t, h.manager, variables{"query": c.query, "room": h.community}, want...)
		}
	})
}

// Signs of either database's own language are nothing but signs.
func TestSearchTakesAnyQuery(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		s.mustSay(t, h.manager, h.community, "Salam, neighbours")
		search := func(v variables) result { return s.run(t, h.manager.token, searchDocument, v) }
		for _, query := range []string{
			`"salam`, `salam*`, `salam & neigh`, `(salam`, `!salam :*`, `salam | neighbours`, `words:salam`, `^salam`, `'salam' <-> neighbours`,
			`salam + neighbours`, `{salam}: neighbours`, `salam\\`, `-salam`, "salam\x00", `sal%am`, "salam\u200f",
		} {
			if r := search(variables{"query": query}); len(r.errors) > 0 {
				t.Errorf("%q: %v", query, r)
			}
		}
		s.expectFound(t, h.manager, variables{"query": `"salam* & (neigh:*`, "room": h.community}, "Salam, neighbours")
		for query, code := range map[string]string{
			"": "REQUIRED", " \n\t": "REQUIRED", `"*:&|!()`: "INVALID_INPUT", "؟ ، ؛ ـ": "INVALID_INPUT", "👍🏽": "INVALID_INPUT",
			strings.Repeat("x", 201): "INVALID_INPUT", strings.Repeat("a b c d e f g h i j k l m n o p q ", 5): "TOO_LARGE",
		} {
			search(variables{"query": query}).expectCode(t, code, "query")
		}
		search(variables{"query": "x", "first": 0}).expectCode(t, "INVALID_INPUT", "first")
		search(variables{"query": "x", "first": 101}).expectCode(t, "TOO_LARGE", "first")
		search(variables{"query": "x", "after": "!"}).expectCode(t, "INVALID_INPUT", "after")
		s.run(t, "", searchDocument, variables{"query": "", "first": 0}).expectCode(t, "UNAUTHENTICATED", "")
	})
}

// Who is in a room finds what is said there, and nobody else.
func TestSearchIsOfTheRoomsOneIsIn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 3)
		stays, leaves, banned := h.residents[0], h.residents[1], h.residents[2]
		people := s.mustMeet(t, 6)
		other := s.mustOpenHouse(t, people[4], stays)
		pending := s.mustEnter(t, people[5], h.closedCode)
		word := "w" + strings.ToLower(newKey())
		query := func(more variables) variables { return variables{"query": word}.with(more) }

		s.mustSay(t, h.manager, h.announcements, "1 "+word)
		s.mustSay(t, leaves, h.community, "2 "+word)
		s.mustSay(t, other.manager, other.community, "3 "+word)
		s.mustSay(t, h.manager, h.community, "4 "+word)
		one, two, three, four := "1 "+word, "2 "+word, "3 "+word, "4 "+word

		s.expectFound(t, stays, query(nil), four, three, two, one)
		s.expectFound(t, h.manager, query(nil), four, two, one)
		s.expectFound(t, other.manager, query(nil), three)
		s.expectFound(t, pending, query(nil))
		s.expectFound(t, stays, query(variables{"building": h.id}), four, two, one)
		s.expectFound(t, stays, query(variables{"building": other.id}), three)
		s.expectFound(t, stays, query(variables{"room": h.community}), four, two)
		s.expectFound(t, stays, query(variables{"author": h.manager.id}), four, one)
		s.expectFound(t, stays, query(variables{"author": h.manager.id, "room": h.community}), four)
		s.expectFound(t, stays, query(variables{"room": h.community, "building": other.id}))
		s.expectFound(t, stays, query(variables{"author": stays.id}))

		// What one may not see is as what there is not.
		want := s.run(t, other.manager.token, searchDocument, query(variables{"room": neverWere(h.community)[0]}))
		for _, v := range []variables{
			{"room": h.community}, {"building": h.id}, {"author": leaves.id}, {"author": neverWere(leaves.id)[0]}, {"room": h.id}, {"building": neverWere(h.id)[0]},
		} {
			if got := s.run(t, other.manager.token, searchDocument, query(v)); string(got.body) != string(want.body) {
				t.Errorf("%v: got %v, want %v", v, got, want)
			}
		}

		s.mustDecide(t, leaves, "endMembership", leaves.membership)
		s.mustDecide(t, h.manager, "banMember", banned.membership)
		s.expectFound(t, leaves, query(nil))
		s.expectFound(t, banned, query(nil))
		s.expectFound(t, stays, query(variables{"author": leaves.id}), two)
		s.mustEnter(t, leaves, h.openCode)
		s.expectFound(t, leaves, query(nil), four, two, one)
	})
}

// Pages follow each other without a gap or a message twice, while people post.
func TestSearchPages(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		word := "w" + strings.ToLower(newKey())
		var want []string
		for i := range 45 {
			room, who := h.community, h.manager
			if i%3 == 0 {
				room = h.announcements
			}
			want = append(want, s.mustSay(t, who, room, fmt.Sprint(word, " ", i)).text)
		}
		slices.Reverse(want)
		stop := make(chan struct{})
		var posting sync.WaitGroup
		quiet := sync.OnceFunc(func() { close(stop); posting.Wait() })
		defer quiet()
		posting.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
				if _, err := s.insistOn(h.residents[0].token, h.community, newKey(), word+" new"); err != nil {
					t.Error(err)
					return
				}
			}
		})
		var got []string
		v := variables{"query": word[:9], "author": h.manager.id, "first": 7}
		for pages := 0; pages < 10; pages++ {
			r := s.run(t, h.residents[0].token, searchDocument, v).mustSucceed(t)
			edges := objects(at[any](t, r, "searchMessages.edges"))
			for _, edge := range edges {
				got = append(got, edge["node"].(map[string]any)["text"].(string))
			}
			if !at[bool](t, r, "searchMessages.pageInfo.hasNextPage") {
				break
			}
			v["after"] = at[string](t, r, "searchMessages.pageInfo.endCursor")
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		// With all authors, those that came meanwhile are before the rest.
		var all []string
		v = variables{"query": word, "first": 100}
		for {
			r := s.run(t, h.manager.token, searchDocument, v).mustSucceed(t)
			for _, node := range objects(at[any](t, r, "searchMessages.nodes")) {
				if text := node["text"].(string); text != word+" new" {
					all = append(all, text)
				}
			}
			if !at[bool](t, r, "searchMessages.pageInfo.hasNextPage") {
				break
			}
			v["after"] = at[string](t, r, "searchMessages.pageInfo.endCursor")
		}
		quiet()
		if !slices.Equal(all, want) {
			t.Errorf("got %q, want %q", all, want)
		}
	})
}

// What was edited is found by what it says now, what was deleted not at all, and at once.
func TestSearchFollowsEditsAndDeletions(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		m := s.mustSay(t, h.manager, h.community, "المصعد معطل")
		in := func(query string) variables { return variables{"query": query, "room": h.community} }
		s.expectFound(t, h.manager, in("مصعد"), m.text)
		s.run(t, h.manager.token, `mutation($in: EditMessageInput!) { editMessage(input: $in) { message { id } } }`,
			variables{"in": variables{"message": m.id, "text": "السلم نظيف", "textSeq": m.seq}}).mustSucceed(t)
		s.expectFound(t, h.manager, in("مصعد"))
		s.expectFound(t, h.manager, in("سلم"), "السلم نظيف")
		s.run(t, h.manager.token, `mutation($id: ID!) { deleteMessage(message: $id) { message { id } } }`, variables{"id": m.id}).mustSucceed(t)
		s.expectFound(t, h.manager, in("سلم"))
	})
}
