package e2e

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	permissionsFile = "testdata/permissions.txt"
	contractFile    = "../schema.graphqls"
)

// permission is a line of the table.
type permission struct {
	line      int
	field, on string
	// cells say what each role gets.
	cells []string
}

// of gives the type that the field is of, and the field's name.
func (p permission) of() (typ, name string) {
	typ, name, _ = strings.Cut(p.field, ".")
	return typ, name
}

func (p permission) isRoot() bool {
	typ, _ := p.of()
	return slices.Contains([]string{"Query", "Mutation", "Subscription"}, typ)
}

// columns are what the row has in each.
func (p permission) columns() []string {
	return append([]string{p.field, p.on}, p.cells...)
}

// text writes the row as the table has it.
func (p permission) text(widths []int) string {
	var b strings.Builder
	for i, column := range p.columns() {
		fmt.Fprintf(&b, "%-*s", widths[i], column)
	}
	return strings.TrimRight(b.String(), " ")
}

var gap = regexp.MustCompile(` {2,}`)

// widthsOf gives how wide the columns of aligned rows are.
func widthsOf(rows []permission) []int {
	widths := make([]int, 2+len(roles))
	for _, row := range rows {
		for i, column := range row.columns() {
			widths[i] = max(widths[i], utf8.RuneCountInString(column)+2)
		}
	}
	return widths
}

// readPermissions reads the table: a line a row, with two spaces or more between
// its columns; # begins a remark. What the header is, and that the columns stand
// below each other, is checked, since people read it.
func readPermissions(text string) (rows []permission, err error) {
	header := permission{field: "field", on: "on", cells: roles}
	all := []permission{}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := gap.Split(line, -1)
		if len(columns) != 2+len(roles) {
			return nil, fmt.Errorf("%s:%d: a row has a field, what it is played on, and what each of %d roles gets", permissionsFile, i+1, len(roles))
		}
		all = append(all, permission{line: i + 1, field: columns[0], on: columns[1], cells: columns[2:]})
	}
	widths := widthsOf(all)
	lines := strings.Split(text, "\n")
	for i, row := range all {
		if want := row.text(widths); lines[row.line-1] != want {
			return nil, fmt.Errorf("%s:%d: not aligned; it should be\n%s", permissionsFile, row.line, want)
		}
		isHeader := slices.Equal(row.columns(), header.columns())
		if isHeader != (i == 0) {
			return nil, fmt.Errorf("%s:%d: the first row, and only that, is the header\n%s", permissionsFile, row.line, header.text(widths))
		}
		if i > 0 {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func mustReadPermissions(t *testing.T) []permission {
	t.Helper()
	text, err := os.ReadFile(permissionsFile)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := readPermissions(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// mustReadContract reads the schema as it is published.
func mustReadContract(t *testing.T) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile(contractFile)
	if err != nil {
		t.Fatal(err)
	}
	contract, err := gqlparser.LoadSchema(&ast.Source{Name: contractFile, Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return contract
}

// nodeTypes gives the types that node(id) can give.
func nodeTypes(contract *ast.Schema) []string {
	var names []string
	for _, typ := range contract.PossibleTypes["Node"] {
		names = append(names, typ.Name)
	}
	return names
}

// permittedFields gives all fields that need a row.
func permittedFields(contract *ast.Schema) []string {
	var fields []string
	for _, typ := range append([]string{"Query", "Mutation", "Subscription", "ManagedBuilding"}, nodeTypes(contract)...) {
		for _, field := range contract.Types[typ].Fields {
			if !strings.HasPrefix(field.Name, "__") {
				fields = append(fields, typ+"."+field.Name)
			}
		}
	}
	return fields
}

// faultsOfPermissions tells what is wrong with the table, before it is played.
func faultsOfPermissions(contract *ast.Schema, rows []permission) []string {
	var faults []string
	add := func(format string, about ...any) { faults = append(faults, fmt.Sprintf(format, about...)) }
	words := []string{"ok", "null", "empty", "-"}
	for _, code := range contract.Types["ErrorCode"].EnumValues {
		words = append(words, code.Name)
	}
	needed := permittedFields(contract)
	have := map[string]bool{}
	for _, row := range rows {
		key := row.field + " on " + row.on
		if have[key] {
			add("%d: %s has two rows", row.line, key)
		}
		have[row.field], have[key] = true, true
		if row.field == "Query.node" {
			typ, _, _ := strings.Cut(row.on, ":")
			have["node of "+typ] = true
		}
		if !slices.Contains(needed, row.field) {
			add("%d: the schema has no %s", row.line, row.field)
		}
		for i, cell := range row.cells {
			if !slices.Contains(words, cell) {
				add("%d: what %s gets is %q, which is no word of the table", row.line, roles[i], cell)
			}
		}
	}
	for _, field := range needed {
		if !have[field] {
			add(" %s has no row: who may, and who may not?", field)
		}
	}
	for _, typ := range nodeTypes(contract) {
		if !have["node of "+typ] {
			add(" Query.node has no row for %s: who may read one by its id?", typ)
		}
	}
	return faults
}

// Each field of the schema has a row, and each row a field.
func TestPermissionTable(t *testing.T) {
	t.Parallel()
	for _, fault := range faultsOfPermissions(mustReadContract(t), mustReadPermissions(t)) {
		t.Errorf("%s:%s", permissionsFile, fault)
	}
}

// What reads the table is tested itself, or a row that is not read would pass.
func TestPermissionTableIsRead(t *testing.T) {
	t.Parallel()
	contract, err := gqlparser.LoadSchema(&ast.Source{Input: `
		interface Node { id: ID! }
		type Room implements Node { id: ID! }
		type ManagedBuilding { room: Room }
		enum ErrorCode { NOT_FOUND }
		type Query { node(id: ID!): Node }
		type Mutation { sendMessage: ID }
		type Subscription { roomSignals: ID }`})
	if err != nil {
		t.Fatal(err)
	}
	cells := func(word string) []string { return slices.Repeat([]string{word}, len(roles)) }
	header := permission{field: "field", on: "on", cells: roles}
	whole := []permission{
		{field: "Query.node", on: "Room: the room", cells: cells("ok")},
		{field: "Mutation.sendMessage", on: "-", cells: cells("ok")},
		{field: "Subscription.roomSignals", on: "the room", cells: cells("NOT_FOUND")},
		{field: "Room.id", on: "the room", cells: cells("-")},
		{field: "ManagedBuilding.room", on: "a room", cells: cells("ok")},
	}
	write := func(rows []permission) string {
		rows = append([]permission{header}, rows...)
		text := "# A remark.\n\n"
		for _, row := range rows {
			text += row.text(widthsOf(rows)) + "\n"
		}
		return text
	}
	rows, err := readPermissions(write(whole))
	if err != nil {
		t.Fatal(err)
	}
	if faults := faultsOfPermissions(contract, rows); len(faults) > 0 {
		t.Errorf("a whole table has faults: %q", faults)
	}
	changed := func(i int, change func(*permission)) []permission {
		rows := slices.Clone(whole)
		change(&rows[i])
		return rows
	}
	for name, wrong := range map[string][]permission{
		"a field without a row":      slices.Delete(slices.Clone(whole), 3, 4),
		"a root without a row":       slices.Delete(slices.Clone(whole), 2, 3),
		"a row without a field":      append(slices.Clone(whole), permission{field: "Room.name", on: "the room", cells: cells("ok")}),
		"a row twice":                append(slices.Clone(whole), whole[0]),
		"a Node type without a row":  changed(0, func(p *permission) { p.on = "Building: the building" }),
		"a word that is none":        changed(0, func(p *permission) { p.cells = cells("OK") }),
		"a code that is none":        changed(0, func(p *permission) { p.cells = cells("GONE") }),
		"a root that misses its dot": changed(0, func(p *permission) { p.field = "node" }),
	} {
		rows, err := readPermissions(write(wrong))
		if err != nil {
			t.Fatal(err)
		}
		if faults := faultsOfPermissions(contract, rows); len(faults) == 0 {
			t.Errorf("%s is no fault", name)
		}
	}
	for name, text := range map[string]string{
		"nothing aligned":   strings.ReplaceAll(write(whole), "Room.id  ", "Room.id   "),
		"no header":         strings.ReplaceAll(write(whole), "field", "felid"),
		"a column too few":  strings.ReplaceAll(write(whole), "stranger", ""),
		"nothing but words": "a row of words\n",
	} {
		if rows, err := readPermissions(text); err == nil {
			t.Errorf("%s is read as %v", name, rows)
		}
	}
}
