package e2e

import (
	"fmt"
	"testing"
)

const (
	roomEventsDocument = `subscription Listen($room: ID!, $after: Int, $log: ID) {
		roomEvents(room: $room, after: $after, logId: $log) { __typename
			... on RoomEvent { seq at kind actor { id } member { id } message { id seq text key author { id } } }
			... on CaughtUp { position }
		}
	}`
	messagePostedDocument = `subscription Posted($room: ID!, $after: Int, $log: ID) {
		messagePosted(room: $room, after: $after, logId: $log) { seq at kind actor { id } message { id seq text key author { id } } }
	}`
)

// from are the variables of a subscription that goes on after a position.
func from(room string, after int) variables { return variables{"room": room, "after": after} }

// Who listens from a position gets all that was missed, once and in order, then
// CaughtUp, once, then what happens.
func TestListeningFromAPosition(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		last := s.mustChat(t, h.manager, h.community, 250)
		eachLine(t, func(t *testing.T, l line) {
			for _, missed := range []int{0, 1, 99, 100, 101, 250} {
				t.Run(fmt.Sprint(missed), func(t *testing.T) {
					t.Parallel()
					st := s.listen(t, l, h.residents[0].token, roomEventsDocument, from(h.community, last-missed))
					st.expectPosts(t, last-missed+1, last)
					st.expect(t, caughtUp(last))
					st.expectQuiet(t)
				})
			}
		})
	})
}
