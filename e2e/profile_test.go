package e2e

import (
	"bytes"
	"encoding/json"
	"testing"
)

const profileDocument = `mutation Update($input: UpdateProfileInput!) {
	updateProfile(input: $input) { viewer { ...profile } }
}
` + profileFragment

const profileFragment = `fragment profile on Viewer { user { name } locale shareReadMarks sharePresence }`

// What is left out of an update stays; what is given changes; null is no value
// for what cannot be empty.
func TestUpdateProfile(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		_, mine := s.mustSignIn(t)
		_, other := s.mustSignIn(t)
		state := func(as session) string {
			r := s.run(t, as.token, `{ viewer { ...profile } } `+profileFragment, nil).mustSucceed(t)
			text, err := json.Marshal(at[map[string]any](t, r, "viewer"))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		want := `{"locale":"ar-EG","sharePresence":true,"shareReadMarks":true,"user":{"name":"Nour Hassan"}}`
		if got := state(mine); got != want {
			t.Fatalf("at first: got %s, want %s", got, want)
		}
		untouched := state(other)
		for _, step := range []struct {
			input variables
			want  string // "" for the same as before
		}{
			{variables{}, ""},
			{variables{"name": " نور\u200f "}, `{"locale":"ar-EG","sharePresence":true,"shareReadMarks":true,"user":{"name":"نور` + "\u200f" + `"}}`},
			{variables{"name": "Nour"}, `{"locale":"ar-EG","sharePresence":true,"shareReadMarks":true,"user":{"name":"Nour"}}`},
			{variables{"shareReadMarks": false}, `{"locale":"ar-EG","sharePresence":true,"shareReadMarks":false,"user":{"name":"Nour"}}`},
			{variables{"sharePresence": false}, `{"locale":"ar-EG","sharePresence":false,"shareReadMarks":false,"user":{"name":"Nour"}}`},
			{variables{"locale": "EN_us"}, `{"locale":"en-US","sharePresence":false,"shareReadMarks":false,"user":{"name":"Nour"}}`},
			{variables{"locale": "zh-hant-tw"}, `{"locale":"zh-Hant-TW","sharePresence":false,"shareReadMarks":false,"user":{"name":"Nour"}}`},
			{
				variables{"name": "N", "locale": "fr", "shareReadMarks": true, "sharePresence": true},
				`{"locale":"fr","sharePresence":true,"shareReadMarks":true,"user":{"name":"N"}}`,
			},
		} {
			if step.want != "" {
				want = step.want
			}
			r := s.run(t, mine.token, profileDocument, variables{"input": step.input}).mustSucceed(t)
			r.expectData(t, "updateProfile.viewer", want)
			if got := state(mine); got != want {
				t.Errorf("%v: got %s, want %s", step.input, got, want)
			}
		}
		if got := state(other); got != untouched {
			t.Errorf("somebody else's profile became %s", got)
		}
	})
}

func TestUpdateProfileRefuses(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		for _, c := range []struct {
			input       variables
			code, field string
		}{
			{variables{"name": nil}, "INVALID_INPUT", "input.name"},
			{variables{"locale": nil}, "INVALID_INPUT", "input.locale"},
			{variables{"shareReadMarks": nil}, "INVALID_INPUT", "input.shareReadMarks"},
			{variables{"sharePresence": nil}, "INVALID_INPUT", "input.sharePresence"},
			{variables{"name": "a\x00b"}, "INVALID_INPUT", "input.name"},
			{variables{"name": longText(101)}, "INVALID_INPUT", "input.name"},
			{variables{"name": "  "}, "", "input.name"}, // missing or malformed, both say so
			{variables{"locale": "no language"}, "INVALID_INPUT", "input.locale"},
			{variables{"locale": ""}, "INVALID_INPUT", "input.locale"},
			{variables{"locale": "ar-EG\x00"}, "INVALID_INPUT", "input.locale"},
			{variables{"avatar": "attachment_0"}, "NOT_FOUND", "input.avatar"},
			// Nothing of an update that is refused is done.
			{variables{"name": "Somebody Else", "locale": nil}, "INVALID_INPUT", "input.locale"},
			{variables{"name": "Somebody Else", "locale": "no language"}, "INVALID_INPUT", "input.locale"},
		} {
			r := s.run(t, mine.token, profileDocument, variables{"input": c.input})
			if r.code() == "" || c.code != "" && r.code() != c.code || r.field() != c.field {
				t.Errorf("%v: got %v, want %s %s", c.input, r, c.code, c.field)
			}
		}
		s.run(t, mine.token, `{ viewer { user { name } locale } }`, nil).
			expectData(t, "viewer", `{"user": {"name": "`+p.name+`"}, "locale": "ar-EG"}`)
	})
}

// Written into the document, null and what is left out mean the same as in
// variables; a variable that is not given counts as left out.
func TestUpdateProfileInTheDocument(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		_, mine := s.mustSignIn(t)
		s.run(t, mine.token, `mutation { updateProfile(input: {name: null}) { viewer { id } } }`, nil).
			expectCode(t, "INVALID_INPUT", "input.name")
		r := s.run(t, mine.token, `mutation($name: String, $locale: String) {
			updateProfile(input: {name: $name, locale: $locale}) { viewer { user { name } locale } }
		}`, variables{"locale": "fr"})
		r.expectData(t, "updateProfile.viewer", `{"user": {"name": "Nour Hassan"}, "locale": "fr"}`)
	})
}

// What this server does not have yet reads as empty, and not as a failure.
func TestViewerReadsWhole(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		_, mine := s.mustSignIn(t)
		s.run(t, mine.token, `{ viewer {
			memberships { id } rooms { nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage } }
			unreadCount user { avatarUrl presence { online } }
		} }`, nil).expectData(t, "viewer", `{
			"memberships": [], "unreadCount": 0, "user": {"avatarUrl": null, "presence": {"online": false}},
			"rooms": {"nodes": [], "edges": [], "pageInfo": {"hasNextPage": false, "hasPreviousPage": false}}
		}`)
	})
}

const nodeDocument = `query Node($id: ID!) { node(id: $id) {
	__typename id
	... on User { name }
	... on Viewer { email user { id } }
	... on Session { device current }
} }`

func TestNodesOfOnesOwn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		other := s.mustLogIn(t, p.email, p.password)
		viewer := at[string](t, s.run(t, mine.token, `{ viewer { id } }`, nil), "viewer.id")
		for id, want := range map[string]string{
			p.id:     `{"__typename": "User", "id": "` + p.id + `", "name": "Nour Hassan"}`,
			viewer:   `{"__typename": "Viewer", "id": "` + viewer + `", "email": "` + p.email + `", "user": {"id": "` + p.id + `"}}`,
			mine.id:  `{"__typename": "Session", "id": "` + mine.id + `", "device": "", "current": true}`,
			other.id: `{"__typename": "Session", "id": "` + other.id + `", "device": "", "current": false}`,
		} {
			s.run(t, mine.token, nodeDocument, variables{"id": id}).expectData(t, "node", want)
			if len(id) > 64 {
				t.Errorf("an id has up to 64 characters: %s", id)
			}
		}
	})
}

// Other people's ids and ids that never were are the same.
func TestNodesOfOthers(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		ended := s.mustLogIn(t, p.email, p.password)
		s.run(t, ended.token, `mutation { logOut { sessionId } }`, nil).mustSucceed(t)
		other, theirs := s.mustSignIn(t)
		theirViewer := at[string](t, s.run(t, theirs.token, `{ viewer { id } }`, nil), "viewer.id")
		want := s.run(t, mine.token, nodeDocument, variables{"id": other.id})
		want.expectData(t, "node", `null`)
		ids := []string{theirs.id, theirViewer, ended.id}
		for _, like := range []string{p.id, other.id, mine.id, theirs.id, theirViewer} {
			ids = append(ids, neverWere(like)...)
		}
		for _, id := range ids {
			got := s.run(t, mine.token, nodeDocument, variables{"id": id})
			if got.status != want.status || !bytes.Equal(got.body, want.body) {
				t.Errorf("%q: got %v, want %v", clip(id, 80), got, want)
			}
		}
		// An id may be written as a number, which then is nobody's.
		s.run(t, mine.token, `{ node(id: 1) { id } }`, nil).expectData(t, "node", `null`)
	})
}
