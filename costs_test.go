package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime/metrics"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/omarty/chat/internal/testkit"
)

const (
	// mostRequest is the size of the requests that these tests make, in bytes, and
	// mostCPU and mostMemory what one of them may take, whatever it says.
	mostRequest = 256 << 10
	mostCPU     = 100 * time.Millisecond
	mostMemory  = 32 << 20
)

// raced tells that the race detector is on, which makes of all costs many times as much.
var raced bool

// hostile are requests that are made to be costly, each as large as it may be. Those
// of a media type are sent so, and the others as JSON.
func hostile() map[string]request {
	fill := func(format string, most int) string {
		var b strings.Builder
		for i := 0; b.Len()+len(format) < most; i++ {
			if strings.Contains(format, "%") {
				fmt.Fprintf(&b, format, i)
			} else {
				b.WriteString(format)
			}
		}
		return b.String()
	}
	const room = mostRequest - 1000
	all := map[string]request{}
	document := func(name, text string) { all[name] = request{document: text} }
	document("nothing", "{__typename}")
	document("braces", strings.Repeat("{", room))
	document("selections as deep as can be", strings.Repeat("{viewer", 330)+"{id}"+strings.Repeat("}", 330))
	document("lists in lists", `{node(id:`+strings.Repeat("[", room/2)+strings.Repeat("]", room/2)+`){id}}`)
	document("450 lists in lists", `{node(id:`+strings.Repeat("[", 450)+strings.Repeat("]", 450)+`){id}}`)
	document("objects in objects", `{node(id:`+strings.Repeat("{a:", room/4)+"1"+strings.Repeat("}", room/4)+`){id}}`)
	document("a type of lists", `query($a:`+strings.Repeat("[", room/2)+"ID"+strings.Repeat("]", room/2)+`){node(id:$a){id}}`)
	document("one long string", `{node(id:"`+strings.Repeat("x", room)+`"){id}}`)
	document("one long string of escapes", `{node(id:"`+strings.Repeat(`\n`, room/3)+`"){id}}`)
	document("one long string of unicode escapes", `{node(id:"`+strings.Repeat(`\u0041`, room/7)+`"){id}}`)
	document("one long block", `{node(id:"""`+strings.Repeat(" \n", room/3)+`"""){id}}`)
	document("one long block of quotes", `{node(id:"""`+strings.Repeat(`\"""`, room/12)+`"""){id}}`)
	document("long strings", "{"+strings.Repeat(`a:node(id:"`+strings.Repeat("x", 2500)+`"){id}`, 100)+"}")
	document("one long number", `{viewer{rooms(first:1`+strings.Repeat("0", room)+`){nodes{id}}}}`)
	document("one long float", `mutation{register(input:{longitude:1.`+strings.Repeat("1", room)+`}){user{id}}}`)
	document("one long name", "{"+strings.Repeat("x", room)+"}")
	document("one long name of a mutation", "mutation{"+strings.Repeat("x", room)+"}")
	document("one long name of an argument", "{node("+strings.Repeat("x", room)+":1){id}}")
	document("one long name of a type", "{...on "+strings.Repeat("x", room)+"{id}}")
	document("one long name of an operation", "query "+strings.Repeat("x", room)+"{__typename}")
	document("one long name of a variable", "query($"+strings.Repeat("x", room)+":Int){__typename}")
	document("one long alias", "{"+strings.Repeat("x", room)+":__typename}")
	document("long aliases", "{"+fill("a%d"+strings.Repeat("x", 2500)+":__typename ", room)+"}")
	document("aliases", "{"+fill("a%d:__typename ", room)+"}")
	document("aliases of all that there is", "{"+fill("a%d:viewer{id}", 1200)+"}")
	document("fields that are none", "{"+fill("viewe%d ", 6000)+"}")
	document("long fields that are none", "{"+fill("v%d"+strings.Repeat("y", 270)+" ", room)+"}")
	document("mutations that are none", "mutation{"+fill("sendMessag%d"+strings.Repeat("y", 250)+" ", room)+"}")
	document("arguments that are none", "{viewer{rooms("+fill("firs%d:1 ", 4000)+"){nodes{id}}}}")
	document("types that are none", "{"+fill("...on Viewe%d{id}", 3500)+"}")
	document("directives", "{__typename"+strings.Repeat("@aa", room/3)+"}")
	document("400 directives", "{__typename"+strings.Repeat("@aa", 400)+"}")
	document("directives with arguments", "{__typename"+strings.Repeat("@skip(if:true)", 140)+"}")
	document("one field again and again", "{"+strings.Repeat("__typename ", 990)+"}")
	document("fields that conflict", "{viewer{"+strings.Repeat("a:id a:email ", 160)+"}}")
	document("comments", strings.Repeat("#\n", room/3)+"{__typename}")
	document("one long comment", "#"+strings.Repeat("x", room)+"\n{__typename}")
	document("white space", strings.Repeat(" ,\n", room/4)+"{__typename}")
	document("operations", fill("query q%d{__typename}", 5000))
	document("variables", "query("+fill("$v%d:ID ", 1900)+"){__typename}")
	document("variables with defaults", "query("+fill(`$v%d:ID="x" `, 1800)+"){__typename}")
	document("one variable with a long default", `query($v:String="`+strings.Repeat("x", room)+`"){searchMessages(query:$v){nodes{id}}}`)
	document("a document of nothing but NUL", strings.Repeat("\x00", room/7))
	document("a document of Unicode", strings.Repeat("ﷺ", room/3))
	document("fragments in a chain", "{viewer{...f0}}"+chain(80))
	document("fragments that spread twice", "{viewer{...f0}}"+twice(75))
	document("fragments in a circle", "{viewer{...f0}}"+circle(90))
	document("introspection in a circle", "{__schema{types{fields{type{fields{type{fields{type{fields{type{name}}}}}}}}}}}")
	document("introspection", `{__schema{types{name description fields(includeDeprecated:true){name description args{name description type{name kind ofType{name kind ofType{name}}}defaultValue}type{name kind ofType{name kind ofType{name kind ofType{name}}}}}inputFields{name type{name ofType{name}}}enumValues{name description}possibleTypes{name}interfaces{name}}directives{name args{name}}}}`)
	document("introspection three times", `{`+fill("a%d:__schema{types{name description fields{name description args{name description type{name ofType{name ofType{name}}}}type{name ofType{name ofType{name}}}}}}", 480)+`}`)
	document("introspection with everything again and again", `{__schema{types{`+fill("a%d:fields{name description args{name description}}", 4500)+`}}}`)
	document("types again and again", "{"+fill(`a%d:__type(name:"Mutation"){fields{name description args{name description type{name ofType{name}}}}}`, 2500)+"}")
	document("types of types", "{__schema{types{possibleTypes{possibleTypes{name}interfaces{possibleTypes{interfaces{possibleTypes{name}}}}}}}}")
	document("types by possible types", `{__type(name:"Node"){possibleTypes{interfaces{possibleTypes{interfaces{possibleTypes{name description fields{name}}}}}}}}`)

	variables := func(name, doc, v string) { all["variables: "+name] = request{document: doc, variables: v} }
	const search = `query($v:String!){searchMessages(query:$v){nodes{id}}}`
	const node = `query($v:ID!){node(id:$v){id}}`
	const send = `mutation($v:SendMessageInput!){sendMessage(input:$v){message{id}}}`
	variables("lists in lists", node, `{"v":`+strings.Repeat("[", room/2-10)+strings.Repeat("]", room/2-10)+`}`)
	variables("9,000 lists in lists", node, `{"v":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`}`)
	variables("objects in objects", send, `{"v":`+strings.Repeat(`{"a":`, 9000)+"1"+strings.Repeat("}", 9000)+`}`)
	variables("a long list", `mutation($v:[ID!]!){addParticipants(room:"room_x",users:$v){room{id}}}`, `{"v":[`+strings.Repeat(`"x",`, room/4-10)+`"x"]}`)
	variables("a long list of numbers", `mutation($v:[ID!]!){addParticipants(room:"room_x",users:$v){room{id}}}`, `{"v":[`+strings.Repeat(`1,`, room/2-10)+`1]}`)
	variables("a list of objects", `mutation($v:[ApartmentInput!]!){addApartments(building:"building_x",apartments:$v){building{id}}}`, `{"v":[`+strings.Repeat(`{"number":"1"},`, room/16)+`{"number":"1"}]}`)
	variables("a list of empty objects", `mutation($v:[ApartmentInput!]!){addApartments(building:"building_x",apartments:$v){building{id}}}`, `{"v":[`+strings.Repeat(`{},`, room/3-10)+`{}]}`)
	variables("fields that are none", send, `{"v":{`+fill(`"field%d":1,`, room)+`"x":1}}`)
	variables("variables that are none", "{__typename}", `{`+fill(`"v%d":1,`, room)+`"x":1}`)
	variables("empty objects", "{__typename}", `{"x":[`+strings.Repeat(`{},`, room/3-10)+`{}]}`)
	variables("empty lists", "{__typename}", `{"x":[`+strings.Repeat(`[],`, room/3-10)+`[]]}`)
	variables("numbers", "{__typename}", `{"x":[`+strings.Repeat(`1,`, room/2-10)+`1]}`)
	variables("nulls", "{__typename}", `{"x":[`+strings.Repeat(`null,`, room/5-10)+`null]}`)
	variables("a long number", `query($v:Int!){viewer{rooms(first:$v){nodes{id}}}}`, `{"v":1`+strings.Repeat("0", room)+`}`)
	variables("a long float", `mutation($v:Float){register(input:{longitude:$v,phone:"1",email:"2",password:"3",confirmPassword:"3",name:"5"}){user{id}}}`, `{"v":1.`+strings.Repeat("1", room)+`e-99999}`)
	variables("a large exponent", `query($v:Int!){viewer{rooms(first:$v){nodes{id}}}}`, `{"v":1e999999999}`)
	variables("a long text to search", search, `{"v":"`+strings.Repeat("x", room)+`"}`)
	variables("many words to search", search, `{"v":"`+strings.Repeat("a b ", room/5)+`"}`)
	variables("many Arabic words to search", search, `{"v":"`+strings.Repeat("سلام ", room/12)+`"}`)
	variables("combining marks to search", search, `{"v":"a`+strings.Repeat("\u0301", room/3)+`"}`)
	variables("a long text to send", send, `{"v":{"room":"room_x","key":"k","text":"`+strings.Repeat("x", room)+`"}}`)
	variables("combining marks to send", send, `{"v":{"room":"room_x","key":"k","text":"a`+strings.Repeat("\u0301", room/3)+`"}}`)
	variables("unicode escapes", send, `{"v":{"room":"room_x","key":"k","text":"`+strings.Repeat(`\u0041`, room/6-20)+`"}}`)
	variables("many mentions", send, `{"v":{"room":"room_x","key":"k","text":"x","mentions":[`+strings.Repeat(`{"user":"user_x","start":0,"length":1},`, room/40)+`{"user":"user_x","start":0,"length":1}]}}`)
	variables("a long id", node, `{"v":"`+strings.Repeat("x", room)+`"}`)
	variables("a long name", `mutation($v:String!){register(input:{name:$v,phone:"01012345678",email:"a@example.com",password:"Nile-4417-x",confirmPassword:"Nile-4417-x"}){user{id}}}`, `{"v":"`+strings.Repeat("x", room)+`"}`)
	variables("a long password", `mutation($v:String!){register(input:{name:"Mona Adel",phone:"01012345678",email:"a@example.com",password:$v,confirmPassword:$v}){user{id}}}`, `{"v":"`+strings.Repeat("x", room)+`"}`)
	variables("a long address", `mutation($v:String!){register(input:{name:"Mona Adel",phone:"01012345678",email:$v,password:"Nile-4417-x",confirmPassword:"Nile-4417-x"}){user{id}}}`, `{"v":"`+strings.Repeat("x", room)+`@example.com"}`)
	variables("a long phone number", `mutation($v:String!){register(input:{name:"Mona Adel",phone:$v,email:"a@example.com",password:"Nile-4417-x",confirmPassword:"Nile-4417-x"}){user{id}}}`, `{"v":"`+strings.Repeat("0", room)+`"}`)
	variables("a log-in with everything long", `mutation($v:String!){logIn(input:{login:$v,password:$v,device:$v}){token}}`, `{"v":"`+strings.Repeat("x", room)+`"}`)
	variables("log-ins", "mutation{"+fill(`a%d:logIn(input:{login:"a@example.com",password:"x"}){token}`, 4000)+"}", `{}`)
	variables("positions of rooms", `subscription($v:[RoomPosition!]!){inboxEvents(after:$v){__typename}}`, `{"v":[`+strings.Repeat(`{"room":"room_x","seq":1},`, room/26)+`{"room":"room_x","seq":1}]}`)

	raw := func(name, contentType, body string) {
		all["raw: "+name] = request{contentType: contentType, body: body}
	}
	raw("a batch", "application/json", `[`+strings.Repeat(`{"query":"{__typename}"},`, room/25)+`{}]`)
	raw("brackets", "application/json", strings.Repeat("[", room))
	raw("objects", "application/json", strings.Repeat(`{"a":`, room/5))
	raw("extensions", "application/json", `{"query":"{__typename}","extensions":{`+fill(`"v%d":1,`, room)+`"x":1}}`)
	raw("persisted queries", "application/json", `{"query":"{__typename}","extensions":{"persistedQuery":{"version":1,"sha256Hash":"`+strings.Repeat("a", room)+`"}}}`)
	raw("a persisted query that is none", "application/json", `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"`+strings.Repeat("a", room)+`"}}}`)
	raw("persisted queries that are deep", "application/json", `{"query":"{__typename}","extensions":{"persistedQuery":`+strings.Repeat(`{"a":`, 9000)+"1"+strings.Repeat("}", 9000)+`}}`)
	raw("keys again and again", "application/json", `{`+strings.Repeat(`"query":"{__typename}",`, room/24)+`"x":1}`)
	raw("a long key", "application/json", `{"query":"{__typename}","`+strings.Repeat("x", room)+`":1}`)
	raw("strings of broken UTF-8", "application/json", `{"query":"{__typename}","x":"`+strings.Repeat("\xff", room)+`"}`)
	raw("surrogates", "application/json", `{"query":"{__typename}","x":"`+strings.Repeat(`\ud800`, room/6)+`"}`)
	raw("spaces", "application/json", strings.Repeat(" ", room)+`{"query":"{__typename}"}`)
	form := func(name, operations, places string, parts int) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		_ = w.WriteField("operations", operations)
		_ = w.WriteField("map", places)
		for i := range parts {
			f, _ := w.CreateFormFile(fmt.Sprint(i), "a.txt")
			_, _ = f.Write([]byte("x"))
		}
		_ = w.Close()
		raw("form: "+name, w.FormDataContentType(), b.String())
	}
	const upload = `mutation($v:[ID!],$f:Upload!){uploadAttachment(file:$f){attachment{id}}}`
	nulls := func(n int) string { return `[` + strings.TrimSuffix(strings.Repeat("null,", n), ",") + `]` }
	form("many places", `{"query":"`+upload+`","variables":{"f":null,"v":`+nulls(12000)+`}}`, `{"0":[`+strings.TrimSuffix(fill(`"variables.v.%d",`, 190000), ",")+`]}`, 1)
	form("many files", `{"query":"`+upload+`","variables":{"f":null,"v":`+nulls(900)+`}}`, `{`+strings.TrimSuffix(fill(`"%d":["variables.v.0"],`, 40000), ",")+`}`, 900)
	form("deep places", `{"query":"`+upload+`","variables":{"v":null}}`, `{"0":["variables`+strings.Repeat(".a", 100000)+`"]}`, 1)
	form("a lot of headers", `{"query":"`+upload+`","variables":{"f":null}}`, `{"0":["variables.f"]}`, 1)
	raw("form: parts without end", "multipart/form-data; boundary=x", strings.Repeat("--x\r\n\r\n", room/8))
	raw("form: boundaries", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=operations\r\n\r\n"+strings.Repeat("\r\n--", room/4))
	raw("form: headers", "multipart/form-data; boundary=x", "--x\r\n"+strings.Repeat("A: b\r\n", room/6))
	return all
}

func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "fragment f%d on Viewer{id ...f%d}", i, i+1)
	}
	return b.String() + fmt.Sprintf("fragment f%d on Viewer{id}", n)
}

func twice(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "fragment f%d on Viewer{...f%d ...f%d}", i, i+1, i+1)
	}
	return b.String() + fmt.Sprintf("fragment f%d on Viewer{id}", n)
}

func circle(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "fragment f%d on Viewer{...f%d ...f%d}", i, (i+1)%n, (i*7+3)%n)
	}
	return b.String()
}

// request is one of those that are made to be costly.
type request struct {
	document, variables string
	contentType, body   string // in place of them
}

func (r request) json() string {
	if r.body != "" {
		return r.body
	}
	quoted, _ := json.Marshal(r.document)
	if r.variables == "" {
		return `{"query":` + string(quoted) + `}`
	}
	return `{"query":` + string(quoted) + `,"variables":` + r.variables + `}`
}

// taken is what something takes of the process: both are the least of a few tries, since
// others run on the machine, and the first of them fills caches.
func taken(do func()) (cpu time.Duration, bytes uint64) {
	cpu, bytes = time.Hour, 1<<62
	for range 4 {
		cpuBefore, bytesBefore := spentCPU(), allocated()
		do()
		cpu, bytes = min(cpu, spentCPU()-cpuBefore), min(bytes, allocated()-bytesBefore)
	}
	return cpu, bytes
}

func spentCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Whatever a request says, it takes less than mostCPU and mostMemory; here everything
// counts that it allocates, also what is garbage long before its end.
func TestNoRequestIsCostly(t *testing.T) {
	if raced {
		t.Skip("the race detector has costs of its own")
	}
	api := mustServe(t, testkit.SQLite(t))
	token := api.mustEnter(t)
	for name, r := range hostile() {
		t.Run(name, func(t *testing.T) {
			body := r.json()
			if len(body) > mostRequest {
				t.Fatalf("it has %d bytes", len(body))
			}
			for _, accept := range []string{"application/json", "text/event-stream"} {
				var said string
				cpu, bytes := taken(func() {
					q := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
					q.Header.Set("Content-Type", "application/json")
					if r.contentType != "" {
						q.Header.Set("Content-Type", r.contentType)
					}
					q.Header.Set("Accept", accept)
					q.Header.Set("Authorization", "Bearer "+token)
					said = ask(api, q).Body.String()
				})
				if testing.Verbose() {
					t.Logf("%s: %v, %d kB: %.150s", accept, cpu.Round(time.Microsecond*100), bytes>>10, said)
				}
				if cpu > mostCPU || bytes > mostMemory {
					t.Errorf("%s: it takes %v and %d MB: %.200s", accept, cpu, bytes>>20, said)
				}
			}
		})
	}
}
