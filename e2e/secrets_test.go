package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/jackc/pgx/v5"
)

// marks are texts that stand nowhere else, by what they are. Each is a secret of
// somebody who uses the service, or of whoever runs it.
type marks map[string]string

func newMarks() marks {
	m := marks{}
	for _, what := range []string{"password", "wrong password", "new password", "form password", "false token", "false code", "false mail code", "message", "edit", "search"} {
		m[what] = secret("Marked-" + rand.Text())
	}
	m["e-mail"] = secret(strings.ToLower("marked." + rand.Text() + "@example.com"))
	m["form e-mail"] = secret(strings.ToLower("marked." + rand.Text() + "@example.com"))
	digits := strings.Map(func(r rune) rune {
		if r < '2' || r > '7' {
			return '0' + r%10
		}
		return r
	}, rand.Text())
	m["phone"], m["form phone"] = "10"+digits[:8], "10"+digits[8:16]
	return m
}

// in tells which of the marks stand in a text, but for those that may.
func (m marks) in(text []byte, but ...string) (found []string) {
	lower := bytes.ToLower(text)
	for what, mark := range m {
		if bytes.Contains(lower, []byte(strings.ToLower(mark))) && !contains(but, what) {
			found = append(found, what)
		}
	}
	return found
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// expectNone demands that a place has none of the marks.
func (m marks) expectNone(t *testing.T, where string, text []byte, but ...string) {
	t.Helper()
	if found := m.in(text, but...); len(found) > 0 {
		t.Errorf("%s has %q:\n%s", where, found, clip(string(text), 2000))
	}
}

// What is secret goes in by every door, in requests that succeed, fail and are none, and
// is afterwards in no log, measure, profile, list of processes, error or dump of a crash;
// and in the database only as a hash where it opens something.
func TestSecretsAreNowhereElse(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		m := newMarks()
		home := newPlace(t, e)
		for _, what := range []string{"installation's key", "mail server's password", "gateway's password", "gateway's key", "gateway's address"} {
			m[what] = secret("Marked-setting-" + rand.Text())
		}
		traces := collectTraces(t)
		s, err := launch(home, []string{
			"OMARTY_LOG=debug,text", "OMARTY_ADMIN_LISTEN=127.0.0.1:0", "OMARTY_RATE_LIMITS=off", "OMARTY_SECRET=" + m["installation's key"],
			// Neither answers, so that letters wait, and what goes wrong is told.
			"OMARTY_MAIL_URL=smtp://omarty:" + m["mail server's password"] + "@127.0.0.1:1?tls=none", "OMARTY_MAIL_FROM=omarty@example.com",
			// And traces of it all go somewhere.
			"OTEL_EXPORTER_OTLP_ENDPOINT=" + traces.url, "OTEL_BSP_SCHEDULE_DELAY=100",
			"OMARTY_PHONE_URL=http://omarty:" + m["gateway's password"] + "@127.0.0.1:1/" + m["gateway's address"], "OMARTY_PHONE_SECRET=" + m["gateway's key"],
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.command.Process.Kill(); <-s.exited })
		admin := s.admin(t)

		h := s.mustLiveWith(t, m)
		s.askAmiss(t, m, h)
		s.speakAmiss(t, m)
		eventually(t, hearTime, "it is told that letters wait", func() bool { return strings.Contains(s.log.String(), "a letter cannot be sent") })

		// While a client listens, and another has sent half of a request.
		s.openSocket(t, m["token"]).subscribe(t, followDocument, from(h.community, 0)).expect(t, "1 MEMBER_JOINED")
		s.openEvents(t, m["token"], followDocument, from(h.community, 0)).expect(t, "1 MEMBER_JOINED")
		half := s.mustBegin(t, "/graphql", "application/json", []byte(`{"query": "{ viewer { id } }", "variables": {"password": "`+m["password"]+`"}}`))
		if _, err := half.conn.Write(half.body[:len(half.body)-2]); err != nil {
			t.Fatal(err)
		}

		for _, path := range []string{
			"/metrics", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1", "/debug/pprof/goroutine?debug=2", "/debug/pprof/goroutine",
			"/debug/pprof/heap?debug=1", "/debug/pprof/heap", "/debug/pprof/allocs", "/debug/pprof/block?debug=1", "/debug/pprof/mutex?debug=1",
			"/debug/pprof/threadcreate?debug=1", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=1",
		} {
			a := admin.get(t, path)
			if a.status != http.StatusOK {
				t.Errorf("%s: got %v", path, a)
			}
			m.expectNone(t, path, unpacked(t, a.body))
		}
		if runtime.GOOS == "linux" {
			for _, file := range []string{"cmdline", "comm", "status"} {
				text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.pid, file))
				if err != nil {
					t.Fatal(err)
				}
				m.expectNone(t, "the process's "+file, text)
			}
		}

		eventually(t, hearTime, "what was asked last is in a trace", func() bool {
			return traces.find(func(sp traced) bool { return sp.name == "Subscription.roomEvents" }).name != "" && traces.find(func(sp traced) bool { return sp.name == "Mutation.sendMessage" }).name != ""
		})
		m.expectNone(t, "the traces", traces.sent())

		// The worst that can happen tells of functions, and not of what they work on.
		s.signal(t, syscall.SIGQUIT)
		if _, err := s.waitExit(); err != nil {
			t.Fatal(err)
		}
		if log := s.log.String(); !strings.Contains(log, "SIGQUIT") || !strings.Contains(log, "pattern=/graphql") {
			t.Errorf("the log tells of no requests, or of no crash: %s", clip(log, 2000))
		}
		m.expectNone(t, "the log", []byte(s.log.String()))
		m.expectNone(t, "the output", []byte(s.out.String()))

		// What people wrote is in the database; what opens an account is not.
		mine := []string{"e-mail", "form e-mail", "phone", "form phone", "message", "edit"}
		stored := home.dump(t)
		if len(m.in(stored)) != len(mine) {
			t.Errorf("the dump of the database has %q; want %q, or it is no dump", m.in(stored), mine)
		}
		m.expectNone(t, "the database", stored, mine...)
		for _, words := range []string{"Your code to set a new password", "Your verification code", "give the code to nobody"} {
			if bytes.Contains(stored, []byte(words)) {
				t.Errorf("the database has a letter that waits, as it will be read: %s", words)
			}
		}
		for _, what := range []string{"token", "password", "form password"} {
			if strings.Contains(string(stored), strings.TrimPrefix(m[what], "Marked-")) {
				t.Errorf("the database has a part of the %s", what)
			}
		}
	})
}

// mustLiveWith lets a person with the marks register, talk and change what can be
// changed, and adds the tokens that were given.
func (s *server) mustLiveWith(t *testing.T, m marks) *house {
	t.Helper()
	manager := s.mustArrive(t)
	h := s.mustOpenHouse(t, manager, s.mustArrive(t))
	first := stranger()
	first.email, first.phone, first.password = m["form e-mail"], "0"+m["form phone"], m["form password"]
	if a := s.postForm(t, first.form().Encode()); string(a.body) != formRegistered {
		t.Fatalf("the form: got %v", a)
	}
	me := stranger()
	me.email, me.phone, me.password = m["e-mail"], "0"+m["phone"], m["password"]
	s.register(t, me.input()).mustSucceed(t)
	m["token"] = s.mustLogIn(t, me.phone, me.password).token
	m["other token"] = s.mustLogIn(t, me.email, me.password).token
	m["managing token"] = manager.token
	s.run(t, m["token"], `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }`, variables{"code": h.openCode}).mustSucceed(t)
	sent := s.send(t, m["token"], variables{"room": h.community, "key": newKey(), "text": m["message"]}).mustSucceed(t)
	for _, step := range []struct {
		document string
		v        variables
	}{
		{`mutation($m: ID!, $text: String!) { editMessage(input: {message: $m, text: $text}) { message { id } } }`, variables{"m": at[string](t, sent, "sendMessage.message.id"), "text": m["edit"]}},
		{`query($text: String!) { viewer { searchMessages(text: $text, first: 1) { nodes { message { id } } } } }`, variables{"text": m["search"]}},
		{`mutation($old: String!, $new: String!) { changePassword(input: {currentPassword: $old, newPassword: $new}) { viewer { id } } }`, variables{"old": m["password"], "new": m["new password"]}},
		{`mutation { requestVerification(contact: EMAIL) { expiresAt } }`, nil},
		{`mutation { requestVerification(contact: PHONE) { expiresAt } }`, nil},
		{`mutation($login: String!) { requestPasswordReset(login: $login) { expiresAt } }`, variables{"login": me.email}},
		{`mutation { logOut { sessionId } }`, nil},
	} {
		r := s.run(t, m["token"], step.document, step.v)
		if r.code() != "" && !strings.Contains(step.document, "search") {
			t.Fatalf("%s: got %v", step.document, r)
		}
	}
	m["token"] = s.mustLogIn(t, me.phone, m["new password"]).token
	return h
}

// askAmiss asks in every way that fails, with the marks wherever a request has room for
// them, and demands that no answer repeats them.
func (s *server) askAmiss(t *testing.T, m marks, h *house) {
	t.Helper()
	all := ""
	for _, mark := range m {
		all += " " + mark
	}
	word := strings.ReplaceAll(strings.ReplaceAll(m["false token"], "-", "_"), "@", "_")
	quoted, _ := json.Marshal(all)
	inURL := url.QueryEscape(all)
	for name, document := range map[string]string{
		"a field":       `{ ` + word + ` }`,
		"an argument":   `{ node(` + word + `: 1) { id } }`,
		"a directive":   `{ viewer @` + word + ` { id } }`,
		"a fragment":    `{ ...` + word + ` }`,
		"a type":        `query($x: ` + word + `) { viewer { id } }`,
		"a variable":    `{ node(id: $` + word + `) { id } }`,
		"an enum":       `mutation { logIn(input: ` + word + `) { token } }`,
		"an id":         `{ node(id: ` + string(quoted) + `) { id } }`,
		"an input":      `mutation { logIn(input: {login: ` + string(quoted) + `, password: ` + string(quoted) + `, ` + word + `: 1}) { token } }`,
		"no string":     `{ node(id: "` + all,
		"no document":   all,
		"a comment":     `# ` + all,
		"a log-in":      `mutation { logIn(input: {login: "` + m["e-mail"] + `", password: "` + m["wrong password"] + `"}) { token } }`,
		"a short log":   `mutation { logIn(input: {login: "0` + m["phone"] + `", password: "` + m["wrong password"] + `"}) { token } }`,
		"registered":    `mutation { register(input: {phone: "0` + m["phone"] + `", email: "` + m["e-mail"] + `", password: "` + m["password"] + `", confirmPassword: "` + m["password"] + `", name: "N"}) { user { id } } }`,
		"a code":        `mutation { joinBuilding(input: {code: "` + m["false code"] + `"}) { membership { id } } }`,
		"a verifying":   `mutation { verify(input: {kind: EMAIL, code: "` + m["false mail code"] + `"}) { viewer { id } } }`,
		"a reset":       `mutation { resetPassword(input: {login: "` + m["e-mail"] + `", code: "` + m["false mail code"] + `", newPassword: "` + m["wrong password"] + `"}) { viewer { id } } }`,
		"a cursor":      `{ viewer { memberships(first: 1, after: ` + string(quoted) + `) { nodes { id } } } }`,
		"a room":        `mutation { sendMessage(input: {room: ` + string(quoted) + `, key: ` + string(quoted) + `, text: ` + string(quoted) + `}) { message { id } } }`,
		"a long text":   `mutation { sendMessage(input: {room: "` + h.community + `", key: "k", text: "` + strings.Repeat(m["message"]+" ", 200) + `"}) { message { id } } }`,
		"two passwords": `mutation { changePassword(input: {currentPassword: "` + m["wrong password"] + `", newPassword: "` + m["wrong password"] + `"}) { viewer { id } } }`,
	} {
		for _, token := range []string{m["token"], m["false token"]} {
			r := s.run(t, token, document, variables{word: all, "x": all})
			if len(r.errors) == 0 && name != "an id" { // which nothing has
				t.Errorf("%s: succeeded: %v", name, r)
			}
			m.expectNone(t, name, r.body)
			over := s.openEventsAs(t, token, document, nil, false).hear(t)
			m.expectNone(t, name+" over events", over.payload)
		}
		a := s.get(t, "/graphql?query="+url.QueryEscape(document)+"&operationName="+inURL+"&variables="+url.QueryEscape(`{"a":`+string(quoted)+`}`)+"&t="+url.QueryEscape(m["token"])+"&token="+inURL)
		m.expectNone(t, name+" by GET", a.body)
		c := s.openSocket(t, m["token"])
		m.expectNone(t, name+" on a socket", c.subscribe(t, document, variables{word: all}).hear(t).payload)
	}
	for name, body := range map[string]string{
		"no JSON": all, "half JSON": `{"query": ` + string(quoted), "a wrong type": `{"query": [` + string(quoted) + `]}`, "wrong variables": `{"query": "{viewer{id}}", "variables": ` + string(quoted) + `}`,
		"a name": `{"query": "query A {viewer{id}}", "operationName": ` + string(quoted) + `}`, "unknown": `{` + string(quoted) + `: 1}`,
		"persisted": `{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": ` + string(quoted) + `}}}`, "too much": strings.Repeat(all, 9000),
	} {
		for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "multipart/form-data; boundary=" + m["false token"], m["false token"] + "/" + m["password"], "text/plain"} {
			a := s.post(t, body, "Content-Type", contentType, "GraphQL-Require-Preflight", "1")
			m.expectNone(t, name+" as "+contentType, a.body)
			// The form repeats what is no address or number, as is documented of it.
			f := s.do(t, http.MethodPost, formPath, strings.NewReader(body), "Content-Type", contentType)
			m.expectNone(t, "the form, "+name+" as "+contentType, f.body)
		}
	}
	for _, form := range []url.Values{
		{"pnum": {"0" + m["form phone"]}, "email": {m["form e-mail"]}, "password": {m["form password"]}, "confirmPassword": {m["form password"]}, "name": {"N"}},
		{"pnum": {"0" + m["phone"]}, "email": {"n@example.com"}, "password": {m["password"]}, "confirmPassword": {m["wrong password"]}, "name": {"N"}},
		{"pnum": {"1"}, "email": {"x"}, "password": {m["password"], m["wrong password"]}, m["password"]: {m["password"]}},
	} {
		m.expectNone(t, "the form", s.postForm(t, form.Encode()).body)
		m.expectNone(t, "the form by GET", s.get(t, formPath+"?"+form.Encode()).body)
	}
	for _, path := range []string{"/" + m["token"], "/playground/" + m["token"], "/playground/assets/" + m["password"], "/playground?t=" + inURL, "/graphql/" + m["token"], "/files/" + m["token"] + "?t=" + inURL, formPath + m["password"], "/?" + inURL} {
		for _, method := range []string{http.MethodGet, http.MethodPost, strings.ReplaceAll(m["password"], "-", "")} {
			a := s.do(t, method, path, strings.NewReader(all), "Authorization", "Bearer "+m["token"], "Cookie", "session="+m["token"], "User-Agent", all,
				"Referer", s.url+"/?t="+inURL, "Origin", "https://"+m["false token"], "Accept-Language", m["password"], "X-Request-Id", m["token"],
				"X-Forwarded-For", m["token"], "Accept", m["password"], "Accept-Encoding", m["password"], "Authorization", "Basic "+m["password"])
			m.expectNone(t, "the answer to "+method+" "+path, a.body)
			if a.header.Del("Location"); len(m.in([]byte(fmt.Sprint(a.header)))) > 0 {
				t.Errorf("the headers of the answer to %s %s: %v", method, path, a.header)
			}
		}
	}
}

// speakAmiss says to the server, on connections of its own, what is no HTTP, no WebSocket
// and no message of the protocol, with the marks in it.
func (s *server) speakAmiss(t *testing.T, m marks) {
	t.Helper()
	token := m["token"]
	at := mustParseURL(s.url).Host
	for name, text := range map[string]string{
		"no HTTP":             token + "\r\n\r\n",
		"another version":     "GET /?" + token + " HTTP/9.9\r\n\r\n",
		"no host":             "GET /?" + token + " HTTP/1.1\r\n\r\n",
		"a wrong host":        "GET / HTTP/1.1\r\nHost: " + token + "/?\x01\r\n\r\n",
		"a broken header":     "GET / HTTP/1.1\r\nHost: a\r\n" + token + "\r\n\r\n",
		"a header's name":     "GET / HTTP/1.1\r\nHost: a\r\n" + token + "@: x\r\n\r\n",
		"a broken escape":     "GET /%zz" + token + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"a broken length":     "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: " + token + "\r\n\r\n",
		"a broken encoding":   "POST /graphql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + token + "\r\n\r\n",
		"a broken chunk":      "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + token + "\r\n",
		"two lengths":         "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n" + token,
		"an expectation":      "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: " + token + "\r\n\r\n",
		"too many headers":    "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat(token, 2000) + "\r\n\r\n",
		"a client's hello":    "\x16\x03\x01\x00\xff" + token,
		"no key of a socket":  "GET /graphql HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: " + token + "\r\n\r\n",
		"another subprotocol": "GET /graphql HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Protocol: " + token + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.(*net.TCPConn).CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(hearTime))
		answer, _ := io.ReadAll(conn)
		conn.Close()
		m.expectNone(t, name, answer)
	}
	quoted, _ := json.Marshal(m["password"] + " " + token)
	for name, text := range map[string]string{
		"no message":     token,
		"another kind":   `{"type": ` + string(quoted) + `}`,
		"a false token":  `{"type": "connection_init", "payload": {"token": "` + m["false token"] + `", "password": ` + string(quoted) + `}}`,
		"a broken token": `{"type": "connection_init", "payload": {"token": [` + string(quoted) + `]}}`,
		"no init":        `{"type": "subscribe", "id": ` + string(quoted) + `, "payload": {"query": ` + string(quoted) + `}}`,
		"no UTF-8":       token + "\xff",
	} {
		conn, reader, _, err := ws.Dialer{Protocols: []string{"graphql-transport-ws"}}.Dial(context.Background(), "ws"+strings.TrimPrefix(s.url, "http")+"/graphql")
		if err != nil {
			t.Fatal(err)
		}
		_ = ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte(text))))
		_ = conn.SetReadDeadline(time.Now().Add(hearTime))
		var from io.Reader = conn
		if reader != nil {
			from = bufio.NewReader(io.MultiReader(reader, conn))
		}
		header, err := ws.ReadHeader(from)
		said, _ := io.ReadAll(io.LimitReader(from, header.Length))
		conn.Close()
		if err != nil || header.OpCode != ws.OpClose {
			t.Errorf("%s: got %v %s, %v; want the socket closed with a word", name, header, said, err)
		}
		m.expectNone(t, name, said)
	}
}

// unpacked gives a profile as it is within its compression.
func unpacked(t *testing.T, text []byte) []byte {
	t.Helper()
	from, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return text
	}
	all, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// dump gives all that the program keeps, after it has ended: files as they are, and of
// PostgreSQL every row of every table.
func (p place) dump(t *testing.T) []byte {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(p.dataDir, func(path string, entry os.DirEntry, err error) error {
		if os.IsNotExist(err) || entry != nil && entry.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.databaseURL == "" {
		return all.Bytes()
	}
	ctx, cancel := context.WithTimeout(t.Context(), databaseTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 10 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	for _, table := range tables {
		rows, err := conn.Query(ctx, `SELECT t::text FROM `+pgx.Identifier{table}.Sanitize()+` t`)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(strings.Join(lines, "\n"))
	}
	return all.Bytes()
}
