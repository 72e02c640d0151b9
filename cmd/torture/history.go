package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// history is what was promised and what was told in one run. Writers, listeners
// and readers add to it while the run lasts; the checks read it when all of them
// have gone.
type history struct {
	rooms map[string]*room

	// began is where the wall's clock starts, and clock tells what was before what.
	began time.Time
	clock atomic.Int64

	mu      sync.Mutex
	asked   map[sendKey]*asked // each message that was sent, answered or not
	answers []answer
	deeds   []deed
	streams []*stream
	pages   []page
	heads   []head
	moves   []move
	logs    map[string]*roomLog

	// homes are the apartments that people live in, by their ids.
	homes map[string][]string
	// marks are how far people have said that they have read, and readings what they are
	// told of it in the end.
	searches []search
	lists    []listed
	marks    map[place]int
	furthest map[place]int // also where nobody answered
	readings []reading

	revocations []*revocation
	inboxes     []*inbox
	// finale is a group that is made when all is quiet: "" until then, and who is in it hears
	// of it, too.
	finale  string
	joins   []join
	files   []keptFile
	exports []export
	// saturated says that as much is sent as is taken: what was not heard in an outage then
	// takes as long again to be heard.
	saturated bool
	troubles  []trouble
	absences  []absence
	deaths    map[int]time.Duration // when each node was killed last
	calls     []call
	samples   []sample
	stops     []*stop
	signals   []signalTry
	breaches  []breach
	current   []*trouble // that are not over
	// wrong is what was seen to be wrong as it happened.
	wrong []violation
}

// room is a room that is played in.
type room struct {
	id, logID string
	// name is for people who read the report.
	name string
	// flooded says that there are too many messages to do more than to read the log.
	flooded bool
	// known is the newest position that anybody was told of.
	known atomic.Int64

	mu      sync.Mutex
	entries map[entry]*entry
	// posted are the messages that are known to be there, polls those with polls, and
	// notices those that ask to be confirmed; altered are those that were edited or deleted.
	posted, polls, notices, altered []target
	offered                         int

	// settled is closed when nothing is written any more; last and lastMessage are
	// the positions of the log's last entry and last message then.
	settled           chan struct{}
	last, lastMessage int
}

// entry is an entry of a room's log as somebody was told of it.
type entry struct {
	seq     int
	at      instant
	kind    string
	message string // the id of its message
	key     string
	member  string
	actor   string
	emoji   string
	// state is the message's, at some moment after the entry.
	state
}

// same is what everybody is told of an entry, whenever they are.
func (e entry) same() entry { e.state = state{}; return e }

// timeless is the entry without its times, which are not asked for where there are too many.
func (e entry) timeless() entry {
	e.at, e.created, e.edited, e.pinned = 0, 0, 0, 0
	return e
}

// state is a message at a moment.
type state struct {
	text                string
	changedSeq, textSeq int
	deleted             bool
	// created, edited and pinned are when it was; never for 0.
	created, edited, pinned instant
	// had is the reactions and how many voted.
	had string
}

// Kinds of entries that the harness knows.
const (
	messagePosted   = "MESSAGE_POSTED"
	messageEdited   = "MESSAGE_EDITED"
	messageDeleted  = "MESSAGE_DELETED"
	reactionAdded   = "REACTION_ADDED"
	reactionRemoved = "REACTION_REMOVED"
	pollVoted       = "POLL_VOTED"
	messagePinned   = "MESSAGE_PINNED"
	messageUnpinned = "MESSAGE_UNPINNED"
	pollClosed      = "POLL_CLOSED"
	noticeConfirmed = "NOTICE_ACKNOWLEDGED"
	memberJoined    = "MEMBER_JOINED"
	memberLeft      = "MEMBER_LEFT"
	roomChanged     = "ROOM_CHANGED"
)

// sendKey is what a message is sent under.
type sendKey struct {
	author, room, key string
}

// answer is an acknowledged sendMessage.
type answer struct {
	sendKey
	sent     string // the text
	id       string
	seq      int
	state    // as the answer has it
	replayed bool
	// options are those of its poll, if it has one, and poll is what it is like.
	options       []string
	poll          pollKind
	notice, named bool
	// began and ended are moments of the history's clock.
	began, ended int64
	// node is who answered, and at when.
	node int
	at   time.Duration
	// alone says that nothing else had been sent under the key until then.
	alone bool
}

// asked is what was sent under a key.
type asked struct {
	text string
	// more is what it has besides; nil for nothing.
	more  variables
	times int
	at    time.Duration // the first time
}

// stream is one subscription, from its request to its end.
type stream struct {
	listener string
	// person is who listens.
	person string
	room   string
	// all tells roomEvents from messagePosted.
	all bool
	// after is where it resumes; fromNow for none.
	after int
	// floor is the newest position that was known before it was asked for, and
	// opened the newest when its first update came.
	floor, opened int
	// began is the moment before it was asked for.
	began int64
	// node is who serves it; steady says that its listener takes all at once, and stays.
	node   int
	steady bool
	steps  []step
	end    end
	// broke is what ended its connection; nil where that did not.
	broke error
	// over is when it ended.
	over time.Duration
}

const fromNow = -1

// step is one update of a stream: an entry, or CaughtUp where that is nil.
type step struct {
	entry    *entry
	position int // of CaughtUp; noPosition for null
	at       time.Duration
}

const noPosition = -1

// end is how a stream ended: with an error of a code, or without one, by the
// listener's will or with its connection.
type end struct {
	code string
	seq  int // extensions.seq; noPosition where it has none
}

// page is what a reader got by room.events.
type page struct {
	reader, room string
	after, first int
	// floor is the newest position that was known before it was asked for, and began
	// that moment.
	floor   int
	began   int64
	entries []*entry
	endSeq  int
	more    bool
}

// head is a room's lastSeq as a reader got it.
type head struct {
	reader, room string
	floor        int
	lastSeq      int
}

// move is an acknowledged coming or leaving, of which a room's log tells after one
// position and not after another.
type move struct {
	person, room, kind string
	after, until       int
}

// roomLog is a room at the end, when all is quiet.
type roomLog struct {
	room    *room
	logID   string
	lastSeq int
	entries []logEntry
	// forward and backward are the room's messages, read page by page from the
	// first one and from the last; both the oldest first.
	forward, backward []message
	// details are of the messages, by their ids.
	details map[string]detail
	// lastMessage, pinned and present are what the room says of itself: the ids of messages,
	// and of people; and read is when it was asked.
	lastMessage     string
	pinned, present []string
	readBy          map[string]int // how far people have read, where they share it
	read            time.Duration
}

// logEntry is an entry of a log as a manager reads it.
type logEntry struct {
	entry
	author string
}

// message is a message of a room's list.
type message struct {
	id, key string
	seq     int
	state
}

// detail is what is read of a message in the end alone.
type detail struct {
	texts   []string            // the earlier ones
	reacted map[string][]string // who, by emoji
	votes   map[string]int      // by option
	// answers is the message that it answers, answersText what that says, and answered how
	// many answer it; mentions are who is named, and where.
	answers, answersText string
	answered             int
	mentions             []string
	apartment            string // that it was written from
	// ballots are what voters chose, who are people or apartments, with spaces between; nil
	// where it was not asked. Notice is nil for none.
	ballots map[string]string
	notice  *noticeDetail
}

// noticeDetail is how far a notice is confirmed.
type noticeDetail struct {
	apartments, confirmed int
	outstanding           []string // apartments
}

func newHistory() *history {
	return &history{began: time.Now(), rooms: map[string]*room{}, asked: map[sendKey]*asked{}, logs: map[string]*roomLog{}, marks: map[place]int{}, furthest: map[place]int{}}
}

// addRoom says that a room is played in.
func (h *history) addRoom(id, logID, name string) *room {
	r := &room{id: id, logID: logID, name: name, entries: map[entry]*entry{}, settled: make(chan struct{})}
	h.rooms[id] = r
	return r
}

// now is a moment later than all before it.
func (h *history) now() int64 { return h.clock.Add(1) }

// ask says that a message is about to be sent.
func (h *history) ask(k sendKey, text string, more variables) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked[k] == nil {
		h.asked[k] = &asked{text: text, more: more, at: h.since()}
	}
	h.asked[k].times++
}

// answered says that a message was acknowledged.
func (h *history) answered(a answer) {
	h.rooms[a.room].saw(a.seq)
	if !a.replayed && !h.rooms[a.room].flooded {
		h.rooms[a.room].offer(target{id: a.id, author: a.author, key: a.key, seq: a.seq, options: a.options, poll: a.poll, notice: a.notice, named: a.named})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	a.alone = h.asked[a.sendKey].times == 1
	h.answers = append(h.answers, a)
}

func (h *history) streamed(s *stream) {
	s.over = h.since()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams = append(h.streams, s)
}

func (h *history) read(p page) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pages = append(h.pages, p)
}

func (h *history) sawHead(d head) {
	h.rooms[d.room].saw(d.lastSeq)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heads = append(h.heads, d)
}

func (h *history) moved(m move) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moves = append(h.moves, m)
}

// blame says that something is wrong that is seen as it happens.
func (h *history) blame(v violation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, v)
}

// saw says that somebody was told of a position.
func (r *room) saw(seq int) {
	for {
		known := r.known.Load()
		if int64(seq) <= known || r.known.CompareAndSwap(known, int64(seq)) {
			return
		}
	}
}

// settle says where the log stands for good.
func (r *room) settle(last, lastMessage int) {
	r.last, r.lastMessage = last, lastMessage
	close(r.settled)
}

func (r *room) head() int { return int(r.known.Load()) }

// told gives the one copy of an entry that everybody shares who was told the same.
func (r *room) told(e entry) *entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.entries[e]; known != nil {
		return known
	}
	r.entries[e] = &e
	return &e
}
