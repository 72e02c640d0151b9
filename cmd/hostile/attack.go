package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omarty/chat/internal/load"
)

// attack is those who send what nobody should.
type attack struct {
	settings
	program *program
	grammar *grammar
	client  *http.Client
	address string
	// own are tokens of people who have a building with all that can be in one, and
	// spare those of people whose sessions may end.
	own, spare []string
	known      atomic.Pointer[[]string]
	done       atomic.Int64
	runs       uint64 // each makes other requests

	mu     sync.Mutex
	tally  map[string]map[string]int // by how it was sent, and how that ended
	faults []string
	busy   int
}

// renewEvery is after how many requests the attackers build a house anew: they leave,
// ban and archive what they have.
const renewEvery = 2000

// requestTime is longer than the server lets an operation take.
const requestTime = 45 * time.Second

func newAttack(ctx context.Context, s settings, p *program) (*attack, error) {
	g, err := readGrammar(p.root)
	if err != nil {
		return nil, err
	}
	a := &attack{settings: s, program: p, grammar: g, address: strings.TrimPrefix(p.url, "http://"), tally: map[string]map[string]int{}}
	a.client = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: s.workers},
		Timeout:       requestTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c := load.NewClient(p.url, 4)
	place, err := load.Furnish(ctx, c, load.Size{Rooms: 1, Publishers: 4, Sessions: 2})
	if err != nil {
		return nil, err
	}
	a.own = slices.Concat(place.Publishers[:2], place.Listeners)
	a.spare = place.Publishers[2:]
	return a, a.renew(ctx)
}

var ids = regexp.MustCompile(`"([a-z]+_[0-9a-z]{20,})"`)

// renew builds a house, and learns the ids of all that is in it.
func (a *attack) renew(ctx context.Context) error {
	c := load.NewClient(a.program.url, 1)
	found := []string{}
	var failed error
	ask := func(token, document string, v map[string]any) string {
		text, err := c.Post(ctx, token, request{document: document, variables: v}.body())
		if err != nil {
			failed = errors.Join(failed, err)
		}
		for _, id := range ids.FindAllSubmatch(text, -1) {
			found = append(found, string(id[1]))
		}
		return string(text)
	}
	manager := a.own[0]
	built := ask(manager, `mutation { createBuilding(input: {name: "H", apartments: [{number: "1"}, {number: "2"}]}) { building { id apartments(first: 9) { nodes { id } } viewerRooms { nodes { kind id } } } } }`, nil)
	building := regexp.MustCompile(`building_[0-9a-z]+`).FindString(built)
	_, after, _ := strings.Cut(built, `"COMMUNITY"`)
	room := regexp.MustCompile(`room_[0-9a-z]+`).FindString(after)
	code := regexp.MustCompile(`"code":"([^"]+)"`).FindStringSubmatch(ask(manager, `mutation($b: ID!) { createInvitation(input: {building: $b, preapproved: true}) { invitation { id code } } }`, map[string]any{"b": building}))
	if room == "" || code == nil {
		return fmt.Errorf("the attackers cannot build a house: %s %w", built, failed)
	}
	for _, token := range append(a.own[1:], a.spare...) {
		ask(token, `mutation($c: String!) { joinBuilding(input: {code: $c}) { membership { id member { id } } } }`, map[string]any{"c": code[1]})
	}
	for i, text := range []string{"Salam", "ahlan", "who has the key?"} {
		ask(a.own[i%2], `mutation($r: ID!, $t: String!) { sendMessage(input: {room: $r, key: $t, text: $t}) { message { id } } }`, map[string]any{"r": room, "t": text})
	}
	ask(manager, `mutation($r: ID!) { sendMessage(input: {room: $r, key: "p", text: "?", poll: {options: ["a", "b"]}}) { message { id poll { options { id } } } } }`, map[string]any{"r": room})
	for _, token := range a.own {
		ask(token, `{ viewer { id user { id } sessions { id } memberships { nodes { id } } } }`, nil)
	}
	for _, token := range a.spare {
		ask(token, `{ viewer { id user { id } } }`, nil) // not their sessions, which others could not end anyway
	}
	a.known.Store(&found)
	return failed
}

// run makes so many requests, or those that there is time for.
func (a *attack) run(ctx context.Context, requests int, long time.Duration) {
	if long > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, long)
		defer cancel()
	}
	a.runs++
	var taken atomic.Int64
	var working sync.WaitGroup
	for i := range a.workers {
		w := &worker{attack: a, Rand: rand.New(rand.NewPCG(a.seed, a.runs<<32+uint64(i)))}
		working.Go(func() {
			for ctx.Err() == nil && taken.Load() < int64(requests) && !a.failed() {
				n := w.send(context.WithoutCancel(ctx))
				if before := taken.Add(int64(n)) - int64(n); before/renewEvery != (before+int64(n))/renewEvery {
					if err := a.renew(ctx); err != nil && ctx.Err() == nil {
						a.fault("a house", err.Error(), "")
					}
				}
				if sum := a.done.Add(int64(n)); sum/10_000 != (sum-int64(n))/10_000 {
					progress("%d requests", sum)
				}
			}
		})
	}
	working.Wait()
}

func (a *attack) close() { a.client.CloseIdleConnections() }

// worker makes one request after the other.
type worker struct {
	*attack
	*rand.Rand
}

// send sends something, and tells how many requests that were.
func (w *worker) send(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	switch n := w.IntN(100); {
	case n < 62:
		return w.post(ctx)
	case n < 72:
		return w.get(ctx)
	case n < 78:
		return w.listen(ctx)
	case n < 80:
		return w.converse(ctx)
	case n < 85:
		return w.upload(ctx)
	case n < 94:
		return w.form(ctx)
	case n < 97:
		return w.frames(ctx)
	default:
		return w.raw(ctx)
	}
}

// make makes a request of what is known now.
func (w *worker) make() request {
	g := *w.grammar
	g.known = *w.known.Load()
	return g.make(w.Rand)
}

// token gives whose request it is: one of the attackers', nobody's, or a lie.
func (w *worker) token(q request) string {
	switch n := w.IntN(10); {
	case n == 0:
		return ""
	case n == 1:
		return pick(w.Rand, texts[2:6])
	case q.ends:
		return pick(w.Rand, w.spare)
	}
	return pick(w.Rand, w.own)
}

var (
	code     = regexp.MustCompile(`"code":"([A-Z_]+)"`)
	internal = []byte(`"code":"INTERNAL"`)
)

// judge notes how a request ended, and whether that was the server's fault.
func (a *attack) judge(way string, status int, body []byte, what string) {
	end := fmt.Sprint(status)
	if found := code.FindSubmatch(body); found != nil {
		end = string(found[1])
	}
	a.mu.Lock()
	if a.tally[way] == nil {
		a.tally[way] = map[string]int{}
	}
	a.tally[way][end]++
	if status == http.StatusServiceUnavailable || end == "UNAVAILABLE" {
		a.busy++
	}
	a.mu.Unlock()
	if status >= 500 && status != http.StatusServiceUnavailable || bytes.Contains(body, internal) {
		a.fault(way, fmt.Sprintf("%d %.1000s", status, body), what)
	}
}

// lost notes a request that was not answered: the server may drop who is no client,
// but has to answer a request.
func (a *attack) lost(way string, err error, what string) {
	if refused := (*net.OpError)(nil); errors.As(err, &refused) && refused.Op == "dial" || errors.Is(err, context.DeadlineExceeded) {
		a.fault(way, err.Error(), what)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tally[way] == nil {
		a.tally[way] = map[string]int{}
	}
	a.tally[way]["dropped"]++
}

func (a *attack) fault(way, how, what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, fmt.Sprintf("%s: %s\nwas the answer to: %.6000s", way, how, what))
}

func (a *attack) failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.faults) >= 3
}

// verdict tells of faults.
func (a *attack) verdict() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.faults) > 0 {
		return errors.New(strings.Join(a.faults, "\n\n"))
	}
	if total := a.done.Load(); total > 1000 && int64(a.busy) > total/50 {
		return fmt.Errorf("of %d requests %d were UNAVAILABLE", total, a.busy)
	}
	return nil
}
