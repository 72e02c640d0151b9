package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// percentile gives what so many in a hundred are at the most; 0 of nothing.
func percentile(of []time.Duration, hundredths int) time.Duration {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[(len(of)-1)*hundredths/100]
}

// chat has people talk until it is stopped, so many messages a second in all; the texts
// are when they were sent. A send that fails is sent again, by its key, to any node, until
// it is posted; stop gives how many were, and the newest.
func chat(t *testing.T, who []dweller, room string, perSecond int, nodes func() []*server) (stop func() (posted, last int)) {
	t.Helper()
	quit := make(chan struct{})
	var posted, last atomic.Int64
	var talking sync.WaitGroup
	for i, one := range who {
		talking.Go(func() {
			tick := time.NewTicker(time.Second * time.Duration(len(who)) / time.Duration(perSecond))
			defer tick.Stop()
			for n := i; ; n++ {
				select {
				case <-quit:
					return
				case <-tick.C:
				}
				key, text := newKey(), fmt.Sprint(time.Now().UnixNano())
				for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
					all := nodes()
					r, err := all[n%len(all)].trySend(one.token, room, key, text)
					if err == nil && r.code() == "" {
						posted.Add(1)
						for seq, before := int64(r.lookup("sendMessage.message.seq").(float64)), last.Load(); before < seq && !last.CompareAndSwap(before, seq); before = last.Load() {
						}
						break
					}
					if time.Since(begun) > hearTime || err == nil && r.code() != "UNAVAILABLE" && r.code() != "RATE_LIMITED" {
						t.Errorf("not posted: %v, %v", r, err)
						break
					}
					n++ // elsewhere
				}
			}
		})
	}
	return func() (int, int) {
		close(quit)
		talking.Wait()
		return int(posted.Load()), int(last.Load())
	}
}

// urlsOf gives the addresses of nodes as phones take them.
func urlsOf(nodes func() []*server) func() []string {
	return func() (urls []string) {
		for _, s := range nodes() {
			urls = append(urls, s.url)
		}
		return urls
	}
}

// manyTime bounds how long it may take until many have come, on a machine that does other
// things.
const manyTime = 4 * time.Minute

// stopWithPhones is what a program that is told to stop does with those who listen: it is not
// ready at once, lets nobody new in, answers what is under way, tells each when to come
// back, and ends with 0 in time.
func stopWithPhones(t *testing.T, listening int) {
	home := newPlace(t, postgres)
	s := home.start(t)
	h := s.mustOpenHouse(t, s.mustArrive(t))
	all := h.mustInvite(t, home, 1, listening)
	gone := make(chan struct{})
	came := time.Now()
	all.listen(t, func() []string {
		select {
		case <-gone:
			return nil
		default:
			return []string{s.url}
		}
	})
	t.Logf("%d have caught up in %v", listening, all.waitCaughtUp(t, came, manyTime).Round(time.Millisecond))
	p := stranger()
	request, err := json.Marshal(variables{"query": registerDocument, "variables": variables{"input": p.input()}})
	if err != nil {
		t.Fatal(err)
	}
	under := s.mustBegin(t, "/graphql", typeJSON, request)
	close(gone)
	told := time.Now()
	s.signal(t, syscall.SIGTERM)
	// A signal takes a moment, and on a busy machine a long one.
	eventually(t, unreadyTime, "it is not ready", func() bool {
		a, err := s.try(http.MethodGet, "/readyz", nil)
		return err != nil || a.status == http.StatusServiceUnavailable
	})
	noticed := time.Since(told)
	if status := mustHandshake(t, s.url); status == http.StatusSwitchingProtocols {
		t.Error("a program that stops lets somebody new in")
	}
	under.mustFinish(t).mustResult(t).mustSucceed(t)
	if status, err := s.waitExit(); err != nil || status != 0 {
		t.Errorf("status %d, %v", status, err)
	}
	took := time.Since(told)
	var ended []ending
	eventually(t, hearTime, "all have noticed", func() bool {
		ended = append(ended, take(all, endings)...)
		return len(ended) == listening
	})
	moments := map[string]int{}
	var least, most time.Duration = time.Hour, 0
	for _, e := range ended {
		moments[e.Reason]++
		if e.Code != 1012 || !comeBack.MatchString(e.Reason) {
			t.Fatalf("a socket ended with %d %q", e.Code, e.Reason)
		}
		least, most = min(least, e.wait(0)), max(most, e.wait(0))
	}
	if len(moments) < listening/20 && len(moments) < 500 {
		t.Errorf("%d are to come back at %d moments", listening, len(moments))
	}
	all.expectRight(t)
	t.Logf("%d sockets: not ready after %v, ended after %v, told to come back in %v to %v at %d moments", listening, noticed.Round(time.Millisecond), took.Round(time.Millisecond), least, most, len(moments))
}

func TestStopWithListeners(t *testing.T) {
	t.Parallel()
	stopWithPhones(t, 150)
}

// upgradeUnderLoad stops one of two nodes after the other, and starts it anew, while
// people write and phones listen and come back. It gives the 99th percentile of how long a
// phone that was told to come back was without.
func upgradeUnderLoad(t *testing.T, listening, perSecond int) time.Duration {
	_, natsURL, _ := startNATS(t, 0)
	home := newPlace(t, postgres)
	launchOne := func() *server { return home.start(t, "OMARTY_NATS_URL="+natsURL) }
	var serving atomic.Pointer[[]*server]
	nodes := func() []*server { return *serving.Load() }
	serving.Store(&[]*server{launchOne(), launchOne()})
	first := nodes()[0]
	manager := first.mustArrive(t)
	h := first.mustOpenHouse(t, manager, first.mustArrive(t), first.mustArrive(t), first.mustArrive(t))
	_, stood := first.mustStand(t, manager.token, h.community)
	all := h.mustInvite(t, home, stood, listening)
	came := time.Now()
	all.listen(t, urlsOf(nodes))
	all.waitCaughtUp(t, came, manyTime)
	stop := chat(t, append(h.residents, manager), h.community, perSecond, nodes)
	time.Sleep(time.Second)
	for i := range 2 {
		old := nodes()[i]
		// The proxy in front goes on sending to it while it stops.
		old.mustStop(t)
		stopped := time.Now().UnixNano()
		both := slices.Clone(nodes())
		both[i] = launchOne()
		serving.Store(&both)
		eventually(t, hearTime, "all are back", func() bool {
			return !slices.ContainsFunc(all, func(p *phone) bool {
				back := p.back.Load()
				return back == 0 || *p.at.Load() == old.url && back < stopped // who has not noticed yet
			})
		})
	}
	posted, last := stop()
	all.waitHeard(t, last, hearTime)
	all.expectRight(t)
	if posted != last-stood {
		t.Errorf("%d were posted, and the log has %d", posted, last-stood)
	}
	ended := take(all, endings)
	for _, e := range ended {
		if e.Code != 1012 {
			t.Errorf("a socket ended with %d %q", e.Code, e.Reason)
		}
	}
	without := take(all, gaps)
	if len(without) < listening {
		t.Errorf("only %d of %d had to come back", len(without), listening)
	}
	p99 := percentile(without, 99)
	t.Logf("%d phones, %d messages a second, %d posted: came back %d times, gap p50 %v, p99 %v, most %v",
		listening, perSecond, posted, len(without), percentile(without, 50).Round(time.Millisecond), p99.Round(time.Millisecond), percentile(without, 100).Round(time.Millisecond))
	return p99
}

// Nodes are upgraded one by one while people talk: nothing is lost, and nobody is without
// for long.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	// For a machine that does other things, with the race detector on, it is less strict
	// than what is promised.
	lost, stop := watchStalls()
	defer stop()
	if p99 := upgradeUnderLoad(t, 100, 20); p99 > 3*time.Second+hearTime/4+lost() {
		t.Errorf("p99 of the gaps is %v", p99)
	}
}

// storm is what came of one.
type storm struct {
	// caughtUp is how long it took until the last one had all, and processor how much of that
	// the node that stayed used; turned is how anybody was turned away.
	caughtUp, processor time.Duration
	turned              []ending
	// each is how many statements those who came back took, each of them.
	each float64
	// calm and during are the 99th percentiles of others' talk, on the node that stayed.
	calm, during time.Duration
}

// reasons counts how anybody was turned away.
func reasons(of []ending) map[ending]int {
	counted := map[ending]int{}
	for _, e := range of {
		counted[e]++
	}
	return counted
}

// weather has so many phones, of one address, lose their node, which is killed, while others listen and
// talk on another, and lets them come back to that at once. They are polite where they shall
// not be what slows the others down.
func weather(t *testing.T, away, staying, perSecond int, polite bool) (found storm) {
	const missed = 60
	_, natsURL, _ := startNATS(t, 0)
	home := newPlace(t, postgres)
	dying := home.start(t, "OMARTY_NATS_URL="+natsURL)
	door, address := startProxy(t, home.databaseURL)
	door.mu.Lock()
	door.asked = &statements{}
	door.mu.Unlock()
	far := home
	far.databaseURL = address
	stays := far.start(t, "OMARTY_NATS_URL="+natsURL)

	people := []dweller{stays.mustArrive(t), stays.mustArrive(t), stays.mustArrive(t), stays.mustArrive(t)}
	stormy := stays.mustOpenHouse(t, people[0], people[1:]...)
	_, stood := stays.mustStand(t, people[0].token, stormy.community)
	all := stormy.mustInvite(t, home, stood, away)
	quiet := stays.mustOpenHouse(t, people[0], people[1:]...)
	_, began := stays.mustStand(t, people[0].token, quiet.community)
	others := quiet.mustInvite(t, home, began, staying)
	came := time.Now()
	others.listen(t, func() []string { return []string{stays.url} })
	others.waitCaughtUp(t, came, manyTime)

	came = time.Now()
	crowd := mustGather(t, all, polite, dying.url)
	crowd.must(t, order{CaughtUp: came.UnixNano()})

	onStays := func() []*server { return []*server{stays} }
	stop := chat(t, people, quiet.community, perSecond, onStays)
	measure := func(until func()) (p99 time.Duration, asked int64) {
		take(others, lags)
		at := door.asked.count.Load()
		until()
		asked = door.asked.count.Load() - at
		return percentile(take(others, lags), 99), asked
	}
	crowd.must(t, order{Nodes: []string{}})
	dying.mustKill(t)
	stays.mustChat(t, people[0], stormy.community, missed)
	_, last := stays.mustStand(t, people[0].token, stormy.community)
	const calmTime = 3 * time.Second
	var calmAsked, asked int64
	found.calm, calmAsked = measure(func() { time.Sleep(calmTime) })

	back, used := time.Now(), processTime(stays.pid)
	found.during, asked = measure(func() {
		crowd.must(t, order{Nodes: []string{stays.url}})
		report := crowd.must(t, order{CaughtUp: back.UnixNano()})
		found.caughtUp, found.turned = report.Took, report.Turned
		found.processor = processTime(stays.pid) - used
	})
	crowd.must(t, order{Heard: int64(last)})
	_, end := stop()
	others.waitHeard(t, end, hearTime)
	others.expectRight(t)
	if lost := take(others, endings); len(lost) > 0 {
		t.Errorf("those who stayed lost their sockets: %v", lost[0])
	}
	meanwhile := float64(calmAsked) * float64(found.caughtUp) / float64(calmTime)
	found.each = (float64(asked) - meanwhile) / float64(away)
	t.Logf("%d phones of one address came back at once, each missed %d: all have caught up after %v, for which the node took %v of the processor, turned away: %v; %d statements, of which %.0f would have been asked anyway: %.2f each; talk of others p99 %v, undisturbed %v",
		away, missed, found.caughtUp.Round(time.Millisecond), found.processor, reasons(found.turned), asked, meanwhile, found.each, found.during.Round(100*time.Microsecond), found.calm.Round(100*time.Microsecond))
	return found
}

// Those who lose their node come back to another one at once, from one address, with few
// statements each.
func TestStorm(t *testing.T) {
	t.Parallel()
	found := weather(t, 200, 20, 4, false)
	if found.each > 3 {
		t.Errorf("%.2f statements each", found.each)
	}
	for of, times := range reasons(found.turned) {
		if of.Code != 4408 { // that of a phone whose machine has no time for it
			t.Errorf("somebody was turned away %d times: %v", times, of)
		}
	}
}

// processTime gives how much of the processor a process has used; 0 where that is not told.
func processTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// Behind the name, which is in brackets; in hundredths of a second.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
