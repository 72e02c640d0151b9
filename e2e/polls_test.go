package e2e

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"
)

const (
	pollFragment = `fragment poll on Poll {
		id question options { id text voteCount } multipleChoice perApartment closesAt closed voterCount
	}`
	askDocument = `mutation Ask($input: SendMessageInput!) { sendMessage(input: $input) {
		replayed message { id seq changedSeq textSeq text poll { ...poll viewerBallots { apartment { id } options { id } } } }
	} } ` + pollFragment
	voteDocument = `mutation Vote($message: ID!, $options: [ID!]!, $apartment: ID) {
		vote(message: $message, options: $options, apartment: $apartment) {
			message { id changedSeq textSeq poll { ...poll viewerBallots { apartment { number } options { text voteCount } } } }
		}
	} ` + pollFragment
	readPollDocument = `query Poll($id: ID!) { message(id: $id) {
		id changedSeq poll { ...poll viewerBallots { apartment { number } options { text } } }
	} } ` + pollFragment
	followPollsDocument = `subscription Follow($room: ID!, $after: Int) {
		roomEvents(room: $room, after: $after) { __typename ... on RoomEvent {
			seq kind actor { id } message { id changedSeq poll { ...poll } }
		} ... on CaughtUp { position } }
	} ` + pollFragment
)

// poll is one that was asked.
type poll struct {
	message string // its id
	id      string
	seq     int
	options []string
}

func (s *server) mustAskPoll(t *testing.T, token, room string, input variables) poll {
	t.Helper()
	r := s.run(t, token, askDocument, variables{"input": variables{"room": room, "key": newKey(), "poll": input}}).mustSucceed(t)
	return pollIn(t, r)
}

// pollIn gives the poll that was posted, in an answer.
func pollIn(t *testing.T, r result) poll {
	t.Helper()
	p := poll{
		message: at[string](t, r, "sendMessage.message.id"), id: at[string](t, r, "sendMessage.message.poll.id"),
		seq: int(at[float64](t, r, "sendMessage.message.seq")),
	}
	for _, one := range objects(at[any](t, r, "sendMessage.message.poll.options")) {
		p.options = append(p.options, one["id"].(string))
	}
	return p
}

// vote votes for options, by their places; apartment is "" for none.
func (s *server) vote(t *testing.T, token string, p poll, apartment string, options ...int) result {
	t.Helper()
	r, err := s.tryVote(token, p, apartment, options...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *server) tryVote(token string, p poll, apartment string, options ...int) (result, error) {
	chosen := []string{}
	for _, n := range options {
		chosen = append(chosen, p.options[n])
	}
	v := variables{"message": p.message, "options": chosen}
	if apartment != "" {
		v["apartment"] = apartment
	}
	return s.insist(token, voteDocument, v)
}

// expectTally demands a poll's counts, and how many voted.
func (r result) expectTally(t *testing.T, path string, voters int, counts ...int) {
	t.Helper()
	r.mustSucceed(t)
	var got []int
	for _, one := range objects(at[any](t, r, path+".options")) {
		got = append(got, int(one["voteCount"].(float64)))
	}
	if n := int(at[float64](t, r, path+".voterCount")); n != voters || !reflect.DeepEqual(got, counts) {
		t.Errorf("%d voted: %v, want %d: %v", n, got, voters, counts)
	}
}

func (s *server) readPoll(t *testing.T, token string, p poll) result {
	t.Helper()
	return s.run(t, token, readPollDocument, variables{"id": p.message})
}

// People vote, think again and take it back. Everybody sees the counts, and nobody but
// the voter the vote.
func TestPoll(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		mona, omar := h.residents[0], h.residents[1]
		audit := building{id: h.id, manager: neighbour{token: h.manager.token}}
		p := s.mustAskPoll(t, mona.token, h.community, variables{
			"question": "متى نجتمع؟", "options": []string{"الخميس ٨ مساءً", "الجمعة بعد الصلاة", "Never"}, "multipleChoice": true,
		})
		s.readPoll(t, omar.token, p).expectData(t, "message.poll.viewerBallots", `[]`)
		r := s.readPoll(t, omar.token, p)
		r.expectTally(t, "message.poll", 0, 0, 0, 0)
		for path, want := range map[string]any{
			"question": "متى نجتمع؟", "options.1.text": "الجمعة بعد الصلاة", "multipleChoice": true,
			"perApartment": false, "closesAt": nil, "closed": false,
		} {
			if got := r.lookup("message.poll." + path); got != want {
				t.Errorf("%s is %v, want %v", path, got, want)
			}
		}
		_, stood := s.mustStand(t, mona.token, h.community)
		s.expectNoNewAct(t, audit, "a vote", func() {
			s.vote(t, omar.token, p, "", 2, 0, 2, 0).expectTally(t, "vote.message.poll", 1, 1, 0, 1)
			r := s.vote(t, mona.token, p, "", 0)
			r.expectTally(t, "vote.message.poll", 2, 2, 0, 1)
			r.expectData(t, "vote.message.poll.viewerBallots", `[{"apartment": null, "options": [{"text": "الخميس ٨ مساءً", "voteCount": 2}]}]`)
			r.expectData(t, "vote.message.changedSeq", fmt.Sprint(stood+2))
			r.expectData(t, "vote.message.textSeq", fmt.Sprint(p.seq))
			// The same again, and nothing where nothing was.
			s.vote(t, mona.token, p, "", 0, 0).expectTally(t, "vote.message.poll", 2, 2, 0, 1)
			s.vote(t, h.manager.token, p, "").expectTally(t, "vote.message.poll", 2, 2, 0, 1)
			s.vote(t, omar.token, p, "", 1).expectTally(t, "vote.message.poll", 2, 1, 1, 0)
			s.vote(t, mona.token, p, "").expectTally(t, "vote.message.poll", 1, 0, 1, 0)
		})
		s.readPoll(t, mona.token, p).expectData(t, "message.poll.viewerBallots", `[]`)
		s.readPoll(t, omar.token, p).expectData(t, "message.poll.viewerBallots", `[{"apartment": null, "options": [{"text": "الجمعة بعد الصلاة"}]}]`)
		log := s.mustReadLog(t, mona.token, h.community)[stood:]
		if want := []entry{{"POLL_VOTED", "", ""}, {"POLL_VOTED", "", ""}, {"POLL_VOTED", "", ""}, {"POLL_VOTED", "", ""}}; !reflect.DeepEqual(log, want) {
			t.Errorf("the log goes on with %v", log)
		}
		node := s.run(t, omar.token, `query($id: ID!) { node(id: $id) { id ... on Poll { voterCount } } }`, variables{"id": p.id})
		node.expectData(t, "node", fmt.Sprintf(`{"id": %q, "voterCount": 1}`, p.id))
	})
}

// What cannot be voted says why, and changes nothing.
func TestVotesThatCannotBe(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		mona := h.residents[0]
		other, outsider := s.mustOpenHouse(t, s.mustArrive(t)), s.mustArrive(t)
		input := variables{"question": "Tea?", "options": []string{"Yes", "No"}}
		p, strange := s.mustAskPoll(t, mona.token, h.community, input), s.mustAskPoll(t, other.manager.token, other.community, input)
		text := s.mustSay(t, mona, h.community, "Salam")
		_, stood := s.mustStand(t, mona.token, h.community)

		mixed := p
		mixed.options = append(mixed.options, strange.options...)
		s.vote(t, mona.token, mixed, "", 0, 2).expectCode(t, "NOT_FOUND", "options.1")
		s.vote(t, mona.token, poll{message: p.message, options: neverWere(p.options[0])}, "", 0).expectCode(t, "NOT_FOUND", "options.0")
		s.vote(t, mona.token, p, "", 0, 1).expectCode(t, "INVALID_INPUT", "options")
		s.vote(t, mona.token, p, h.apartments[0], 0).expectCode(t, "INVALID_INPUT", "apartment")
		s.vote(t, mona.token, p, "", make([]int, 101)...).expectCode(t, "TOO_LARGE", "options")
		s.vote(t, mona.token, poll{message: text.id}, "").expectCode(t, "INVALID_INPUT", "message")
		s.vote(t, "", p, "", 0).expectCode(t, "UNAUTHENTICATED", "")
		never := s.vote(t, mona.token, poll{message: neverWere(p.message)[0]}, "")
		never.expectCode(t, "NOT_FOUND", "message")
		for _, id := range []string{strange.message, strange.id, h.community} {
			if got := s.vote(t, mona.token, poll{message: id}, ""); !bytes.Equal(got.body, never.body) {
				t.Errorf("got %v, want %v", got, never)
			}
		}
		if got := s.vote(t, outsider.token, p, "", 0); !bytes.Equal(got.body, never.body) {
			t.Errorf("got %v, want %v", got, never)
		}
		for _, id := range []string{strange.id, neverWere(strange.id)[0]} {
			s.run(t, mona.token, anyNode, variables{"id": id}).expectData(t, "node", `null`)
		}
		s.readPoll(t, mona.token, p).expectTally(t, "message.poll", 0, 0, 0)
		if _, last := s.mustStand(t, mona.token, h.community); last != stood {
			t.Errorf("the log has %d entries, and had %d", last, stood)
		}

		s.vote(t, mona.token, p, "", 1).expectTally(t, "vote.message.poll", 1, 0, 1)
		s.run(t, h.manager.token, `mutation($room: ID!) { archiveRoom(room: $room) { room { id } } }`, variables{"room": h.community}).mustSucceed(t)
		s.vote(t, mona.token, p, "", 0).expectCode(t, "FORBIDDEN", "message")
		s.readPoll(t, mona.token, p).expectTally(t, "message.poll", 1, 0, 1)
	})
}

// Polls that cannot be posted name the place.
func TestPollsThatCannotBe(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		mona := h.residents[0]
		group := at[string](t, s.run(t, mona.token, `mutation($in: CreateRoomInput!) { createRoom(input: $in) { room { id } } }`,
			variables{"in": variables{"building": h.id, "name": "Tea", "participants": []string{}}}).mustSucceed(t), "createRoom.room.id")
		input := variables{"question": "Tea?", "options": []any{"Yes", "No"}}
		many := make([]any, 21)
		for i := range many {
			many[i] = fmt.Sprint(i)
		}
		for _, c := range []struct {
			room        string
			change      variables
			code, field string
		}{
			{h.community, variables{"question": " "}, "REQUIRED", "input.poll.question"},
			{h.community, variables{"question": "Tea\x07?"}, "INVALID_INPUT", "input.poll.question"},
			{h.community, variables{"options": []any{"Yes"}}, "INVALID_INPUT", "input.poll.options"},
			{h.community, variables{"options": many}, "TOO_LARGE", "input.poll.options"},
			{h.community, variables{"options": []any{"Yes", ""}}, "REQUIRED", "input.poll.options.1"},
			{h.community, variables{"options": []any{"Yes", "No", "Yes"}}, "INVALID_INPUT", "input.poll.options.2"},
			{h.community, variables{"closesAt": "2020-01-01T00:00:00Z"}, "INVALID_INPUT", "input.poll.closesAt"},
			{group, variables{"perApartment": true}, "INVALID_INPUT", "input.poll.perApartment"},
			{h.announcements, nil, "FORBIDDEN", "input.room"},
		} {
			r := s.run(t, mona.token, askDocument, variables{"input": variables{"room": c.room, "key": newKey(), "poll": input.with(c.change)}})
			r.expectCode(t, c.code, c.field)
		}
		s.send(t, mona.token, variables{"room": h.community, "key": newKey(), "text": ""}).expectCode(t, "REQUIRED", "input.text")
		s.mustAskPoll(t, mona.token, group, input)
	})
}

// Where apartments vote, each has one vote, and the last one cast stands.
func TestPollOfApartments(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 3)
		mona, omar, landlord := h.residents[0], h.residents[1], h.residents[2]
		s.mustGiveApartment(t, h, mona, h.apartments[0])
		s.mustGiveApartment(t, h, omar, h.apartments[0])
		s.house(t, h.manager.token, landlord.membership, h.apartments[1], h.apartments[2]).mustSucceed(t)
		strange := s.mustOpenHouse(t, s.mustArrive(t))
		p := s.mustAskPoll(t, h.manager.token, h.announcements, variables{
			"question": "Paint?", "options": []string{"White", "Blue"}, "perApartment": true,
		})

		s.vote(t, mona.token, p, "", 0).expectTally(t, "vote.message.poll", 1, 1, 0)
		s.vote(t, omar.token, p, h.apartments[0], 1).expectTally(t, "vote.message.poll", 1, 0, 1)
		for _, who := range []dweller{mona, omar} {
			s.readPoll(t, who.token, p).expectData(t, "message.poll.viewerBallots", `[{"apartment": {"number": "1"}, "options": [{"text": "Blue"}]}]`)
		}
		s.vote(t, landlord.token, p, "", 0).expectCode(t, "REQUIRED", "apartment")
		s.vote(t, landlord.token, p, h.apartments[0], 0).expectCode(t, "FORBIDDEN", "apartment")
		s.vote(t, landlord.token, p, strange.apartments[0], 0).expectCode(t, "NOT_FOUND", "apartment")
		s.vote(t, landlord.token, p, neverWere(h.apartments[0])[0], 0).expectCode(t, "NOT_FOUND", "apartment")
		s.vote(t, h.manager.token, p, "", 0).expectCode(t, "FORBIDDEN", "message")
		s.vote(t, h.manager.token, p, h.apartments[0], 0).expectCode(t, "FORBIDDEN", "apartment")
		s.vote(t, landlord.token, p, h.apartments[1], 0).expectTally(t, "vote.message.poll", 2, 1, 1)
		s.vote(t, landlord.token, p, h.apartments[2], 1).expectTally(t, "vote.message.poll", 3, 1, 2)
		s.readPoll(t, landlord.token, p).expectData(t, "message.poll.viewerBallots",
			`[{"apartment": {"number": "2"}, "options": [{"text": "White"}]}, {"apartment": {"number": "3"}, "options": [{"text": "Blue"}]}]`)
		s.readPoll(t, h.manager.token, p).expectData(t, "message.poll.viewerBallots", `[]`)
		s.vote(t, landlord.token, p, h.apartments[2]).expectTally(t, "vote.message.poll", 2, 1, 1)

		// Who moves takes no vote along, and who moves in changes the one that is there.
		s.mustGiveApartment(t, h, mona, h.apartments[1])
		s.readPoll(t, mona.token, p).expectData(t, "message.poll.viewerBallots", `[{"apartment": {"number": "2"}, "options": [{"text": "White"}]}]`)
		s.vote(t, mona.token, p, "", 1).expectTally(t, "vote.message.poll", 2, 0, 2)
		s.vote(t, mona.token, p, h.apartments[0], 0).expectCode(t, "FORBIDDEN", "apartment")
	})
}

// A poll closes when its end has come, and says so once; votes are refused before that.
func TestPollCloses(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t, "OMARTY_RATE_LIMITS=off")
		h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
		mona := h.residents[0]
		asked := 0
		// ask asks a poll that ends soon: on a busy machine later than is wanted, so that it is
		// posted before.
		ask := func(in time.Duration) (end time.Time, p poll, input variables) {
			t.Helper()
			for ; ; in *= 2 {
				end = time.Now().Add(in).UTC().Truncate(time.Millisecond)
				input = variables{"room": h.community, "key": newKey(), "poll": variables{
					"question": "Now?", "options": []string{"Yes", "No"}, "closesAt": end.Format(time.RFC3339Nano),
				}}
				r := s.run(t, mona.token, askDocument, variables{"input": input})
				if r.field() == "input.poll.closesAt" && time.Now().After(end) {
					continue
				}
				asked++
				return end, pollIn(t, r.mustSucceed(t)), input
			}
		}
		_, stood := s.mustStand(t, mona.token, h.community)
		in := []*stream{
			s.listen(t, overSocket, mona.token, followPollsDocument, from(h.community, stood)),
			s.listen(t, overEvents, h.manager.token, followPollsDocument, from(h.community, stood)),
		}
		for _, st := range in {
			st.expect(t, caughtUp(stood))
		}
		var (
			end   time.Time
			p     poll
			input variables
		)
		for soon, voted := 1500*time.Millisecond, false; !voted; soon *= 2 {
			end, p, input = ask(soon)
			r := s.vote(t, mona.token, p, "", 0)
			if voted = r.code() != "CONFLICT" || time.Now().Before(end); voted {
				r.expectTally(t, "vote.message.poll", 1, 1, 0)
				break
			}
			for _, st := range in { // a busy machine came too late with the vote
				st.expect(t, posted(p.seq), fmt.Sprintf("%d POLL_CLOSED", p.seq+1))
			}
		}
		for _, st := range in {
			st.expect(t, posted(p.seq), fmt.Sprintf("%d POLL_VOTED", p.seq+1))
			h := st.hear(t)
			late := time.Since(end)
			r := h.result()
			if want := fmt.Sprintf("%d POLL_CLOSED", p.seq+2); h.String() != want || late < 0 {
				t.Errorf("heard %s %v after the end, want %s", h, late, want)
			}
			if r.lookup("roomEvents.actor") != nil || r.lookup("roomEvents.message.poll.closed") != true {
				t.Errorf("heard %v", r)
			}
			r.expectTally(t, "roomEvents.message.poll", 1, 1, 0)
		}
		s.vote(t, mona.token, p, "", 1).expectCode(t, "CONFLICT", "message")
		s.readPoll(t, mona.token, p).expectData(t, "message.poll.closed", `true`)
		// Who could not know that it was posted sends it again.
		again := s.run(t, mona.token, askDocument, variables{"input": input}).mustSucceed(t)
		again.expectData(t, "sendMessage.replayed", `true`)

		// Due while nobody was there; the room was archived meanwhile.
		end, p, _ = ask(time.Second)
		s.run(t, h.manager.token, `mutation($room: ID!) { archiveRoom(room: $room) { room { id } } }`, variables{"room": h.community}).mustSucceed(t)
		s.mustStop(t)
		time.Sleep(time.Until(end))
		nodes := []*server{home.start(t, "OMARTY_RATE_LIMITS=off")}
		if e == postgres {
			nodes = append(nodes, home.start(t, "OMARTY_RATE_LIMITS=off"))
		}
		s = nodes[0]
		eventually(t, hearTime, "the poll is closed", func() bool {
			return s.readPoll(t, mona.token, p).lookup("message.poll.closed") == true
		})
		closings := 0
		for _, one := range s.mustReadLog(t, mona.token, h.community) {
			if one.kind == "POLL_CLOSED" {
				closings++
			}
		}
		if closings != asked {
			t.Errorf("%d polls were closed %d times", asked, closings)
		}
	})
}

// Many vote at the same moment, listeners watch: what the last entry tells is what there
// is, and no entry tells of less than the one before it has counted.
func TestRacingVotes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		const voters = 12
		h := s.mustSettle(t, voters)
		p := s.mustAskPoll(t, h.manager.token, h.community, variables{"question": "Tea?", "options": []string{"Yes", "No", "Both"}})
		in := []*stream{
			s.listen(t, overSocket, h.manager.token, followPollsDocument, from(h.community, p.seq)),
			s.listen(t, overSocket, h.residents[0].token, followPollsDocument, from(h.community, p.seq)),
			s.listen(t, overEvents, h.residents[1].token, followPollsDocument, from(h.community, p.seq)),
		}
		// What is voted before a listener's log was read comes before its CaughtUp.
		for _, st := range in {
			st.expect(t, caughtUp(p.seq))
		}
		var voting sync.WaitGroup
		for i, who := range h.residents {
			voting.Go(func() {
				for round := range 3 {
					if r, err := s.tryVote(who.token, p, "", (i+round)%3); err != nil || len(r.errors) > 0 {
						t.Errorf("%v, %v", err, r)
					}
				}
			})
		}
		voting.Wait()
		want := make([]int, 3)
		for i := range voters {
			want[(i+2)%3]++
		}
		s.readPoll(t, h.manager.token, p).expectTally(t, "message.poll", voters, want...)
		for _, st := range in {
			for seq := p.seq + 1; seq <= p.seq+3*voters; seq++ {
				st.expect(t, fmt.Sprintf("%d POLL_VOTED", seq))
				told := st.last(t)
				if changed := told.lookup("roomEvents.message.changedSeq").(float64); changed < float64(seq) || told.lookup("roomEvents.actor") != nil {
					t.Errorf("%d told of %v", seq, told)
				}
				if seq == p.seq+3*voters {
					told.expectTally(t, "roomEvents.message.poll", voters, want...)
				}
			}
		}
	})
}

// last gives what was heard last.
func (st *stream) last(t *testing.T) result {
	t.Helper()
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.all[st.taken-1].result()
}
