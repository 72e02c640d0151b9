package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// The two rooms come with the building. Who joins is in them at once, and who leaves
// or is banned is out at once; the log tells of both, and of who did it.
func TestRoomsOfABuilding(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		moved, approved, asking := s.mustMoveIn(t, b), s.mustAsk(t, b), s.mustAsk(t, b)
		s.approve(t, b.manager.token, approved.membership, nil).mustSucceed(t)
		rooms := func(who neighbour) string {
			r := s.run(t, who.token, `query($id: ID!) { building(id: $id) { viewerRooms { nodes { id } } } viewer { rooms { nodes { id } } } }`,
				variables{"id": b.id}).mustSucceed(t)
			inBuilding, all := r.lookup("building.viewerRooms.nodes"), r.lookup("viewer.rooms.nodes")
			if inBuilding != nil && asText(t, inBuilding) != asText(t, all) {
				t.Errorf("somebody's rooms are %v, and of the building %v", all, inBuilding)
			}
			var ids []string
			for _, room := range objects(all) {
				ids = append(ids, room["id"].(string))
			}
			slices.Sort(ids)
			return joined(ids)
		}
		both := joined(slices.Sorted(slices.Values([]string{b.community, b.announcements})))
		for _, who := range []neighbour{b.manager, moved, approved} {
			if got := rooms(who); got != both {
				t.Errorf("a member's rooms are %s, want %s", got, both)
			}
		}
		if got := rooms(asking); got != "" {
			t.Errorf("who asks to come in has rooms: %s", got)
		}
		s.run(t, moved.token, `query($a: ID!) { room(id: $a) { kind building { id } viewerPosting { allowed reason } } }`, variables{"a": b.announcements}).
			expectData(t, "room", fmt.Sprintf(`{"kind": "ANNOUNCEMENTS", "building": {"id": %q}, "viewerPosting": {"allowed": false, "reason": "ANNOUNCEMENTS"}}`, b.id))

		s.change(t, moved.token, "endMembership", moved.membership).mustSucceed(t)
		s.change(t, b.manager.token, "banMember", approved.membership).mustSucceed(t)
		s.change(t, b.manager.token, "endMembership", asking.membership).mustSucceed(t)
		again := s.mustJoin(t, moved, b.open)
		m := b.manager.id
		want := []entry{
			{"MEMBER_JOINED", m, m},
			{"MEMBER_JOINED", moved.id, moved.id},
			{"MEMBER_JOINED", m, approved.id},
			{"MEMBER_LEFT", moved.id, moved.id},
			{"MEMBER_LEFT", m, approved.id},
			{"MEMBER_JOINED", again.id, again.id},
		}
		for _, room := range []string{b.community, b.announcements} {
			if got := s.mustReadLog(t, again.token, room); !slices.Equal(got, want) {
				t.Errorf("the log is %v, want %v", got, want)
			}
			r := s.run(t, again.token, `query($id: ID!) { room(id: $id) { lastSeq viewerReadSeq participants { nodes { user { id } } } } }`, variables{"id": room})
			r.expectData(t, "room.participants.nodes", fmt.Sprintf(`[{"user": {"id": %q}}, {"user": {"id": %q}}]`, m, again.id))
			r.expectData(t, "room.viewerReadSeq", "5") // before one's own MEMBER_JOINED
		}
		s.expectOutside(t, approved, b)
	})
}

// People go while others come: at the end those are in the rooms who are members,
// and the log tells how it came.
func TestComingAndGoingAtOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		people := make([]neighbour, 6)
		for i := range people {
			people[i] = s.mustMoveIn(t, b)
		}
		var mu sync.Mutex
		var codes []string
		var all sync.WaitGroup
		try := func(token, document string, v variables) {
			all.Go(func() {
				r, err := s.insist(token, document, v)
				mu.Lock()
				defer mu.Unlock()
				codes = append(codes, codeOrError(r, err))
			})
		}
		for range 3 {
			for i, who := range people {
				try(who.token, joinDocument, joinInput(b.open, ""))
				try(who.token, changeDocument("endMembership"), variables{"membership": who.membership})
				if i%2 == 0 {
					try(b.manager.token, changeDocument("endMembership"), variables{"membership": who.membership})
				}
			}
		}
		all.Wait()
		expectTally(t, codes, map[string]int{"": len(codes)})
		want := map[string]bool{b.manager.id: true}
		for _, who := range people {
			if s.membershipOf(t, who).lookup("node.status") == "ACTIVE" {
				want[who.id] = true
			}
		}
		for _, room := range []string{b.community, b.announcements} {
			inside := map[string]bool{}
			for _, one := range s.mustReadLog(t, b.manager.token, room) {
				joins := one.kind == "MEMBER_JOINED"
				if inside[one.member] == joins {
					t.Errorf("%v, and it was so before", one)
				}
				inside[one.member] = joins
			}
			for who, in := range inside {
				if in != want[who] {
					t.Errorf("by the log, somebody is in the room: %t; a member: %t", in, want[who])
				}
			}
		}
	})
}
