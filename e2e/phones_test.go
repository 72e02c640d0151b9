package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// phoneDocument is what phones listen to: the texts are when they were sent.
const phoneDocument = `subscription Phone($room: ID!, $after: Int!) { roomEvents(room: $room, after: $after) {
	... on RoomEvent { seq message { text } } ... on CaughtUp { position }
} }`

// phone listens to a room as an app does that stays open: when its socket ends it comes
// back, to any node, behind what it heard last. It is cheap, so that there may be
// thousands, and judges what it hears itself.
type phone struct {
	token, room string
	// last is the newest entry that it heard, and back when it had caught up the last time,
	// in nanoseconds; 0 while it is away.
	last, back atomic.Int64
	// at is the node at which it listens, or did last.
	at atomic.Pointer[string]

	mu sync.Mutex
	// wrong is the first thing that must not be; endings are how its sockets ended, and
	// gaps how long it was from there until it had caught up again.
	wrong   error
	endings []ending
	gaps    []time.Duration
	// lags are how long what it heard while it was caught up had been under way.
	lags []time.Duration
	// turned is how it was turned away, each time.
	turned []ending
}

// ending is how a socket ended: Code is that of the close frame, or the status of the
// answer to the handshake; 0 where there was none.
type ending struct {
	Code   int
	Reason string
}

var retryAfter = regexp.MustCompile(`retry-after-ms=(\d+)$`)

// wait is for how long the phone stays away: for as long as it was told, else as
// graphql-ws does.
func (e ending) wait(tries int) time.Duration {
	if told := retryAfter.FindStringSubmatch(e.Reason); told != nil {
		ms, _ := strconv.Atoi(told[1])
		return time.Duration(ms) * time.Millisecond
	}
	if tries == 0 {
		return 0
	}
	return time.Second<<min(tries-1, 4) + time.Duration(300+rand.IntN(2700))*time.Millisecond
}

// listen keeps the phone listening until ctx ends. Of the nodes it takes any, and the next
// one where one does not let it in, as by way of a proxy in front of them.
func (p *phone) listen(ctx context.Context, nodes func() []string) {
	var lost time.Time
	for tries := 0; ctx.Err() == nil; {
		var e ending
		all := nodes()
		for _, i := range rand.Perm(len(all)) {
			if e = p.once(ctx, all[i], lost); ctx.Err() != nil {
				return
			}
			if p.back.Load() != 0 { // it was in
				break
			}
		}
		switch {
		case len(all) == 0: // there is no way yet
			time.Sleep(10 * time.Millisecond)
			continue
		case p.back.Swap(0) != 0:
			lost, tries = time.Now(), 0
			p.mu.Lock()
			p.endings = append(p.endings, e)
			p.mu.Unlock()
		default:
			tries++
			p.mu.Lock()
			p.turned = append(p.turned, e)
			p.mu.Unlock()
		}
		select {
		case <-time.After(e.wait(tries)):
		case <-ctx.Done():
			return
		}
	}
}

// once listens at a node until the socket ends.
func (p *phone) once(ctx context.Context, node string, lost time.Time) (e ending) {
	p.at.Store(&node)
	dialer := ws.Dialer{
		Protocols: []string{"graphql-transport-ws"}, ReadBufferSize: 512, WriteBufferSize: 512, Timeout: hearTime,
		OnStatusError: func(status int, _ []byte, _ io.Reader) { e.Code = status },
	}
	conn, early, _, err := dialer.Dial(ctx, "ws"+node[len("http"):]+"/graphql")
	if err != nil {
		return e
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if early != nil {
		defer ws.PutReader(early)
	} else {
		early = bufio.NewReaderSize(conn, 512)
	}
	say := func(text string) { _ = ws.WriteFrame(conn, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text)))) }
	say(fmt.Sprintf(`{"type":"connection_init","payload":{"token":%q}}`, p.token))
	var payload []byte
	for {
		h, err := ws.ReadHeader(early)
		if err != nil {
			return e
		}
		payload = append(payload[:0], make([]byte, h.Length)...)
		if _, err := io.ReadFull(early, payload); err != nil {
			return e
		}
		switch h.OpCode {
		case ws.OpPing:
			_ = ws.WriteFrame(conn, ws.MaskFrame(ws.NewPongFrame(payload)))
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			_ = ws.WriteFrame(conn, ws.MaskFrame(ws.NewCloseFrame(payload)))
			return ending{int(code), reason}
		case ws.OpText:
			if bytes.Contains(payload, []byte(`"connection_ack"`)) {
				say(fmt.Sprintf(`{"type":"subscribe","id":"1","payload":{"query":%q,"variables":{"room":%q,"after":%d}}}`,
					phoneDocument, p.room, p.last.Load()))
				continue
			}
			p.hear(payload, lost)
		}
	}
}

// number gives what stands behind a name in a message; -1 where that is not there.
func number(text []byte, name string) int64 {
	_, rest, _ := bytes.Cut(text, []byte(name))
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	if n, err := strconv.ParseInt(string(rest[:digits]), 10, 64); err == nil {
		return n
	}
	return -1
}

// hear judges a message.
func (p *phone) hear(text []byte, lost time.Time) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	seq, position := number(text, `"seq":`), number(text, `"position":`)
	switch {
	case seq >= 0 && seq == p.last.Load()+1:
		p.last.Store(seq)
		if sent := number(text, `"text":"`); sent > 0 && p.back.Load() > 0 {
			p.lags = append(p.lags, now.Sub(time.Unix(0, sent)))
		}
	case position >= 0 && position == p.last.Load():
		p.back.Store(now.UnixNano())
		if !lost.IsZero() {
			p.gaps = append(p.gaps, now.Sub(lost))
		}
	case bytes.Contains(text, []byte(`"UNAVAILABLE"`)): // it comes back
	default:
		p.wrong = errors.Join(p.wrong, fmt.Errorf("behind %d it heard %s", p.last.Load(), clip(string(text), 300)))
	}
}

// phones are many that listen.
type phones []*phone

// listen lets all of them come at once. They stop with the test.
func (all phones) listen(t *testing.T, nodes func() []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	for _, p := range all {
		listening.Go(func() { p.listen(ctx, nodes) })
	}
	t.Cleanup(func() { cancel(); listening.Wait() })
}

// waitCaughtUp waits until all have caught up since a moment, and gives how long the last
// one took.
func (all phones) waitCaughtUp(t *testing.T, since time.Time, within time.Duration) (took time.Duration) {
	t.Helper()
	for _, p := range all {
		eventually(t, within-time.Since(since), "all have caught up", func() bool { return p.back.Load() > since.UnixNano() })
		took = max(took, time.Unix(0, p.back.Load()).Sub(since))
	}
	return took
}

// waitHeard waits until all have heard a log up to an entry.
func (all phones) waitHeard(t *testing.T, last int, within time.Duration) {
	t.Helper()
	begun := time.Now()
	for _, p := range all {
		eventually(t, within-time.Since(begun), fmt.Sprintf("all have heard %d", last), func() bool { return p.last.Load() >= int64(last) })
	}
}

// expectRight demands that none of them heard what must not be.
func (all phones) expectRight(t *testing.T) {
	t.Helper()
	for i, p := range all {
		p.mu.Lock()
		if p.wrong != nil {
			t.Errorf("phone %d: %v", i, p.wrong)
		}
		p.mu.Unlock()
	}
}

// take gives what all have noted of something, and has them forget it.
func take[T any](all phones, of func(*phone) *[]T) (noted []T) {
	for _, p := range all {
		p.mu.Lock()
		noted = append(noted, *of(p)...)
		*of(p) = nil
		p.mu.Unlock()
	}
	return noted
}

func gaps(p *phone) *[]time.Duration { return &p.gaps }
func lags(p *phone) *[]time.Duration { return &p.lags }
func endings(p *phone) *[]ending     { return &p.endings }
func turned(p *phone) *[]ending      { return &p.turned }

// mustInvite lets so many phones into the house's COMMUNITY room, as people of their own
// with a session each: in the database, since an account is slow to open.
func (h *house) mustInvite(t *testing.T, home place, after, people int) (all phones) {
	t.Helper()
	name := newKey()
	err := tellPostgres(t.Context(), home.databaseURL, fmt.Sprintf(`
		CREATE TEMPORARY TABLE phones AS SELECT i, gen_random_uuid() AS person FROM generate_series(1, %[2]d) i;
		INSERT INTO users (id, created_at, name, locale) SELECT person, now(), 'Phone', 'en' FROM phones;
		INSERT INTO sessions (id, token_hash, device, created_at, last_used_at, expires_at, user_id)
			SELECT gen_random_uuid(), sha256(convert_to('%[1]s-' || i, 'UTF8')), '', now(), now(), now() + interval '30 days', person FROM phones;
		INSERT INTO participants (id, joined_at, read_seq, read_ordinal, room_id, user_id)
			SELECT gen_random_uuid(), now(), 0, 0, r.id, person FROM phones, (SELECT p.room_id AS id FROM participants p JOIN rooms r ON r.id = p.room_id
				JOIN users u ON u.id = p.user_id WHERE u.email_key = '%[3]s' AND r.kind = 'COMMUNITY' ORDER BY r.created_at DESC LIMIT 1) r;
		ANALYZE`, name, people, h.manager.email))
	if err != nil {
		t.Fatal(err)
	}
	for i := range people {
		p := &phone{token: secret(fmt.Sprintf("%s-%d", name, i+1)), room: h.community}
		p.last.Store(int64(after))
		all = append(all, p)
	}
	return all
}

// statements counts what a node asks of PostgreSQL, on the way there.
type statements struct{ count atomic.Int64 }

// watch reads what one connection sends.
func (s *statements) watch() io.WriteCloser {
	r, w := io.Pipe()
	go func() {
		in := bufio.NewReader(r)
		defer func() { _, _ = io.Copy(io.Discard, in) }()
		var head [5]byte
		if _, err := io.ReadFull(in, head[1:]); err != nil { // the first message has no kind
			return
		}
		for {
			length := int64(head[1])<<24 | int64(head[2])<<16 | int64(head[3])<<8 | int64(head[4])
			if _, err := io.CopyN(io.Discard, in, length-4); err != nil {
				return
			}
			if _, err := io.ReadFull(in, head[:]); err != nil {
				return
			}
			if head[0] == 'E' || head[0] == 'Q' { // Execute, or a simple Query
				s.count.Add(1)
			}
		}
	}()
	return w
}

// mustHandshake tries a socket's handshake at a node; it gives the status of the answer.
func mustHandshake(t *testing.T, node string) (status int) {
	t.Helper()
	dialer := ws.Dialer{
		Protocols: []string{"graphql-transport-ws"}, Timeout: hearTime,
		OnStatusError: func(code int, _ []byte, _ io.Reader) { status = code },
	}
	conn, _, _, err := dialer.Dial(t.Context(), "ws"+node[len("http"):]+"/graphql")
	if err == nil {
		conn.Close()
		return http.StatusSwitchingProtocols
	}
	if refused := (*net.OpError)(nil); status == 0 && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	return status
}
