package graph

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/graph/wording"
)

// Whatever document a client sends, by POST or in an address, it gets one answer of the
// contract's, and the same by both: what may not be sent in an address aside.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		`{__typename}`, `query Q($id:ID!){node(id:$id){id ...on Room{name}}}`, `{a:viewer{id}b:viewer{...F}}fragment F on Viewer{id user{name}}`,
		`mutation{logIn(input:{login:"a",password:"b"}){token}}`, `subscription{inboxEvents{__typename}}`, `{...A}fragment A on Query{...B}fragment B on Query{...A}`,
		`{viewer{id @skip(if:true) @include(if:$x)}}`, `{__schema{types{name fields{args{type{ofType{name}}}}}}}`, `{node(id:"""block \""" """){id}}`,
		`query($a:[[Int!]!]=[[1]]){viewer{id}}`, `{viewer{rooms(first:-1,after:null){nodes{messages(last:101){nodes{id}}}}}}`, "{viewer{id}}#\u2028\ufeff", `{a:__typename a:viewer{id}}`, `{node(id:"\ud800\u{1F3E0}"){id}}`, `{`,
	} {
		f.Add(seed)
	}
	a := newAPI(f, harmless())
	f.Fuzz(func(t *testing.T, document string) {
		posted := a.post(t, mustJSON(t, map[string]any{"query": document}), "Accept", takesResponse)
		expectAnswer(t, a, posted)
		got := a.do(t, request("GET", "/graphql?query="+url.QueryEscape(document), "", "Accept", takesResponse))
		expectAnswer(t, a, got)
		if got.status != posted.status && got.status != http.StatusNotAcceptable && got.status != http.StatusBadRequest {
			t.Errorf("%d by POST, %d by GET", posted.status, got.status)
		}
	})
}

// Whatever stands in an address, it gets one answer of the contract's.
func FuzzReadQuery(f *testing.F) {
	for _, seed := range []string{
		"query={__typename}", "query=%7Bviewer%7Bid%7D%7D&variables={}&operationName=Q&extensions={}", "query={viewer{id}}&variables=[]", "query=%zz", ";", "query=a&query=b", "variables=%00", "query=mutation{logOut{sessionId}}", "extensions={%22persistedQuery%22:{}}",
	} {
		f.Add(seed)
	}
	a := newAPI(f, harmless())
	f.Fuzz(func(t *testing.T, query string) {
		r := request("GET", "/graphql", "", "Accept", takesResponse)
		r.URL.RawQuery = query
		expectAnswer(t, a, a.do(t, r))
	})
}

// Whatever a client says that it accepts, what it is answered in is one of ours.
func FuzzNegotiate(f *testing.F) {
	for _, seed := range []string{"", "*/*", typeResponse, "application/*;q=0.1, text/event-stream", "a/b/c;;q=x,,", "application/json;q=-1", "text/html, */*;q=0", ";q=1", "ar-EG, en;q=0.3, *;q=0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if got := negotiate([]string{accept}); !slices.Contains([]string{"", typeJSON, typeResponse, live.TypeEvents}, got) {
			t.Errorf("%q is answered in %q", accept, got)
		}
		if got, _ := wording.Accepted(accept); got != wording.English && got != wording.Arabic {
			t.Errorf("%q is answered in the language %v", accept, got)
		}
	})
}
