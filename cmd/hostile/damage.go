package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

var words = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*|"[^"]*"|[^\sA-Za-z_"]`)

// bend makes a document nearly valid: a name, a value or a type is another's.
func (m *maker) bend() {
	for range 1 + m.IntN(3) {
		at := words.FindAllStringIndex(m.document, -1)
		a, b := at[m.IntN(len(at))], at[m.IntN(len(at))]
		one, other := m.document[a[0]:a[1]], m.document[b[0]:b[1]]
		switch m.IntN(8) {
		case 0: // one word for another
			m.document = m.document[:a[0]] + other + m.document[a[1]:]
		case 1: // without one
			m.document = m.document[:a[0]] + m.document[a[1]:]
		case 2: // one twice
			m.document = m.document[:a[1]] + " " + one + m.document[a[1]:]
		case 3: // a letter more
			m.document = m.document[:a[1]] + "x" + m.document[a[1]:]
		case 4: // another value
			m.document = m.document[:a[0]] + m.wrong() + m.document[a[1]:]
		case 5: // variables of other types, missing, or too many
			for name := range m.variables {
				if m.chance(1, 2) {
					m.variables[name] = m.anything(3)
				} else {
					delete(m.variables, name)
				}
			}
			if m.variables != nil {
				m.variables["more"] = m.anything(4)
			}
		case 6:
			m.name = pick(m.Rand, []string{"Other", "", "Op", " ", "__typename"})
		case 7:
			m.document += pick(m.Rand, []string{" query Other { viewer { id } }", " fragment Unused on User { id }", " { viewer { id } }", " fragment A on User { ...B } fragment B on User { ...A }"})
		}
	}
}

// wrong writes a value that is hardly ever right.
func (m *maker) wrong() string {
	return pick(m.Rand, []string{
		"1", "-1", "1.5", "1e999", "99999999999999999999999999", "true", "null", `""`, `"\u0000"`, `"\ud800"`, `"""block"""`, "[]", "[[[[[]]]]]", "{}", "{a: {a: {a: 1}}}",
		"ENUM", "$undefined", "$v0", "@include", "...", "__schema { types { name } }", "on", "fragment", "é", "\x00", "#", "&", "!", "||",
	})
}

// anything makes a value of no type in particular.
func (m *maker) anything(depth int) any {
	n := 10
	if depth <= 0 {
		n = 7
	}
	switch m.IntN(n) {
	case 0:
		return nil
	case 1:
		return m.IntN(1000) - 500
	case 2:
		return m.NormFloat64() * 1e300
	case 3:
		return m.chance(1, 2)
	case 4:
		return m.text("any")
	case 5:
		return m.id()
	case 6:
		return "9007199254740993"
	case 7:
		list := []any{}
		for range m.IntN(6) {
			list = append(list, m.anything(depth-1))
		}
		return list
	}
	object := map[string]any{}
	for range m.IntN(5) {
		object[pick(m.Rand, []string{"id", "room", "text", "input", "first", "__proto__", "", "a.b", "0"})] = m.anything(depth - 1)
	}
	return object
}

// breakUp makes no document of one: bytes are changed, cut out or put in.
func (m *maker) breakUp() {
	b := []byte(m.document)
	for range 1 + m.IntN(6) {
		if len(b) == 0 {
			break
		}
		i := m.IntN(len(b))
		switch m.IntN(5) {
		case 0:
			b[i] = byte(m.IntN(256))
		case 1:
			b = append(b[:i], b[min(len(b), i+m.IntN(20)):]...)
		case 2:
			j := min(len(b), i+m.IntN(40))
			b = append(b[:j:j], append([]byte(string(b[i:j])), b[j:]...)...)
		case 3:
			b = b[:i]
		case 4:
			b = append(b[:i:i], append([]byte(pick(m.Rand, []string{"{", "}", "(", ")", `"`, `"""`, "\\", "\xff\xfe", "\u2028", "…", "#", "$", "@", "[", "]", ":", "\x00"})), b[i:]...)...)
		}
	}
	m.document = string(b)
}

// monster makes a document that is large, deep or turns in circles.
func (m *maker) monster() request {
	n := 1 << (3 + m.IntN(9)) // to 2,048
	repeat := func(one string) string { return strings.Repeat(one, n) }
	m.operation = ast.Query
	var each strings.Builder
	for i := range n {
		fmt.Fprintf(&each, "a%d: viewer { id } ", i)
	}
	room := pick(m.Rand, m.known)
	m.document = pick(m.Rand, []string{
		"{ " + each.String() + "}",
		"{ viewer " + repeat("{ user ") + "{ id }" + repeat("}") + "}",
		"{ " + repeat("__typename ") + "}",
		"{ viewer { " + repeat("...F ") + "} } fragment F on Viewer { " + repeat("id ") + "}",
		"{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }",
		"{ viewer { id " + repeat("@include(if: true) ") + "} }",
		"{ viewer { id " + repeat("@a ") + "} }",
		"query(" + repeat("$a: Int ") + ") { viewer { id } }",
		"query($a: " + repeat("[") + "Int" + repeat("]") + ") { viewer { id } }",
		"{ node(id: " + repeat("[") + "1" + repeat("]") + ") { id } }",
		"{ node(id: " + repeat("{a: ") + "1" + repeat("}") + ") { id } }",
		`{ node(id: "` + repeat(`\u0041`) + `") { id } }`,
		`{ node(id: """` + repeat(" \n  ") + `""") { id } }`,
		"{ __schema { types " + repeat("{ fields { type ") + "{ name }" + repeat("} }") + "} }",
		"{ __schema { types { fields { args { type { ofType { ofType { ofType { name } } } } } } } } }",
		"{ " + repeat(`__type(name: "User") { name fields { name } } `) + "}",
		`{ node(id: "` + room + `") { ... on Room { ` + repeat(`messages(last: 100) { nodes { author { id } } } `) + `} } }`,
		`{ node(id: "` + room + `") { ... on Room { messages(last: 100) { nodes { replyTo { replyTo { replyTo { replyTo { author { id } } } } } reactions { emoji } } } } } }`,
		repeat("query A { viewer { id } } "),
		repeat("# comment\n") + "{ viewer { id } }",
		repeat(" ,\t\ufeff") + "{ viewer { id } }",
		`mutation { ` + repeat(`setTyping(room: "`+room+`", active: true) { room { id } } `) + "}",
		repeat("("), repeat("{"), repeat("..."), repeat(`"`), repeat("\xff"),
	})
	// No two are the same: what comes again and again the server may keep.
	m.document += fmt.Sprint(" #", m.Uint32())
	if m.chance(1, 4) {
		m.variables = map[string]any{"a": m.anything(12)}
	}
	if m.chance(1, 6) {
		m.extra = map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": m.anything(1), "sha256Hash": m.text("hash")}}}
	}
	return m.request
}
