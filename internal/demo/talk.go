package demo

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// Between two messages in a house lie so many seconds.
const minPause, maxPause = 2 * time.Second, 6 * time.Second

// Talk lets the residents of both houses talk until ctx ends. A fault of the server
// goes to failed, and they talk on.
func (t *Town) Talk(ctx context.Context, failed func(error)) {
	var talking sync.WaitGroup
	for _, h := range t.houses {
		talking.Go(func() { t.talkIn(ctx, h, failed) })
	}
	talking.Wait()
}

// talkIn plays the scenes of a house in a new order each time they are through, and
// each time with other people and other words where the scene leaves them open.
func (t *Town) talkIn(ctx context.Context, h *house, failed func(error)) {
	scenes, err := readTalk(h.talk)
	if err != nil {
		failed(err)
		return
	}
	for {
		// The later half stays the later one, so that no scene comes soon again.
		shuffle(scenes[:len(scenes)/2])
		shuffle(scenes[len(scenes)/2:])
		for _, scene := range scenes {
			actors := h.actors(scene)
			for _, l := range scene {
				if !pause(ctx) {
					return
				}
				l.who, l.text = actors[l.who], choose(l.text, rand.IntN)
				l.home = rand.IntN(4) == 0
				if err := t.sayNow(ctx, h, l); err != nil && ctx.Err() == nil {
					failed(err)
				}
			}
		}
	}
}

func shuffle(scenes [][]line) {
	rand.Shuffle(len(scenes), func(i, j int) { scenes[i], scenes[j] = scenes[j], scenes[i] })
}

// actors finds somebody for each who speaks in a scene.
func (h *house) actors(scene []line) map[string]string {
	wanted, named := roles(scene)
	actors := map[string]string{}
	for _, who := range named {
		actors[who] = who
	}
	free := slices.DeleteFunc(h.residents(), func(who string) bool { return slices.Contains(named, who) })
	rand.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	for i, role := range wanted {
		actors[role] = free[i]
	}
	return actors
}

// pause waits for as long as somebody takes to answer; false where ctx ended.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(minPause + rand.N(maxPause-minPause)):
		return true
	case <-ctx.Done():
		return false
	}
}

// sayNow says a line. A visitor may have signed its author out, who then signs in
// again; may have changed the password, put the author out of the house, or closed
// the room: then the line is not said, and there is no fault.
func (t *Town) sayNow(ctx context.Context, h *house, l line) error {
	err := t.say(ctx, h, l)
	if omarty.CodeOf(err) == omarty.CodeUnauthenticated {
		if err = t.signIn(ctx, t.people[l.who]); err == nil {
			err = t.say(ctx, h, l)
		}
	}
	if code := omarty.CodeOf(err); code == omarty.CodeInternal || code == omarty.CodeUnavailable {
		return err
	}
	return nil
}
