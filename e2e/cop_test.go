package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// graphql-cop (github.com/dolevf/graphql-cop) tries twelve things that it calls
// vulnerabilities; its last release tries one more in place of another. Each is played as
// it does, against a server whose operator has turned introspection off.
func TestGraphqlCop(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_INTROSPECTION=off")
		// It sends what the library requests does.
		anything := []string{"Accept", "*/*", "User-Agent", "graphql-cop/1.14"}
		ask := func(document string) answer {
			t.Helper()
			body, err := json.Marshal(map[string]any{"query": document, "operationName": "cop"})
			if err != nil {
				t.Fatal(err)
			}
			return s.post(t, string(body), append(anything, "Content-Type", typeJSON)...)
		}
		get := func(document string) answer {
			t.Helper()
			return s.do(t, http.MethodGet, query("query", document), nil, anything...)
		}
		// data gives a field of the answer's data; nil where there is none.
		data := func(a answer, name string) any {
			var r struct{ Data map[string]any }
			_ = json.Unmarshal(a.body, &r) // what is no JSON has none
			return r.Data[name]
		}
		errors := func(a answer) []map[string]any {
			var r struct{ Errors []map[string]any }
			_ = json.Unmarshal(a.body, &r)
			return r.Errors
		}
		batch, err := json.Marshal(repeatedly(10, map[string]any{"query": "query cop { __typename }"}))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name       string
			vulnerable func() bool
		}{
			{"alias overloading", func() bool {
				return data(ask("query cop { "+repeated("alias%d:__typename \n", 101)+" }"), "alias100") != nil
			}},
			{"array-based query batching", func() bool {
				var all []any
				return json.Unmarshal(s.post(t, string(batch), append(anything, "Content-Type", typeJSON)...).body, &all) == nil && len(all) >= 10
			}},
			{"directive overloading", func() bool {
				return len(errors(ask("query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }"))) == 10
			}},
			{"field duplication", func() bool {
				return data(ask("query cop { "+strings.Repeat("__typename \n", 500)+"} "), "__typename") != nil
			}},
			{"introspection-based circular query", func() bool {
				return data(ask("query cop { __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }"), "__schema") != nil
			}},
			{"introspection", func() bool {
				return data(ask("query cop { __schema { types { name fields { name } } } }"), "__schema") != nil
			}},
			{"field suggestions", func() bool {
				return strings.Contains(string(ask("query cop { __schema { directive } }").body), "Did you mean")
			}},
			{"GET based queries", func() bool { return data(get("query cop {__typename}"), "__typename") != nil }},
			{"GET based mutations", func() bool { return data(get("mutation cop {__typename}"), "__typename") != nil }},
			{"POST based queries, url-encoded", func() bool {
				a := s.post(t, "query=query+cop+%7B+__typename+%7D", append(anything, "Content-Type", "application/x-www-form-urlencoded")...)
				return data(a, "__typename") != nil
			}},
			{"trace mode", func() bool { return strings.Contains(string(ask("query cop { __typename }").body), "tracing") }},
			{"GraphiQL", func() bool {
				a := s.do(t, http.MethodGet, "/graphql", nil, "Accept", "text/html")
				if to := a.header.Get("Location"); to != "" {
					a = s.do(t, http.MethodGet, to, nil, "Accept", "text/html")
				}
				for _, word := range []string{"graphiql.min.css", "GraphQL Playground", "GraphiQL", "graphql-playground"} {
					if strings.Contains(string(a.body), word) {
						return true
					}
				}
				return false
			}},
			{"unhandled errors", func() bool { return strings.Contains(string(ask("qwerty cop { abc }").body), "exception") }},
		} {
			if c.vulnerable() {
				t.Errorf("vulnerable: %s", c.name)
			}
		}
		// What it is not to stop: the same query of who means it.
		if data(s.do(t, http.MethodGet, query("query", "{__typename}"), nil, "Accept", typeJSON), "__typename") == nil {
			t.Error("a GET request that is meant for GraphQL is refused")
		}
		if data(ask("query cop { __typename }"), "__typename") == nil {
			t.Error("an ordinary query is refused")
		}
	})
}

func repeatedly[T any](n int, one T) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = one
	}
	return all
}
