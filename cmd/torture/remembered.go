package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// forgottenTime is within what a node has dropped what it keeps of who erased their account on
// another one: it looks every two seconds.
const forgottenTime = 2*time.Second + endTime

// authorsSource is what is asked of entries to see who wrote.
var authorsSource = fmt.Sprintf(roomEventsSource, `seq actor { id } message { author { id } }`)

// hearAll listens to all of a room at a node, up to its end, and gives what that says; door
// listens on, until it is closed.
func hearAll(ctx context.Context, c *client, node int, room string) (said []json.RawMessage, door *socketDoor, err error) {
	door = newSocketDoor(c.to.only(node), c.token)
	s, err := door.subscribe(ctx, authorsSource, variables{"room": room, "after": 0})
	for err == nil {
		var data json.RawMessage
		if data, err = s.next(ctx); err == nil {
			said = append(said, data)
			if strings.Contains(string(data), `"CaughtUp"`) {
				return said, door, nil
			}
		}
	}
	door.close()
	return nil, nil, err
}

// remember has each node keep what a room says for who listens to it.
func (n *newcomers) remember(ctx context.Context, room string) (end func()) {
	var doors []*socketDoor
	for node := range n.a.client.to.urls {
		if _, door, err := hearAll(ctx, n.a.client, node, room); err == nil {
			doors = append(doors, door)
		}
	}
	return func() {
		for _, door := range doors {
			door.close()
		}
	}
}

// forgotten demands of each node that who listens to a room is not told by whom something was
// said who erased their account on one of them, at a moment.
func (n *newcomers) forgotten(ctx context.Context, room, who string, own int, at time.Duration) {
	for node := range n.a.client.to.urls {
		for ctx.Err() == nil {
			asked := n.history.since()
			said, door, err := hearAll(ctx, n.a.client, node, room)
			if err != nil {
				break
			}
			door.close()
			told := false
			for _, data := range said {
				told = told || strings.Contains(string(data), who)
			}
			if !told {
				break
			}
			out := outagesOf(n.history.soFar(), func(t trouble) bool { return t.of == everything || t.of == node })
			if late := out.without(at, asked); node == own || late > forgottenTime {
				n.blame("erased: not gone", "node %d told somebody who listens of who had erased their account on node %d %v before", node+1, own+1, asked-at)
				break
			}
			sleep(ctx, 200*time.Millisecond)
		}
	}
}
