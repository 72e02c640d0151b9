package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// liar is a server of one room that says what it is told to about each entry.
type liar struct {
	// says gives the numbers that listeners are sent when an entry is written.
	says func(seq int) []int

	mu      sync.Mutex
	seq     int
	keys    map[string]int
	refuse  int // how many sends are UNAVAILABLE
	sockets []chan string
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		l.post(w, r)
		return
	}
	conn, _, _, err := ws.HTTPUpgrader{Protocol: func(string) bool { return true }}.Upgrade(r, w)
	if err != nil {
		return
	}
	go func() {
		defer conn.Close()
		for {
			text, err := wsutil.ReadClientText(conn)
			if err != nil {
				return
			}
			if strings.Contains(string(text), "connection_init") {
				_ = wsutil.WriteServerText(conn, []byte(`{"type":"connection_ack"}`))
				continue
			}
			coming := make(chan string, 1000)
			l.mu.Lock()
			l.sockets = append(l.sockets, coming)
			coming <- fmt.Sprintf(`{"type":"next","id":"1","payload":{"data":{"roomEvents":{"position":%d}}}}`, l.seq)
			l.mu.Unlock()
			go func() {
				for text := range coming {
					_ = ws.WriteFrame(conn, ws.NewPingFrame(nil))
					_ = wsutil.WriteServerText(conn, []byte(text))
				}
			}()
		}
	}()
}

func (l *liar) post(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Variables struct{ Input struct{ Key, Text string } }
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	in := body.Variables.Input
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse > 0 {
		l.refuse--
		fmt.Fprint(w, `{"data":null,"errors":[{"message":"Not now.","extensions":{"code":"UNAVAILABLE"}}]}`)
		return
	}
	if l.keys[in.Key] == 0 {
		l.seq++
		l.keys[in.Key] = l.seq
		for _, seq := range l.says(l.seq) {
			text := fmt.Sprintf(`{"payload":{"data":{"roomEvents":{"seq":%d,"message":{"text":%q}}}},"id":"1","type":"next"}`, seq, in.Text)
			for _, coming := range l.sockets {
				coming <- text
			}
		}
	}
	fmt.Fprintf(w, `{"data":{"sendMessage":{"message":{"seq":%d}}}}`, l.keys[in.Key])
}

// meet opens a crowd at a server that lies.
func meet(t *testing.T, l *liar, listeners int) *Crowd {
	t.Helper()
	l.keys = map[string]int{}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	crowd, err := Gather(t.Context(), &Place{
		Server: server.URL, Rooms: []Room{{ID: "room", Publishers: []int{0}}}, Publishers: []string{"p"}, Listeners: []string{"l"},
	}, Gathering{Listeners: listeners})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(crowd.Close)
	return crowd
}

func truth(seq int) []int { return []int{seq} }

func TestMeasuresWhatIsHeard(t *testing.T) {
	t.Parallel()
	l := &liar{says: truth}
	crowd := meet(t, l, 3)
	var m Measured
	for long := 500 * time.Millisecond; m.Sent < 10 && long < time.Minute; long *= 2 { // as a busy machine needs
		var err error
		if m, err = crowd.Measure(t.Context(), Talk{InFlight: 4, Rate: 200, Text: 100}, 50*time.Millisecond, long, Process(0)); err != nil {
			t.Fatal(err)
		}
	}
	if m.Sent < 10 || m.Heard < 2*m.Sent || m.Delivered.Count() == 0 || m.Delivered.Quantile(0.5) > 10*time.Second || m.Acknowledged.Count() == 0 {
		t.Errorf("%d sent, %d heard, p50 %v", m.Sent, m.Heard, m.Delivered.Quantile(0.5))
	}
	if got, want := crowd.Heard(), int64(3*l.seq); got != want {
		t.Errorf("%d entries were heard, of %d", got, want)
	}
}

// With no rate, no more is under way than may be: a message whose listeners have it
// makes room for the next.
func TestFlatOut(t *testing.T) {
	t.Parallel()
	crowd := meet(t, &liar{says: truth}, 5)
	if err := crowd.Speak(t.Context(), Talk{InFlight: 2, Text: 10}, 300); err != nil {
		t.Fatal(err)
	}
	if got := crowd.Heard(); got != 5*300 {
		t.Errorf("%d entries were heard, of %d", got, 5*300)
	}
}

func TestFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says func(seq int) []int
		want string
	}{
		"lost":    {func(seq int) []int { return map[bool][]int{true: {seq}}[seq != 5] }, "entry 4 was followed by 6"},
		"doubled": {func(seq int) []int { return map[bool][]int{true: {seq}, false: {seq, seq}}[seq != 5] }, "entry 5 was followed by 5"},
		"out of order": {func(seq int) []int {
			switch seq {
			case 5:
				return nil
			case 6:
				return []int{6, 5}
			}
			return truth(seq)
		}, "entry 4 was followed by 6"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crowd := meet(t, &liar{says: c.says}, 2)
			if err := crowd.Speak(t.Context(), Talk{InFlight: 1, Rate: 1000, Text: 10}, 10); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// The last entry that was acknowledged has to come, too.
func TestFindsWhatNeverComes(t *testing.T) {
	t.Parallel()
	crowd := meet(t, &liar{says: func(seq int) []int { return map[bool][]int{true: {seq}}[seq != 10] }}, 2)
	s, err := crowd.speakers(t.Context(), Talk{InFlight: 1, Rate: 1000, Text: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := s.run(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := crowd.Settle(ctx); err == nil || !strings.Contains(err.Error(), "2 listeners miss up to 1 entries") {
		t.Errorf("%v", err)
	}
}

func TestSendsAgainWhatCouldNotBeTaken(t *testing.T) {
	t.Parallel()
	l := &liar{says: truth, refuse: 2}
	crowd := meet(t, l, 1)
	if err := crowd.Speak(t.Context(), Talk{InFlight: 1, Rate: 1000, Text: 10}, 5); err != nil || l.seq != 5 {
		t.Errorf("%d, %v", l.seq, err)
	}
}

func TestRefusalsAreInWords(t *testing.T) {
	t.Parallel()
	err := read([]byte(`{"data":null,"errors":[{"message":"m","extensions":{"code":"RATE_LIMITED","retryAfter":7}}]}`), nil)
	if err == nil || !strings.Contains(err.Error(), "OMARTY_RATE_LIMITS=off") || !strings.Contains(err.Error(), "7 s") {
		t.Errorf("%v", err)
	}
}
