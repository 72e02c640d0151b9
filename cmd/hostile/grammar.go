package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// grammar is what documents are made of.
type grammar struct {
	schema *ast.Schema
	// known are ids of things that the attackers own, and of some that they do not.
	known []string
}

func readGrammar(root string) (*grammar, error) {
	text, err := os.ReadFile(filepath.Join(root, "schema.graphqls"))
	if err != nil {
		return nil, err
	}
	schema, problem := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if problem != nil {
		return nil, problem
	}
	return &grammar{schema: schema}, nil
}

// request is a GraphQL request, good or bad.
type request struct {
	document  string
	variables map[string]any
	name      string
	extra     map[string]any
	operation ast.Operation
	// hashes tells that it makes the server hash a password, which takes long by
	// intention, and ends that it may end the session that asks.
	hashes, ends bool
}

// body gives the request as JSON.
func (q request) body() []byte {
	all := map[string]any{"query": q.document}
	if q.variables != nil {
		all["variables"] = q.variables
	}
	if q.name != "" {
		all["operationName"] = q.name
	}
	for name, value := range q.extra {
		all[name] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // what is made here can be written
	}
	return text
}

// maker makes one request.
type maker struct {
	*grammar
	*rand.Rand
	request
	declared  []string // of variables
	fragments []string
	fields    int // how many there may be yet
	aliases   int // so that no two fields have one name
}

// make makes a request: valid, nearly valid, broken or monstrous.
func (g *grammar) make(r *rand.Rand) request {
	m := &maker{grammar: g, Rand: r, fields: 5 + r.IntN(60)}
	if r.IntN(12) == 0 {
		return m.monster()
	}
	m.operate()
	switch n := r.IntN(100); {
	case n < 45:
	case n < 80:
		m.bend()
	default:
		m.breakUp()
	}
	return m.request
}

func (m *maker) chance(of, in int) bool { return m.IntN(in) < of }

func pick[T any](m *rand.Rand, from []T) T { return from[m.IntN(len(from))] }

// operate writes an operation that the schema has.
func (m *maker) operate() {
	root := m.schema.Query
	m.operation = ast.Query
	switch n := m.IntN(100); {
	case n < 35:
		m.operation, root = ast.Mutation, m.schema.Mutation
	case n < 45:
		m.operation, root = ast.Subscription, m.schema.Subscription
	}
	selection := m.selection(root, 1+m.IntN(6), true)
	head := string(m.operation)
	if m.chance(1, 2) {
		m.name = "Op"
		head += " Op"
	}
	if len(m.declared) > 0 {
		head += "(" + strings.Join(m.declared, ", ") + ")"
	}
	m.document = head + " " + selection + strings.Join(m.fragments, "")
}

// costly are the mutations that hash passwords, and fatal those that may end a session.
var (
	costly = []string{"register", "logIn", "changePassword", "resetPassword", "changeContact", "eraseAccount", "requestPasswordReset"}
	fatal  = []string{"logOut", "revokeSession", "revokeOtherSessions", "changePassword", "eraseAccount", "resetPassword"}
)

func (m *maker) fieldsOf(t *ast.Definition, root bool) []*ast.FieldDefinition {
	var all []*ast.FieldDefinition
	for _, f := range t.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		// These are rare, or the server does nothing else.
		if root && t == m.schema.Mutation && (slices.Contains(costly, f.Name) || slices.Contains(fatal, f.Name)) && !m.chance(1, 40) {
			continue
		}
		all = append(all, f)
	}
	return all
}

func (m *maker) selection(t *ast.Definition, depth int, root bool) string {
	var parts []string
	if !root && m.chance(1, 4) {
		parts = append(parts, "__typename")
	}
	fields := m.fieldsOf(t, root)
	count := 1 + m.IntN(4)
	if root && t == m.schema.Subscription {
		count = 1
	}
	for i := 0; i < count && len(fields) > 0 && m.fields > 0; i++ {
		if text := m.field(t, pick(m.Rand, fields), depth, root); text != "" {
			parts = append(parts, text)
		}
	}
	if t.IsAbstractType() && depth > 0 {
		for _, of := range m.schema.GetPossibleTypes(t) {
			if m.chance(1, 3) && m.fields > 0 {
				parts = append(parts, "... on "+of.Name+" "+m.selection(of, depth-1, false))
			}
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "__typename")
	}
	if !root && m.chance(1, 15) {
		name := fmt.Sprint("F", len(m.fragments))
		m.fragments = append(m.fragments, " fragment "+name+" on "+t.Name+" { "+strings.Join(parts, " ")+" }")
		return "{ ..." + name + " }"
	}
	return "{ " + strings.Join(parts, " ") + " }"
}

func (m *maker) field(of *ast.Definition, f *ast.FieldDefinition, depth int, root bool) string {
	t := m.schema.Types[f.Type.Name()]
	if t.IsCompositeType() && depth <= 0 {
		return ""
	}
	m.fields--
	if root && of == m.schema.Mutation {
		m.hashes = m.hashes || slices.Contains(costly, f.Name)
		m.ends = m.ends || slices.Contains(fatal, f.Name)
	}
	m.aliases++
	text := fmt.Sprintf("a%d: %s", m.aliases, f.Name)
	var arguments []string
	for _, a := range f.Arguments {
		if a.Type.NonNull && a.DefaultValue == nil || m.chance(1, 2) {
			arguments = append(arguments, a.Name+": "+m.argument(a.Name, a.Type))
		}
	}
	if len(arguments) > 0 {
		text += "(" + strings.Join(arguments, ", ") + ")"
	}
	if m.chance(1, 20) {
		text += fmt.Sprintf(" @%s(if: %v)", pick(m.Rand, []string{"skip", "include"}), m.chance(1, 2))
	}
	if t.IsCompositeType() {
		text += " " + m.selection(t, depth-1, false)
	}
	return text
}

// argument writes a value, or a variable that has it.
func (m *maker) argument(name string, t *ast.Type) string {
	value := m.value(name, t, 3)
	if m.chance(1, 3) || t.Name() == "Upload" {
		variable := fmt.Sprint("v", len(m.declared))
		m.declared = append(m.declared, "$"+variable+": "+t.String())
		if m.variables == nil {
			m.variables = map[string]any{}
		}
		m.variables[variable] = value
		return "$" + variable
	}
	return m.literal(t, value)
}

// value makes a value of a type.
func (m *maker) value(name string, t *ast.Type, depth int) any {
	if !t.NonNull && m.chance(1, 10) {
		return nil
	}
	if t.Elem != nil {
		list := []any{}
		for range m.IntN(4) {
			list = append(list, m.value(name, t.Elem, depth-1))
		}
		return list
	}
	def := m.schema.Types[t.NamedType]
	switch def.Kind {
	case ast.Enum:
		return pick(m.Rand, def.EnumValues).Name
	case ast.InputObject:
		object := map[string]any{}
		for _, f := range def.Fields {
			if f.Type.NonNull && f.DefaultValue == nil || m.chance(1, 3) && depth > 0 {
				object[f.Name] = m.value(f.Name, f.Type, depth-1)
			}
		}
		return object
	}
	switch t.NamedType {
	case "Int":
		return pick(m.Rand, []int{0, 1, 2, 3, 10, 20, 50, 100, 101, 1000, -1, 1<<31 - 1, -1 << 31})
	case "Float":
		return m.NormFloat64() * 1e6
	case "Boolean":
		return m.chance(1, 2)
	case "ID":
		return m.id()
	case "Upload":
		return nil
	}
	if right := scalars[t.NamedType]; right != nil && m.chance(3, 4) {
		return pick(m.Rand, right)
	}
	return m.text(name)
}

// scalars are texts that are right for a scalar.
var scalars = map[string][]string{
	"Time":         {"2026-11-29T06:00:00Z", "2099-01-01T00:00:00.123456Z", "2020-02-29T23:59:59+02:00"},
	"Cursor":       {"kdSHlcismAMBoiYExKx-HYtnf7-Z1SS6", "AA", "AQ"},
	"PhoneNumber":  {"01011223344", "+201011223344"},
	"EmailAddress": {"mona@example.com"},
	"Locale":       {"ar-EG", "en"},
}

// id gives an id of something, or what looks like one.
func (m *maker) id() string {
	id := pick(m.Rand, m.known)
	switch m.IntN(12) {
	case 0:
		return m.text("id")
	case 1: // of another kind
		kind, _, _ := strings.Cut(pick(m.Rand, m.known), "_")
		_, rest, _ := strings.Cut(id, "_")
		return kind + "_" + rest
	case 2:
		b := []byte(id)
		b[m.IntN(len(b))] = "0123456789abcdefz_"[m.IntN(18)]
		return string(b)
	}
	return id
}

// texts are what people and machines write, and what breaks programs that read it.
var texts = []string{
	"", " ", "a", "Salam", "مساء الخير يا جيران", "👨‍👩‍👧‍👦🏳️‍🌈", "e\u0301\u0301\u0301\u0301", "\u202eevil", "a\u0000b", "\ufeff", "\u2028", "'; DROP TABLE users; --",
	"<script>alert(1)</script>", "../../../../etc/passwd", "%s%n%x", "${jndi:ldap://x}", "{{7*7}}", "\r\nSet-Cookie: a=b", "NaN", "null", "true", "-0", "1e400", "99999999999999999999",
	"2026-02-30T25:61:61Z", "2026-11-29T06:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "+201011223344", "01011223344", "٠١٠١١٢٢٣٣٤٤", "mona@example.com", "\"a b\"@example.com", "a@b", "ab@\u00e9xample.com",
	"ar-EG", "en", "x-x-x-x-x-x-x-x", "AAAA-BBBB-CCCC-DDDD", "000000", "👍", "❤️", "🇪🇬", "@Omar", "#", "*", "\\", "\"", "\u0600\u0601", "ﷺ", "ｆｕｌｌ", "ﬀ", "İ", "ß", "\u1e9e",
}

func (m *maker) text(name string) string {
	switch n := m.IntN(40); {
	case n == 0:
		return strings.Repeat(pick(m.Rand, texts), 1+m.IntN(3000))
	case n < 4:
		b := make([]rune, m.IntN(60))
		for i := range b {
			if b[i] = rune(m.IntN(0x11000)); m.chance(1, 10) {
				b[i] = rune(m.IntN(0x110000))
			}
		}
		return string(b)
	case n < 8:
		return pick(m.Rand, m.known)
	case n < 20 && (name == "text" || name == "key" || name == "name" || name == "number"):
		return fmt.Sprintf("%s %d", pick(m.Rand, texts[2:6]), m.IntN(1_000_000))
	}
	return pick(m.Rand, texts)
}

// literal writes a value as documents have it.
func (m *maker) literal(t *ast.Type, value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, m.literal(t.Elem, e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		def := m.schema.Types[t.Name()]
		var parts []string
		for _, f := range def.Fields { // in this order, so that a seed makes one document
			if e, given := v[f.Name]; given {
				parts = append(parts, f.Name+": "+m.literal(f.Type, e))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case string:
		if m.schema.Types[t.Name()].Kind == ast.Enum {
			return v
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
