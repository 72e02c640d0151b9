package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demo is a running demo, with what its first screen tells.
type demo struct {
	*server
	temporary string // the folder that its own is in
	password  string
	logins    []string
	document  string // the subscription
}

var (
	demoPassword     = regexp.MustCompile(`(?m)password is .*: (.+)$`)
	demoLogin        = regexp.MustCompile(`(?m)^  (\S+@example\.com|\+20[\d ]+\d)  `)
	demoSubscription = regexp.MustCompile(`(?ms)^subscription .*?^}$`)
)

// startDemo starts a demo and reads its first screen.
func startDemo(t *testing.T, env ...string) demo {
	t.Helper()
	d := demo{temporary: t.TempDir()}
	p := newPlace(t, sqlite)
	p.command = "demo"
	d.server = p.start(t, append(env, "TMPDIR="+d.temporary)...)
	screen := d.out.String()
	password, document := demoPassword.FindStringSubmatch(screen), demoSubscription.FindString(screen)
	for _, match := range demoLogin.FindAllStringSubmatch(screen, -1) {
		d.logins = append(d.logins, match[1])
	}
	if password == nil || document == "" || len(d.logins) < 3 {
		t.Fatalf("the screen does not tell how to look around:\n%s", screen)
	}
	d.password, d.document = password[1], document
	return d
}

// folders gives what the demo has in the temporary folder.
func (d demo) folders(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(d.temporary, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDemo(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	if found := d.folders(t); len(found) != 1 {
		t.Fatalf("in the temporary folder there is %v", found)
	}
	if _, err := os.Stat(d.dataDir); err == nil {
		t.Error("the demo made the data folder")
	}

	buildings := map[string]bool{}
	statuses, kinds := map[string]bool{}, map[string]bool{}
	both := 0
	for _, login := range d.logins {
		token := d.mustLogIn(t, login, d.password).token
		r := d.run(t, token, `{ viewer { memberships { status role building { id name } apartments { number } } rooms { nodes { id kind building { id } } } } }`, nil).mustSucceed(t)
		memberships := at[[]any](t, r, "viewer.memberships")
		if len(memberships) == 2 {
			both++
		}
		active := 0
		for _, m := range memberships {
			m := m.(map[string]any)
			buildings[m["building"].(map[string]any)["name"].(string)] = true
			statuses[m["status"].(string)+" "+m["role"].(string)] = true
			if m["status"] == "ACTIVE" {
				active++
			}
		}
		ofBuildings := 0
		for _, room := range at[[]any](t, r, "viewer.rooms.nodes") {
			room := room.(map[string]any)
			kinds[room["kind"].(string)] = true
			if room["kind"] == "GROUP" || room["kind"] == "DIRECT" {
				continue
			}
			ofBuildings++
			d.expectWeek(t, token, room["id"].(string), room["kind"] == "COMMUNITY")
		}
		if len(memberships) == 0 || ofBuildings != 2*active {
			t.Errorf("%s has %d memberships, %d of them active, and %d rooms of buildings", login, len(memberships), active, ofBuildings)
		}
	}
	if !kinds["GROUP"] {
		t.Errorf("there are rooms of the kinds %v", kinds)
	}
	if len(buildings) != 2 || both != 1 || !statuses["ACTIVE MANAGER"] || !statuses["ACTIVE RESIDENT"] || !statuses["PENDING RESIDENT"] {
		t.Errorf("people of %v, %d in both, who are %v", buildings, both, statuses)
	}

	token := d.mustLogIn(t, d.logins[0], d.password).token
	d.expectDeeds(t, token)
	d.expectTalk(t, token)
	d.signal(t, syscall.SIGTERM)
	if status, err := d.waitExit(); err != nil || status != 0 {
		t.Errorf("the demo ended with status %d, %v", status, err)
	}
	if found := d.folders(t); len(found) > 0 {
		t.Errorf("the demo left %v", found)
	}
}

// expectWeek demands messages of the past days in a room, in the order of their times.
func (d demo) expectWeek(t *testing.T, token, room string, community bool) {
	t.Helper()
	const document = `query ($room: ID!, $after: Cursor) { room(id: $room) { messages(first: 100, after: $after) {
		nodes { seq createdAt text author { name } apartment { number } } pageInfo { hasNextPage endCursor } } } }`
	var times []time.Time
	fromHome := 0
	arabic, latin := regexp.MustCompile(`\p{Arabic}{3}`), regexp.MustCompile(`\p{Latin}{3}`)
	inArabic, inLatin := 0, 0
	for after := any(nil); ; {
		r := d.run(t, token, document, variables{"room": room, "after": after}).mustSucceed(t)
		for _, m := range at[[]any](t, r, "room.messages.nodes") {
			m := m.(map[string]any)
			created, err := time.Parse(time.RFC3339Nano, m["createdAt"].(string))
			if err != nil {
				t.Fatal(err)
			}
			times = append(times, created)
			if m["apartment"] != nil {
				fromHome++
			}
			if text := m["text"].(string); arabic.MatchString(text) {
				inArabic++
			} else if latin.MatchString(text) {
				inLatin++
			}
		}
		if !at[bool](t, r, "room.messages.pageInfo.hasNextPage") {
			break
		}
		after = r.lookup("room.messages.pageInfo.endCursor")
	}
	if !slices.IsSortedFunc(times, time.Time.Compare) || times[len(times)-1].After(time.Now()) {
		t.Errorf("the times of room %s do not ascend to now: %v", room, times)
	}
	if span := time.Since(times[0]); span < 3*24*time.Hour || span > 8*24*time.Hour {
		t.Errorf("room %s begins %v ago", room, span)
	}
	if community && (len(times) < 70 || fromHome < 10 || inArabic < 20 || inLatin < 10) {
		t.Errorf("room %s has %d messages, %d of them from apartments, %d in Arabic and %d in English", room, len(times), fromHome, inArabic, inLatin)
	}
}

// expectDeeds demands what people did in a house's rooms beside writing, as one reads it
// who manages the house.
func (d demo) expectDeeds(t *testing.T, token string) {
	t.Helper()
	r := d.run(t, token, `query { viewer { rooms(first: 10) { nodes { pinnedMessages { id } first: messages(first: 100) { nodes { ...had } } last: messages(last: 100) { nodes { ...had } } } } } }
		fragment had on Message { replyTo { id } reactions { count } mentions { length } editedAt deletedAt poll { voterCount } notice { acknowledgedCount } }`, nil).mustSucceed(t)
	seen := map[string]bool{}
	for _, room := range at[[]any](t, r, "viewer.rooms.nodes") {
		room := room.(map[string]any)
		if len(room["pinnedMessages"].([]any)) > 0 {
			seen["pinned"] = true
		}
		for _, m := range slices.Concat(at[[]any](t, result{data: room}, "first.nodes"), at[[]any](t, result{data: room}, "last.nodes")) {
			for name, value := range m.(map[string]any) {
				switch value := value.(type) {
				case nil:
				case []any:
					seen[name] = seen[name] || len(value) > 0
				case map[string]any:
					for _, n := range value { // an id, or a count
						seen[name] = seen[name] || n != 0.
					}
				default:
					seen[name] = true
				}
			}
		}
	}
	for _, what := range []string{"pinned", "replyTo", "reactions", "mentions", "editedAt", "deletedAt", "poll", "notice"} {
		if !seen[what] {
			t.Errorf("the demo shows nothing of: %s", what)
		}
	}
}

// expectTalk runs the subscription of the screen, and demands that something moves.
func (d demo) expectTalk(t *testing.T, token string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), httpClient.Timeout) // a few pauses
	defer cancel()
	body, err := json.Marshal(map[string]any{"query": d.document})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var seqs []float64
	for lines := bufio.NewScanner(response.Body); len(seqs) < 2; {
		if !lines.Scan() {
			t.Fatalf("after %v nothing more is said: %v", seqs, lines.Err())
		}
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok || strings.TrimSpace(data) == "" {
			continue
		}
		r, err := answer{body: []byte(data)}.result()
		if err != nil || len(r.errors) > 0 {
			t.Fatalf("the stream gives %s", data)
		}
		if at[string](t, r, "messagePosted.message.text") == "" || at[string](t, r, "messagePosted.actor.name") == "" {
			t.Errorf("nobody says nothing: %s", data)
		}
		seqs = append(seqs, at[float64](t, r, "messagePosted.seq"))
	}
	if seqs[1] != seqs[0]+1 {
		t.Errorf("the log goes %v", seqs)
	}
}

// A demo writes into nobody's database, and says so before it makes anything.
func TestDemoTakesNoDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, c := range []struct{ env, argument string }{
		{"OMARTY_DATABASE_URL=sqlite:" + filepath.Join(folder, "real.db"), "--log=info"},
		{"OMARTY_LOG=info", "--database-url=sqlite:" + filepath.Join(folder, "real.db")},
	} {
		r := runProgram(t, folder, []string{"OMARTY_LISTEN=127.0.0.1:0", "TMPDIR=" + folder, c.env}, "demo", c.argument)
		if r.status != 1 || !strings.HasPrefix(r.log, "omarty-chat: OMARTY_DATABASE_URL: ") || strings.Count(r.log, "\n") != 1 || r.out != "" {
			t.Errorf("%v: status %d: %s%s", c, r.status, r.out, r.log)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// Ctrl-C while it is furnished, or listens in vain, leaves nothing either.
func TestDemoThatIsCutShort(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	r := runProgram(t, folder, []string{"OMARTY_LISTEN=192.0.2.1:0", "TMPDIR=" + folder}, "demo")
	if r.status != 1 || !strings.Contains(r.log, "OMARTY_LISTEN: ") {
		t.Errorf("it cannot listen, and ends with status %d: %s", r.status, r.log)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it cannot listen, and left %v, %v", left, err)
	}

	early := demo{temporary: t.TempDir()}
	p := newPlace(t, sqlite)
	p.command = "demo"
	s, err := begin(p, []string{"TMPDIR=" + early.temporary})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, startTime, "it makes its folder", func() bool { return len(early.folders(t)) > 0 })
	s.signal(t, os.Interrupt)
	if status, err := s.waitExit(); err != nil || status != 0 {
		t.Errorf("told to stop early, it ended with status %d, %v: %s", status, err, s.log)
	}
	if found := early.folders(t); len(found) > 0 {
		t.Errorf("told to stop early, it left %v", found)
	}
}

func TestDemoInJSON(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqlite)
	p.command = "demo"
	s := p.start(t, "OMARTY_LOG=json")
	eventually(t, startTime, "it tells of its people", func() bool { return strings.Contains(s.out.String(), "mona@example.com") })
	s.mustStop(t)
	for line := range strings.Lines(s.out.String() + s.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}
