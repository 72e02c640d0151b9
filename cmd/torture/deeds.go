package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// deed is what somebody did to a message, as often as they had to ask.
type deed struct {
	person, room, message string
	kind                  string // of the entry that it makes
	text                  string // of an edit
	guard                 int    // the textSeq that an edit or a confirmation is for
	emoji                 string // of a reaction
	option                string // of a vote, several with spaces between; "" takes it back
	apartment             string // whose vote it is, where apartments vote
	began, ended          int64
	over                  bool // the poll's end had come before the answer
	// code is that of the last answer: "" where it was done, unknown where there was none.
	code string
	// told is the message as the answer has it.
	told state
	// tries is how often it was asked for. One that nobody answered may be done later than
	// what was asked for after it.
	tries int
}

// unknown stands for a code where nobody knows what came of a deed.
const unknown = "unknown"

// target is a message that something can be done to.
type target struct {
	id, author, key string
	seq             int
	options         []string // of its poll
	poll            pollKind
	notice, named   bool // whether it asks to be confirmed, and names somebody
}

// offer says that a message is there.
func (r *room) offer(t target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.offered++; r.offered <= lately || r.offered%everyNth == 0 || t.named && r.offered%4 == 0 {
		r.posted = append(r.posted, t)
	}
	if t.options != nil {
		r.polls = append(r.polls, t)
	}
	if t.notice {
		r.notices = append(r.notices, t)
	}
}

// alter says that a message is another one by now.
func (r *room) alter(t target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.altered) < mostAltered {
		r.altered = append(r.altered, t)
	} else {
		r.altered[rand.IntN(mostAltered)] = t
	}
}

// mostAltered is how many of those are known, of all ages.
const mostAltered = 400

// everyNth is which messages things are done to, when there are some; each stays among
// the newest for a while then.
const everyNth = 25

// lately is how many of the newest messages things are done to, so that people meet.
const lately = 12

// pickAltered gives one of the messages of somebody that are another one by now; false
// where there is none.
func (r *room) pickAltered(random *rand.Rand, author string) (target, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var theirs []target
	for _, t := range r.altered {
		if t.author == author {
			theirs = append(theirs, t)
		}
	}
	if len(theirs) == 0 {
		return target{}, false
	}
	return oneOf(random, theirs), true
}

// pick gives one of the newest messages, or of those with polls, that somebody may like;
// false where there is none.
func (r *room) pick(random *rand.Rand, polls bool, likes func(target) bool) (target, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := r.posted
	if polls {
		from = r.polls[max(0, len(r.polls)-2):]
	}
	var liked []target
	for i := len(from) - 1; i >= 0 && len(liked) < lately; i-- {
		if likes(from[i]) {
			liked = append(liked, from[i])
		}
	}
	if len(liked) == 0 {
		return target{}, false
	}
	return liked[random.IntN(len(liked))], true
}

// doer does to messages what one person can, one thing after the other but for edits,
// each until it is answered.
type doer struct {
	person *person
	// manages says that they may delete what others wrote.
	manages bool
	rooms   []*room
	homes   []string      // the apartments that they live in, in the first building
	pace    time.Duration // between two deeds, on average
	random  *rand.Rand

	history *history
	faults  *faults
	counts  *counts

	// seen is the textSeq that they know of messages, where it is not that of the post.
	mu   sync.Mutex
	seen map[string]int
	done int
	// pinned are the messages that a manager has pinned, by room.
	pinned map[string][]target
}

// emojis are what people react with: few, so that they meet.
var emojis = []string{"👍", "🎉", "👩🏽‍🔧"}

// The shares of edits that are for a text of long ago, and that are made twice at once.
const (
	shareStale   = 0.2
	shareRivalry = 0.2
)

func (d *doer) run(ctx context.Context, quiet <-chan struct{}) {
	for ; ; d.done++ {
		select {
		case <-quiet:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(d.random.ExpFloat64() * float64(d.pace))):
		}
		r := d.rooms[d.random.IntN(len(d.rooms))]
		switch n := d.random.IntN(100); {
		case n < 25:
			d.edit(ctx, r)
		case n < 33:
			d.delete(ctx, r)
		case n < 50:
			d.vote(ctx, r)
		case n < 68:
			d.react(ctx, r, reactionAdded, addDocument)
		case n < 73:
			d.mark(ctx, r)
		case n < 81:
			d.pinOrConfirm(ctx, r)
		default:
			d.react(ctx, r, reactionRemoved, removeDocument)
		}
	}
}

func (d *doer) edit(ctx context.Context, r *room) {
	t, ok := r.pick(d.random, false, func(t target) bool { return t.author == d.person.id })
	if d.manages && d.random.IntN(3) == 0 {
		if notice, there := d.rooms[0].pickNotice(d.random); there {
			r, t, ok = d.rooms[0], notice, true
		}
	}
	if !ok {
		return
	}
	guard := d.guardOf(t)
	var both sync.WaitGroup
	one := func(text string) {
		text += " " + wordOf(text)
		d.do(ctx, r, t, deed{kind: messageEdited, text: text, guard: guard}, editDocument)
	}
	if d.random.Float64() < shareRivalry {
		both.Go(func() { one(fmt.Sprintf("%s, edit %d of %s, or so", d.person.name, d.done, t.id)) })
	}
	one(fmt.Sprintf("%s, edit %d of %s", d.person.name, d.done, t.id))
	both.Wait()
}

func (d *doer) delete(ctx context.Context, r *room) {
	t, ok := r.pick(d.random, false, func(t target) bool { return t.author == d.person.id || d.manages })
	if ok {
		d.do(ctx, r, t, deed{kind: messageDeleted}, deleteDocument)
	}
}

func (d *doer) react(ctx context.Context, r *room, kind, document string) {
	t, ok := r.pick(d.random, false, func(target) bool { return true })
	if ok {
		d.do(ctx, r, t, deed{kind: kind, emoji: emojis[d.random.IntN(len(emojis))]}, document)
	}
}

func (d *doer) vote(ctx context.Context, r *room) {
	if len(d.homes) > 0 && d.random.IntN(2) == 0 {
		r = d.rooms[0] // where apartments vote
	}
	t, ok := r.pick(d.random, true, func(target) bool { return true })
	if !ok {
		return
	}
	one := deed{kind: pollVoted}
	if n := d.random.IntN(len(t.options) + 1); n < len(t.options) {
		one.option = t.options[n]
		if t.poll.multiple && n > 0 {
			one.option = t.options[0] + " " + one.option
		}
	}
	if t.poll.perApartment {
		if len(d.homes) == 0 {
			return
		}
		one.apartment = oneOf(d.random, d.homes)
	}
	d.do(ctx, r, t, one, voteDocument)
}

// do asks until it is answered, and says what came of it.
func (d *doer) do(ctx context.Context, r *room, t target, one deed, document string) {
	one.person, one.room, one.message, one.code = d.person.id, r.id, t.id, unknown
	one.began = d.history.now()
	v := variables{"message": t.id}
	switch one.kind {
	case messageEdited:
		v["text"], v["textSeq"] = one.text, one.guard
	case noticeConfirmed:
		v["textSeq"] = one.guard
	case reactionAdded, reactionRemoved:
		v["emoji"] = one.emoji
	case pollVoted:
		v["options"] = strings.Fields(one.option)
		if one.apartment != "" && (len(d.homes) > 1 || d.random.IntN(2) == 0) {
			v["apartment"] = one.apartment
		}
	}
	for one.code == unknown && ctx.Err() == nil {
		one.tries++
		var got struct {
			Change struct{ Message stateJSON }
		}
		err := d.person.client.call(ctx, document, v, &got)
		switch code := codeOf(err); {
		case err == nil:
			d.faults.saw(anAnswer)
			one.code, one.told = "", got.Change.Message.state()
			r.saw(one.told.changedSeq)
			d.counts.deeds.Add(1)
			d.saw(t.id, one.told.textSeq)
		case ctx.Err() != nil:
		case code == "INTERNAL":
			d.history.blame(violation{"deed: INTERNAL", fmt.Sprintf("%s, %s: %v", d.person.name, one.kind, err)})
			fallthrough
		case passes(err):
			d.counts.retries.Add(1)
			sleep(ctx, time.Duration(5+rand.IntN(45))*time.Millisecond)
		default:
			one.code = code
		}
	}
	one.ended = d.history.now()
	one.over = t.poll.closes != 0 && d.history.since() > t.poll.closes-clockTime
	if one.code == "" && t.options == nil && (one.kind == messageEdited || one.kind == messageDeleted) {
		r.alter(t)
	}
	d.history.did(one)
}

// guardOf gives the textSeq by which they know a message, now and then that of its post.
func (d *doer) guardOf(t target) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if seen := d.seen[t.id]; seen != 0 && d.random.Float64() >= shareStale {
		return seen
	}
	return t.seq
}

func (d *doer) saw(message string, textSeq int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil {
		d.seen = map[string]int{}
	}
	d.seen[message] = max(d.seen[message], textSeq)
}

func (h *history) did(d deed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deeds = append(h.deeds, d)
}

// doers are everybody who stays, each once: what they do is in an order, then.
func (s *stage) doers() []*doer {
	var doers []*doer
	for i, p := range slices.Concat([]*person{s.world.manager}, s.world.residents) {
		doers = append(doers, &doer{
			person: p, manages: i == 0, rooms: s.world.played(), homes: s.world.homes[p.id], pace: deedPace, random: s.random(),
			history: s.history, faults: s.faults, counts: s.counts,
		})
	}
	return doers
}

// deedPace is short enough for deeds on the same message to meet.
const deedPace = 30 * time.Millisecond
