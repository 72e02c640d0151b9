package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// blockedTime is within what a node knows whom somebody blocked on another one: it looks each
// second, and the machine is busy.
const blockedTime = 3 * time.Second

// ignore has the leaver block the typist by a node while they look on at another one, or the
// same, and sees that they are told nothing more of who types.
func (s *signaller) ignore(ctx, hurry context.Context) {
	nodes := len(s.manager.client.to.urls)
	by, at := s.random.IntN(nodes), s.random.IntN(nodes)
	one := &onlooker{node: at}
	looking, leave := context.WithCancel(hurry)
	var done sync.WaitGroup
	defer done.Wait()
	defer leave()
	done.Go(func() { s.look(looking, s.leaver, one) })
	sleep(hurry, time.Second)
	var none struct{}
	who := variables{"user": s.typist.id}
	sure := s.leaver.client.at(by).call(ctx, blockDocument, who, &none) == nil
	blocked := s.history.since()
	if sure && by != at {
		sleep(hurry, blockedTime)
	}
	if sure && hurry.Err() == nil {
		typing, v := s.typist.client.at(by), variables{"room": s.room.id, "active": true}
		asked := s.history.since()
		if typing.call(ctx, typingDocument, v, &none) == nil {
			sleep(hurry, 300*time.Millisecond)
			if heard, _ := one.hears(typesNow, asked); heard != 0 && (by == at || !s.history.troubled(blocked)) {
				s.history.blame(violation{"signals: of the blocked", fmt.Sprintf("who had blocked somebody at %.2f s by node %d was told by node %d that they typed at %.2f s",
					blocked.Seconds(), by+1, at+1, asked.Seconds())})
			}
		}
		v["active"] = false
		_ = typing.call(ctx, typingDocument, v, &none) // else it ends by itself
	}
	_ = s.leaver.client.insist(ctx, unblockDocument, who, &none) // it fails where all is over
}
