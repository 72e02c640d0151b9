package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// cheap are passwords that cost nothing.
type cheap struct{}

func (cheap) Turn(context.Context) (func(), error)        { return func() {}, nil }
func (cheap) Hash(password string) (string, error)        { return "of " + password, nil }
func (cheap) Matches(password, hash string) (bool, error) { return hash == "of "+password, nil }

// servedCheaply is the program without its network, and without passwords that cost.
type servedCheaply struct {
	served
	verbs *service.Service
}

func mustServeCheaply(t testing.TB, on testkit.Database) servedCheaply {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), on.URL, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	verbs, err := newVerbs(t.Context(), config{region: "EG"}, db, nil, &nodes{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	verbs.Passwords = cheap{}
	return servedCheaply{served{graph.New(verbs, graph.Options{Log: log, RequestID: requestID, Introspection: true}), &atomic.Int64{}}, verbs}
}

// crowded is a world in which all lists are long.
type crowded struct {
	world
	manager  string // the token
	messages []string
	room     string
}

func mustCrowd(t testing.TB, api servedCheaply) crowded {
	t.Helper()
	neighbours := []string{api.mustEnter(t), api.mustEnter(t), api.mustEnter(t)}
	c := crowded{world: api.mustBuild(t, neighbours, 50, 100), manager: neighbours[0]}
	c.room = c.world.room
	invited := api.mustDo(t, c.manager, `mutation($building: ID!) { createInvitation(input: {building: $building, preapproved: true}) { invitation { code } } }`,
		map[string]any{"building": mustFirst(t, api, c)})
	code := invited["createInvitation"].(map[string]any)["invitation"].(map[string]any)["code"]
	crowd := []string{}
	for range 110 {
		who := api.mustEnter(t)
		api.mustDo(t, who, `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }`, map[string]any{"code": code})
		crowd = append(crowd, who)
	}
	text := strings.Repeat("😀", omarty.MaxTextLength)
	last := ""
	for i := range 100 {
		v := map[string]any{"room": c.room, "key": fmt.Sprint("long ", i), "text": text, "last": nil}
		if last != "" {
			v["last"] = last
		}
		sent := api.mustDo(t, crowd[i], `mutation($room: ID!, $key: String!, $text: String!, $last: ID) {
			sendMessage(input: {room: $room, key: $key, text: $text, replyTo: $last}) { message { id } } }`, v)
		last = sent["sendMessage"].(map[string]any)["message"].(map[string]any)["id"].(string)
		c.messages = append(c.messages, last)
		for n, emoji := range []string{"👍", "❤️", "😀", "🎉"} {
			api.mustDo(t, crowd[(i+n)%100], `mutation($m: ID!, $e: String!) { addReaction(message: $m, emoji: $e) { message { id } } }`, map[string]any{"m": last, "e": emoji})
		}
	}
	return c
}

func mustFirst(t testing.TB, api servedCheaply, c crowded) string {
	t.Helper()
	return api.mustDo(t, c.reader, `query($room: ID!) { room(id: $room) { building { id } } }`, map[string]any{"room": c.room})["room"].(map[string]any)["building"].(map[string]any)["id"].(string)
}

func times(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "%d", fmt.Sprint(i)))
	}
	return b.String()
}

// expensive are operations that fit the schema, for a size of which they ask the more
// the larger it is.
func expensive(c crowded) map[string]func(n int) string {
	const everything = `id seq changedSeq textSeq key text createdAt editedAt deletedAt pinnedAt replyCount author{id name avatarUrl presence{online lastSeenAt}}
		apartment{id number floor} mentions{start length user{id}} attachments{id} replyTo{id text} reactions{emoji count viewerHasReacted}
		poll{id question options{id text voteCount} closed voterCount viewerBallots{options{id}}} notice{apartmentCount acknowledgedCount}`
	room := func(selection string) string { return `{room(id:"` + c.room + `"){` + selection + `}}` }
	asking := func(selection string) string { return `{room(id:"` + c.asking + `"){` + selection + `}}` }
	return map[string]func(int) string{
		"pages of messages with everything": func(n int) string { return room(times(n, "a%d:messages(last:100){nodes{"+everything+"}}")) },
		"pages of messages that ask":        func(n int) string { return asking(times(n, "a%d:messages(last:100){nodes{"+everything+"}}")) },
		"a page of the log with everything": func(n int) string {
			return room(fmt.Sprintf("events(after:0,first:%d){nodes{seq at kind actor{id name} member{id name} message{%s}}}", n, everything))
		},
		"pages of the log":      func(n int) string { return room(times(n, "a%d:events(after:0,first:1000){nodes{seq kind}}")) },
		"edges and nodes":       func(n int) string { return room(times(n, "a%d:messages(last:100){nodes{id}edges{node{id}}}")) },
		"texts again and again": func(n int) string { return room("messages(last:100){nodes{" + times(n, "a%d:text ") + "}}") },
		"texts of replies": func(n int) string {
			return room("messages(last:100){nodes{text " + strings.Repeat("replyTo{text ", n) + strings.Repeat("}", n) + "}}")
		},
		"texts of pages": func(n int) string { return room(times(n, "a%d:messages(last:100){nodes{text}}")) },
		"texts of searches": func(n int) string {
			return "{" + times(n, `a%d:searchMessages(query:"Salam",first:100){nodes{text}}`) + "}"
		},
		"searches": func(n int) string {
			return "{" + times(n, `a%d:searchMessages(query:"Salam s",first:1){nodes{id}}`) + "}"
		},
		"searches for nothing": func(n int) string {
			return "{" + times(n, `a%d:searchMessages(query:"a b c d e f g h i j k l m n o p",first:100){nodes{id}}`) + "}"
		},
		"messages of rooms": func(n int) string {
			return fmt.Sprintf("{viewer{rooms(first:%d){nodes{messages(last:1){nodes{id}}}}}}", n)
		},
		"messages of rooms, again and again": func(n int) string {
			return "{viewer{rooms(first:100){nodes{" + times(n, "a%d:messages(last:1){nodes{id}}") + "}}}}"
		},
		"participants of rooms": func(n int) string {
			return "{viewer{rooms(first:100){nodes{" + times(n, "a%d:participants(first:1){nodes{readSeq user{name}}}") + "}}}}"
		},
		"large pages of participants": func(n int) string {
			return room(times(n, "a%d:participants(first:100){nodes{id readSeq joinedAt user{id name presence{online lastSeenAt}}}}"))
		},
		"participants of the rooms of messages": func(n int) string {
			return room(fmt.Sprintf("messages(last:%d){nodes{room{participants(first:100){nodes{user{name}}}}}}", n))
		},
		"pins of rooms": func(n int) string {
			return "{viewer{rooms(first:100){nodes{" + times(n, "a%d:pinnedMessages{id text}") + "}}}}"
		},
		"counts of rooms": func(n int) string {
			return "{viewer{" + times(n, "a%d:rooms(first:100){nodes{viewerUnreadCount viewerMentionCount viewerReadSeq viewerFirstUnread{id}viewerPosting{allowed}viewerName viewerCounterpart{id}lastMessage{id text}}}") + "}}"
		},
		"windows about moments": func(n int) string {
			return room(times(n, `a%d:messagesAround(at:"2020-01-01T00:00:00Z",count:1){nodes{id}}`))
		},
		"windows": func(n int) string { return room(times(n, `a%d:messagesAround(seq:10,count:100){nodes{id text}}`)) },
		"who reacted": func(n int) string {
			return room(fmt.Sprintf("messages(last:%d){nodes{reactions{users(first:100){nodes{id name}}}}}", n))
		},
		"readers": func(n int) string {
			return room(fmt.Sprintf("messages(last:%d){nodes{readers(first:100){nodes{id name}}}}", n))
		},
		"readers, few": func(n int) string {
			return room("messages(last:100){nodes{" + times(n, "a%d:readers(first:1){nodes{id}}") + "}}")
		},
		"revisions": func(n int) string {
			return room("messages(last:100){nodes{" + times(n, "a%d:revisions(first:1){nodes{text}}") + "}}")
		},
		"replies": func(n int) string {
			return room("messages(last:100){nodes{" + times(n, "a%d:replies(last:1){nodes{id}}") + "}}")
		},
		"rooms of rooms": func(n int) string {
			return "{viewer{rooms(first:100){nodes{" + strings.Repeat("lastMessage{room{", n) + "id" + strings.Repeat("}}", n) + "}}}}"
		},
		"residents": func(n int) string {
			return "{viewer{memberships{building{apartments(first:10){nodes{" + times(n, "a%d:residents(first:1){nodes{id}}") + "}}}}}}"
		},
		"memberships": func(n int) string {
			return "{viewer{" + times(n, "a%d:memberships{id role status apartments{id number building{name}}building{id name address}user{id name}}") + "}}"
		},
		"sessions": func(n int) string {
			return "{viewer{" + times(n, "a%d:sessions{id device createdAt lastUsedAt expiresAt current}") + "}}"
		},
		"members of buildings": func(n int) string {
			return "{viewer{memberships{building{" + times(n, "a%d:members(first:1){nodes{user{name}apartments{number}}}") + "}}}}"
		},
		"a building's members": func(n int) string {
			return `{room(id:"` + c.room + `"){building{` + times(n, "a%d:members(first:100){nodes{id role user{id name}apartments{number}viewerMutedUntil}}") + "}}}"
		},
		"rooms of buildings": func(n int) string {
			return "{viewer{memberships{building{" + times(n, "a%d:viewerRooms(first:1){nodes{id}}") + "}}}}"
		},
		"managed": func(n int) string {
			return `{room(id:"` + c.room + `"){building{` + times(n, "a%d:viewerManaged{members(status:ACTIVE,first:100){nodes{id user{name}}}auditLog(first:100){nodes{action actor{name}}}}") + "}}}"
		},
		"outstanding": func(n int) string {
			return asking("messages(last:100){nodes{notice{" + times(n, "a%d:viewerOutstanding(first:1){nodes{id}}") + "}}}")
		},
		"names of types": func(n int) string { return "{viewer{rooms(first:100){nodes{" + times(n, "a%d:__typename ") + "}}}}" },
		"nodes": func(n int) string {
			return "{" + times(n, `a%d:node(id:"`+c.messages[0]+`"){...on Message{id text room{id viewerUnreadCount}}}`) + "}"
		},
		"rooms": func(n int) string {
			return "{" + times(n, `a%d:room(id:"`+c.room+`"){id viewerUnreadCount viewerMentionCount lastMessage{id}}`) + "}"
		},
		"buildings": func(n int) string { return "{" + times(n, `a%d:invitation(code:"nothing%d"){buildingName}`) + "}" },
		"viewers": func(n int) string {
			return "{" + times(n, `a%d:viewer{unreadCount memberships{id} sessions{id}}`) + "}"
		},
		"the schema": func(n int) string {
			return "{" + times(n, `a%d:__schema{types{name description fields{name description args{name description type{name ofType{name}}}type{name ofType{name ofType{name}}}}}}`) + "}"
		},
		"types": func(n int) string {
			return "{" + times(n, `a%d:__type(name:"Message"){name description fields{name description args{name description type{name ofType{name}}}type{name ofType{name ofType{name}}}}}`) + "}"
		},
		"zz sends": func(n int) string {
			return "mutation{" + times(n, `a%d:sendMessage(input:{room:"`+c.room+`",key:"`+fmt.Sprint(time.Now().UnixNano())+`-%d",text:"Salam"}){message{id}}`) + "}"
		},
		"zz sends that are read": func(n int) string {
			return "mutation{" + times(n, `a%d:sendMessage(input:{room:"`+c.room+`",key:"`+fmt.Sprint(time.Now().UnixNano())+`-%d",text:"Salam"}){message{id text room{viewerUnreadCount lastMessage{id}}}}`) + "}"
		},
		"reactions": func(n int) string {
			return "mutation{" + times(n, `a%d:addReaction(message:"`+c.messages[0]+`",emoji:"👍"){message{id reactions{count}}} b%d:removeReaction(message:"`+c.messages[0]+`",emoji:"👍"){message{id}}`) + "}"
		},
		"read marks": func(n int) string {
			return "mutation{" + times(n, `a%d:markRead(room:"`+c.room+`",seq:%d){room{viewerUnreadCount}viewer{unreadCount}}`) + "}"
		},
		"zz buildings that are made": func(n int) string {
			return "mutation{" + times(n, `a%d:createBuilding(input:{name:"Nile",apartments:[{number:"1"}]}){building{id}}`) + "}"
		},
		"zz a building of many apartments": func(n int) string {
			return `mutation{createBuilding(input:{name:"Nile",apartments:[` + times(min(n, 190), `{number:"%d"}`) + `]}){building{id}}}`
		},
		"edits": func(n int) string {
			return "mutation{" + times(n, `a%d:editMessage(input:{message:"`+c.messages[0]+`",text:"x%d"}){message{id}}`) + "}"
		},
		"types of fields": func(n int) string {
			return "{__schema{types{name fields{name type{fields{name description args{name description type{name ofType{name}}}}}}}}}"
		},
		"types of possible types": func(n int) string {
			return "{__schema{types{name possibleTypes{fields{name description args{name description type{name ofType{name}}}}}}}}"
		},
		"fields of types, by aliases": func(n int) string { return "{__schema{types{" + times(n, "a%d:fields{name description}") + "}}}" },
		"log-ins": func(n int) string {
			return "mutation{" + times(n, `a%d:logIn(input:{login:"a%d@example.com",password:"x"}){token}`) + "}"
		},
		"typing": func(n int) string {
			return "mutation{" + times(n, `a%d:setTyping(room:"`+c.room+`",active:true){roomId}`) + "}"
		},
	}
}

func (s served) answerTo(token, accept, body string) string {
	q := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Accept", accept)
	q.Header.Set("Authorization", "Bearer "+token)
	return ask(s, q).Body.String()
}

func refused(answer string) bool {
	return strings.HasPrefix(answer, `{"errors"`) && (strings.Contains(answer, "TOO_LARGE") || strings.Contains(answer, "BAD_REQUEST"))
}

// The most that limits let pass, of everything that there is to ask for, takes no more
// than any other request.
func TestTheMostThatMayBeAskedFor(t *testing.T) {
	if raced {
		t.Skip("the race detector has costs of its own")
	}
	api := mustServeCheaply(t, testkit.SQLite(t))
	c := mustCrowd(t, api)
	all := expensive(c)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		of := all[name]
		t.Run(name, func(t *testing.T) {
			passes := func(n int) bool {
				return !refused(api.answerTo(c.reader, "application/json", request{document: of(n)}.json()))
			}
			if !passes(1) {
				t.Fatalf("not even the least passes: %.300s", api.answerTo(c.reader, "application/json", request{document: of(1)}.json()))
			}
			low, high := 1, 1001 // it passes, and does not
			if passes(1000) {
				low = 1000
			} else {
				for low+1 < high {
					if n := (low + high) / 2; passes(n) {
						low = n
					} else {
						high = n
					}
				}
			}
			var said string
			cpu, bytes := taken(func() { said = api.answerTo(c.manager, "application/json", request{document: of(low)}.json()) })
			t.Logf("%d: %v, %d MB, answer %d kB: %.120s", low, cpu.Round(100*time.Microsecond), bytes>>20, len(said)>>10, said)
			if cpu > mostCPU || bytes > mostMemory {
				t.Errorf("%d: it takes %v and %d MB", low, cpu, bytes>>20)
			}
		})
	}
}
