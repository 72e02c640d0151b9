package e2e

import (
	"fmt"
	mathrand "math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"
)

// followed is what a follower keeps of the room: all that its members read the same, and
// one thing that is the follower's own, so that the selection is not shared.
const (
	followedMessage = wholeMessage
	ownMessage      = `fragment whole on Message {
	id seq changedSeq textSeq key text author { id } createdAt editedAt deletedAt deletedBy { id } pinnedAt
	mentions { user { id } start length } replyTo { id replyCount } replyCount
	reactions { emoji count viewerHasReacted } revisions(first: 20) { nodes { text writtenAt } } }`
	followedEntry = `seq kind emoji actor { id } message { ...whole replyTo { id replyCount } }`
)

// replica is what a client that only follows the log has of a room's messages.
type replica struct {
	messages map[string]map[string]any
	position int
	log      []map[string]any // each entry as it came last
}

// take takes an entry, and says what was wrong with it.
func (r *replica) take(e map[string]any) error {
	seq := int(e["seq"].(float64))
	if seq != r.position+1 {
		return fmt.Errorf("%d was followed by %d", r.position, seq)
	}
	r.position = seq
	r.log = append(r.log[:seq-1], e)
	m, _ := e["message"].(map[string]any)
	if m == nil {
		return nil
	}
	changed, text := m["changedSeq"].(float64), m["textSeq"].(float64)
	kind := e["kind"].(string)
	switch {
	case changed < e["seq"].(float64), text > changed:
		return fmt.Errorf("its message is at %v, its text at %v: %v", changed, text, e)
	case (kind == "MESSAGE_EDITED" || kind == "MESSAGE_DELETED") && text < e["seq"].(float64):
		return fmt.Errorf("its message has an earlier text: %v", e)
	}
	id := m["id"].(string)
	if have := r.messages[id]; have == nil || have["changedSeq"].(float64) <= changed {
		r.messages[id] = m
	}
	if of, _ := m["replyTo"].(map[string]any); of != nil && kind == "MESSAGE_POSTED" {
		if answered := r.messages[of["id"].(string)]; answered != nil {
			answered["replyCount"] = of["replyCount"]
		}
	}
	return nil
}

// follower follows a room by ways that change at random, with cuts, and goes back now
// and then to where it had been.
type follower struct {
	s        *server
	who      dweller
	room     string
	fragment string
	random   *mathrand.Rand
	replica
}

// some follows for a while, at most to a position.
func (f *follower) some(upTo int) error {
	if f.random.IntN(3) == 0 {
		f.position -= min(f.position, f.random.IntN(30))
	}
	entries := 1 + f.random.IntN(25)
	way := f.random.IntN(3)
	if way == 2 {
		return f.pull(entries)
	}
	document := `subscription($room: ID!, $after: Int) { roomEvents(room: $room, after: $after) { __typename
		... on RoomEvent { ` + followedEntry + ` } ... on CaughtUp { position } } } ` + f.fragment
	var st *stream
	var err error
	if way == 0 {
		var c *socket
		if c, err = f.s.tryOpenSocket(f.who.token, false); err == nil {
			st, err = c.trySubscribe(document, from(f.room, f.position))
		}
	} else {
		st, err = f.s.tryOpenEvents(f.who.token, document, from(f.room, f.position), false)
	}
	if err != nil {
		return err
	}
	defer st.hangUp()
	for entries > 0 && f.position < upTo {
		h, err := st.next(hearTime)
		if err != nil {
			return err
		}
		update, _ := h.result().lookup("roomEvents").(map[string]any)
		switch {
		case update == nil:
			return fmt.Errorf("heard %s %s", h, h.payload)
		case update["seq"] == nil: // CaughtUp
		default:
			if err := f.take(update); err != nil {
				return err
			}
			entries--
		}
	}
	return nil
}

// pull reads a page of the log.
func (f *follower) pull(entries int) error {
	r, err := f.s.insist(f.who.token, `query($room: ID!, $after: Int!, $first: Int!) { room(id: $room) { events(after: $after, first: $first) {
		nodes { `+followedEntry+` } endSeq } } } `+f.fragment, variables{"room": f.room, "after": f.position, "first": entries})
	if err != nil || len(r.errors) > 0 {
		return fmt.Errorf("%w %v", err, r)
	}
	for _, e := range objects(r.lookup("room.events.nodes")) {
		if err := f.take(e); err != nil {
			return err
		}
	}
	return nil
}

// talker does things at random to what all know of.
type talker struct {
	s      *server
	who    dweller
	people []dweller
	room   string
	random *mathrand.Rand
	told   *told
}

// told are the ids of messages that were posted.
type told struct {
	sync.Mutex
	ids []string
}

func (k *talker) message() string {
	k.told.Lock()
	defer k.told.Unlock()
	if len(k.told.ids) == 0 {
		return ""
	}
	return k.told.ids[k.random.IntN(len(k.told.ids))]
}

var someTexts = []string{"Salam", "مرحبًا يا جماعة", "👍🏽👍🏽", "שלום", "المصعد تعطّل 😡\nمرة أخرى", "caf\u00e9"}

// step does one thing, and says what was wrong with the answer.
func (k *talker) step() error {
	id := k.message()
	dice := k.random.IntN(16)
	text := someTexts[k.random.IntN(len(someTexts))] + fmt.Sprint(k.random.IntN(100))
	mentions := []any{}
	if k.random.IntN(3) == 0 {
		mentions = append(mentions, mention(k.people[k.random.IntN(len(k.people))].id, 0, 4))
	}
	emoji := `emoji: "` + []string{"👍", "❤️", "😂", "👨‍👩‍👧‍👦"}[k.random.IntN(4)] + `"`
	var r result
	var err error
	switch {
	case id == "" || dice < 5:
		input := variables{"room": k.room, "key": newKey(), "text": text, "mentions": mentions}
		if id != "" && dice < 3 {
			input["replyTo"] = id
		}
		r, err = k.s.insist(k.who.token, sendDocument, variables{"input": input})
		if sent, ok := r.lookup("sendMessage.message.id").(string); ok {
			k.told.Lock()
			k.told.ids = append(k.told.ids, sent)
			k.told.Unlock()
		}
	case dice < 8:
		r, err = k.s.insist(k.who.token, editDocument, variables{"input": variables{"message": id, "text": text, "mentions": mentions}})
	case dice < 9:
		r, err = k.s.insist(k.who.token, alterDocument("deleteMessage"), variables{"id": id})
	case dice < 12:
		r, err = k.s.insist(k.who.token, alterDocument("addReaction", emoji), variables{"id": id})
	case dice < 14:
		r, err = k.s.insist(k.who.token, alterDocument("removeReaction", emoji), variables{"id": id})
	case dice < 15:
		r, err = k.s.insist(k.who.token, alterDocument("pinMessage"), variables{"id": id})
	default:
		r, err = k.s.insist(k.who.token, alterDocument("unpinMessage"), variables{"id": id})
	}
	if code := r.code(); err == nil && code != "" && code != "FORBIDDEN" && code != "CONFLICT" {
		err = fmt.Errorf("%v", r)
	}
	return err
}

// Three people post, answer, edit, delete, react and pin at random, while each of three
// clients follows the log by sockets, event streams and pages, is cut off, and comes back
// to where it was or before. In the end each has what a fresh query gives, and that is
// what the log says.
func TestFollowingTheLogIsEnough(t *testing.T) {
	t.Parallel()
	const steps = 60
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		people := []dweller{h.manager, h.residents[0], h.residents[1]}
		seed := mathrand.Uint64()
		t.Logf("the seed is %d", seed)
		known := &told{}
		var talking, following sync.WaitGroup
		silence := make(chan struct{}) // closed when all is said
		for i, who := range people {
			k := talker{s, who, people, h.community, mathrand.New(mathrand.NewPCG(seed, uint64(i))), known}
			talking.Go(func() {
				for range steps {
					if err := k.step(); err != nil {
						t.Errorf("%s: %v", who.name, err)
						return
					}
				}
			})
		}
		followers := make([]*follower, len(people))
		for i, who := range people {
			f := &follower{
				s: s, who: who, room: h.community, fragment: followedMessage,
				random: mathrand.New(mathrand.NewPCG(seed, uint64(10+i))), replica: replica{messages: map[string]map[string]any{}},
			}
			if i == 2 {
				f.fragment = ownMessage
			}
			followers[i] = f
			following.Go(func() {
				for over := false; ; {
					select {
					case <-silence:
						over = true // where it stands after this is its end
					default:
						time.Sleep(2 * time.Millisecond)
					}
					end, err := f.stands()
					if over && err == nil && f.position >= end {
						return
					}
					if err == nil && f.position < end {
						err = f.some(end)
					}
					if err != nil {
						t.Errorf("follower %d at %d: %v", i, f.position, err)
						return
					}
				}
			})
		}
		talking.Wait()
		close(silence)
		following.Wait()
		if t.Failed() {
			return
		}
		followers[0].expectLogged(t)
		for i, f := range followers {
			f.expectFresh(t, i)
		}
	})
}

// stands tells where the log stands.
func (f *follower) stands() (int, error) {
	r, err := f.s.insist(f.who.token, `query($id: ID!) { room(id: $id) { lastSeq } }`, variables{"id": f.room})
	seq, _ := r.lookup("room.lastSeq").(float64)
	return int(seq), err
}

// expectFresh demands that the replica is what a fresh query gives.
func (f *follower) expectFresh(t *testing.T, n int) {
	t.Helper()
	seen := 0
	for after := any(nil); ; {
		r := f.s.run(t, f.who.token, `query($room: ID!, $after: Cursor) { room(id: $room) { messages(first: 20, after: $after) {
			nodes { ...whole replyTo { id replyCount } } pageInfo { hasNextPage endCursor } } } } `+f.fragment,
			variables{"room": f.room, "after": after}).mustSucceed(t)
		for _, m := range objects(at[any](t, r, "room.messages.nodes")) {
			seen++
			have := f.messages[m["id"].(string)]
			// Of the question, an answer's copy has what it was.
			for _, one := range []map[string]any{m, have} {
				if of, ok := one["replyTo"].(map[string]any); ok {
					one["replyTo"] = of["id"]
				}
			}
			if !reflect.DeepEqual(have, m) {
				t.Errorf("follower %d has\n%s\nand it is\n%s", n, asText(t, have), asText(t, m))
			}
		}
		if !at[bool](t, r, "room.messages.pageInfo.hasNextPage") {
			break
		}
		after = r.lookup("room.messages.pageInfo.endCursor")
	}
	if seen != len(f.messages) {
		t.Errorf("follower %d has %d messages, and there are %d", n, len(f.messages), seen)
	}
}

// expectLogged demands that the messages are what the kinds of the entries say.
func (f *follower) expectLogged(t *testing.T) {
	t.Helper()
	type logged struct {
		changed, text  float64
		deletedBy      any
		pinned         bool
		edits, answers int
		reactors       map[string][]string
		gone           bool
	}
	found := map[string]*logged{}
	for _, e := range f.log {
		m, _ := e["message"].(map[string]any)
		if m == nil {
			continue
		}
		id, seq, actor := m["id"].(string), e["seq"].(float64), e["actor"].(map[string]any)["id"].(string)
		l := found[id]
		if l == nil {
			l = &logged{reactors: map[string][]string{}}
			found[id] = l
		}
		l.changed = seq
		emoji, _ := e["emoji"].(string)
		switch e["kind"] {
		case "MESSAGE_POSTED":
			l.text = seq
			if of, _ := m["replyTo"].(map[string]any); of != nil {
				found[of["id"].(string)].answers++
			}
		case "MESSAGE_EDITED":
			l.text = seq
			l.edits++
		case "MESSAGE_DELETED":
			*l = logged{changed: seq, text: seq, gone: true, deletedBy: map[string]any{"id": actor}, answers: l.answers}
		case "REACTION_ADDED":
			l.reactors[emoji] = append(l.reactors[emoji], actor)
		case "REACTION_REMOVED":
			l.reactors[emoji] = slices.DeleteFunc(l.reactors[emoji], func(who string) bool { return who == actor })
		case "MESSAGE_PINNED":
			l.pinned = true
		case "MESSAGE_UNPINNED":
			l.pinned = false
		}
	}
	for id, l := range found {
		m := f.messages[id]
		got := fmt.Sprint(m["changedSeq"], m["textSeq"], m["deletedAt"] != nil, m["deletedBy"], m["pinnedAt"] != nil,
			len(objects(m["revisions"].(map[string]any)["nodes"])), m["replyCount"])
		want := fmt.Sprint(l.changed, l.text, l.gone, l.deletedBy, l.pinned, min(l.edits, 20), l.answers)
		if got != want {
			t.Errorf("%s is %s, and by the log %s", id, got, want)
		}
		reactors := map[string][]string{}
		for _, r := range objects(m["reactions"]) {
			for _, who := range objects(r["users"].(map[string]any)["nodes"]) {
				reactors[r["emoji"].(string)] = append(reactors[r["emoji"].(string)], who["id"].(string))
			}
			if int(r["count"].(float64)) != len(reactors[r["emoji"].(string)]) {
				t.Errorf("%s is counted wrong: %v", id, r)
			}
		}
		for emoji, of := range l.reactors {
			if len(of) == 0 {
				delete(l.reactors, emoji)
			}
		}
		if fmt.Sprint(reactors) != fmt.Sprint(l.reactors) && len(reactors)+len(l.reactors) > 0 {
			t.Errorf("%s has the reactions %v, and by the log %v", id, reactors, l.reactors)
		}
	}
}
