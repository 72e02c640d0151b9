package live

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"
)

var restart = regexp.MustCompile(`^1012 retry-after-ms=(\d+)$`)

func TestDrain(t *testing.T) {
	s, _ := newServer(executor{"endless": endless})
	h := serve(t, s)
	var clients []*client
	for range 20 {
		c := dial(t, h).open("")
		c.say(`{"id":"1","type":"subscribe","payload":{"query":"subscription { endless }"}}`)
		c.frame(ws.NewPingFrame(nil))
		c.hear("pong ")
		clients = append(clients, c)
	}
	_, all := events(t, h, "GET", "subscription { endless }")
	eventually(t, "the subscriptions run", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.open {
			if c, ok := c.(*stream); ok {
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.subscription
			}
		}
		return false
	})
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.Drain(t.Context())
	}()
	when := map[string]bool{}
	for _, c := range clients {
		last := c.next()
		found := restart.FindStringSubmatch(last)
		if found == nil {
			t.Fatalf("heard %s", last)
		}
		if ms, _ := strconv.Atoi(found[1]); ms < 500 || ms > 2000 {
			t.Errorf("to come back after %d ms", ms)
		}
		when[found[1]] = true
		c.bye()
	}
	if len(when) < 10 {
		t.Errorf("20 clients come back at %d moments", len(when))
	}
	expect(t, all, `next {"errors":[{"message":"The server is about to stop; come back in a moment.","extensions":{"code":"UNAVAILABLE"}}]}`, "complete", "")
	<-drained
	if _, status := tryDial(t, h, "Sec-WebSocket-Protocol", subprotocol); status != http.StatusServiceUnavailable {
		t.Errorf("a new socket: %d", status)
	}
	response, err := h.Client().Get(h.URL)
	if err == nil {
		defer response.Body.Close()
	}
	if err != nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("a new stream: %v, %v", response, err)
	}
}

// Many connections end one after the other, within a few seconds.
func TestDrainOfManyTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(nil)
		var clients sync.WaitGroup
		for range 6000 {
			c := pipe(t, s)
			clients.Go(func() { c.next(); c.bye() })
		}
		start := time.Now()
		s.Drain(t.Context())
		if took := time.Since(start); took < 2*time.Second || took > 4*time.Second {
			t.Errorf("6,000 sockets took %v", took)
		}
		clients.Wait()
	})
}

// What is under way is answered before its socket closes; what comes later is
// refused.
func TestDrainAnswersWhatIsUnderWay(t *testing.T) {
	started, release := make(chan struct{}, 2), make(chan struct{})
	s, _ := newServer(executor{"endless": endless, "slow": func(context.Context) graphql.ResponseHandler {
		return graphql.OneShot(func() *graphql.Response {
			started <- struct{}{}
			<-release
			return &graphql.Response{Data: []byte(`{}`)}
		}())
	}})
	h := serve(t, s)
	c := dial(t, h).open("")
	c.say(`{"id":"1","type":"subscribe","payload":{"query":"mutation { slow }"}}`)
	_, all := events(t, h, "POST", "mutation { slow }")
	<-started
	<-started
	go s.Drain(t.Context())
	eventually(t, "the socket is about to leave", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for one := range s.open {
			switch one := one.(type) {
			case *socket:
				one.mu.Lock()
				leaving := one.leaving
				one.mu.Unlock()
				if !leaving {
					return false
				}
			case *stream:
				one.mu.Lock()
				leaving := one.leaving
				one.mu.Unlock()
				if !leaving {
					return false
				}
			}
		}
		return s.draining
	})
	c.say(`{"id":"2","type":"subscribe","payload":{"query":"subscription { endless }"}}`)
	c.hear(`{"type":"error","id":"2","payload":[{"message":"The server is about to stop; come back in a moment.","extensions":{"code":"UNAVAILABLE"}}]}`)
	close(release)
	c.hear(`{"type":"next","id":"1","payload":{"data":{}}}`, `{"type":"complete","id":"1"}`)
	if last := c.next(); !restart.MatchString(last) {
		t.Errorf("heard %s", last)
	}
	c.bye()
	expect(t, all, `next {"data":{}}`, "complete", "")
}

// What does not go is cut when there is no more time.
func TestDrainCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(nil)
		c := pipe(t, s).open("")
		c.say(fmt.Sprintf(`{"type":"ping","payload":{"x":%q}}`, "never read"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		s.Drain(ctx)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		if n := s.connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}
