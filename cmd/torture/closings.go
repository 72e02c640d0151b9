package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// closings make groups in which people talk at once, and slow them down or archive them in
// the middle of it, on and on. Each group is judged when it is over.
type closings struct {
	manager  *person
	members  []*person
	building string
	random   *rand.Rand
	history  *history
	counts   *counts
	// rests says that now and then nobody comes into a room for long enough to be blamed: with
	// who comes next all is heard that was not told of the others before.
	rests bool
}

// posted is a message that was acknowledged in a group, or the time of one that was not.
type posted struct {
	id, author   string
	seq          int
	began, ended int64
}

const (
	closingPace = 700 * time.Millisecond
	// mostGroups leaves people with fewer rooms than are read at once.
	mostGroups = 60
	// slowTime is what a group that is slowed down demands between two messages.
	slowTime = time.Second
)

func (c *closings) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	for n := range mostGroups {
		pause := time.Duration(c.random.ExpFloat64() * float64(closingPace))
		if c.rests && c.random.IntN(3) == 0 {
			pause += hearTime
		}
		sleep(hurry, pause)
		if hurry.Err() != nil {
			return
		}
		if err := c.round(ctx, hurry, n%2 == 1); err != nil && ctx.Err() == nil {
			c.history.blame(violation{"group: not understood", err.Error()})
			return
		}
		c.counts.groups.Add(1)
	}
}

func (c *closings) round(ctx, hurry context.Context, slow bool) error {
	var made struct{ CreateRoom struct{ Room idJSON } }
	input := variables{"building": c.building, "name": fmt.Sprintf("Group %d", c.random.Int64()), "participants": []string{c.members[0].id, c.members[1].id}}
	if err := c.manager.client.insist(ctx, groupDocument, variables{"input": input}, &made); err != nil {
		return err
	}
	group := made.CreateRoom.Room.ID
	for _, p := range c.members[:2] {
		c.history.joined(p.id, group)
	}
	talking, stop := context.WithCancel(ctx)
	defer stop()
	var devices sync.WaitGroup
	said := make([][]posted, 4)
	for i := range said {
		devices.Go(func() { said[i] = c.talk(talking, c.members[i%2], group, fmt.Sprintf("device %d", i)) })
	}
	sleep(hurry, time.Duration(50+c.random.IntN(200))*time.Millisecond)
	document, v := archiveDocument, variables{"room": group}
	if slow {
		document, v["seconds"] = slowDocument, int(slowTime/time.Second)
	}
	var none struct{}
	err := c.manager.client.insist(ctx, document, v, &none)
	at := c.history.now()
	if slow {
		sleep(hurry, slowTime+slowTime/2)
	} else {
		sleep(hurry, 50*time.Millisecond)
	}
	stop()
	devices.Wait()
	if err != nil {
		return err
	}
	return c.judge(ctx, group, slices.Concat(said...), at, slow)
}

// talk sends messages without a pause until it is told to stop, or may not.
func (c *closings) talk(ctx context.Context, as *person, group, device string) (said []posted) {
	for n := 0; ctx.Err() == nil; n++ {
		k := sendKey{room: group, key: fmt.Sprintf("%s-%d", device, n)}
		one := posted{author: as.id, began: c.history.now()}
		var got struct {
			SendMessage struct {
				Message struct {
					ID  string
					Seq int
				}
				Replayed bool
			}
		}
		err := as.client.call(ctx, sendDocument, variables{"input": k.input("in a group", nil)}, &got)
		one.ended = c.history.now()
		switch {
		case err == nil:
			one.id, one.seq = got.SendMessage.Message.ID, got.SendMessage.Message.Seq
			said = append(said, one)
		case codeOf(err) == "FORBIDDEN":
			said = append(said, one)
			return said
		}
		sleep(ctx, time.Duration(1+n/5)*5*time.Millisecond)
	}
	return said
}

// judge reads the group's log: what was acknowledged is there, and after it was closed, or
// slowed down, at a moment, nothing, or not too much.
func (c *closings) judge(ctx context.Context, group string, said []posted, at int64, slow bool) error {
	r := &room{id: group, name: "a group"}
	l := &roomLog{room: r}
	if err := l.readEntries(ctx, c.manager.client); err != nil {
		return err
	}
	blame := func(kind, format string, a ...any) {
		c.history.blame(violation{kind, fmt.Sprintf("group %s: ", group) + fmt.Sprintf(format, a...)})
	}
	changed := 0
	last := map[string]instant{}
	for i, e := range l.entries {
		if e.seq != i+1 {
			blame("log: not dense", "%d is where %d ought to be", e.seq, i+1)
			return nil
		}
		switch e.kind {
		case roomChanged:
			changed = e.seq
		case messagePosted:
			if changed > 0 && !slow {
				blame("group: takes more", "it was archived at %d, and has a message at %d", changed, e.seq)
			}
			if apart := e.at - last[e.author]; changed > 0 && slow && last[e.author] != 0 && apart < instant(slowTime.Microseconds()) {
				blame("group: too fast", "it has been slow since %d, and two messages of one author at %d were %d µs apart", changed, e.seq, apart)
			}
			last[e.author] = e.at
		}
	}
	if changed == 0 {
		blame("deed: lost", "it was changed, and its log does not say so")
	}
	for _, one := range said {
		e := l.at(one.seq)
		switch {
		case one.id == "" && (slow || changed == 0):
			blame("answer: refused", "a member was refused")
		case one.id != "" && (e == nil || e.message != one.id || e.author != one.author):
			blame("answer: lost", "%s was acknowledged at %d, where there is %v", one.id, one.seq, e)
		case one.id != "" && !slow && one.began > at:
			blame("group: takes more", "it had been archived, and took %s", one.id)
		}
	}
	return nil
}
