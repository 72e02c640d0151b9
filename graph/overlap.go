package graph

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
)

const (
	// maxOverlap bounds what overlappingFields does for one document, in fields that
	// it looks at. At maxTokens, a document that is not made to be costly needs at
	// most a few thousand.
	maxOverlap = 50_000
	// overlapOfSet is what a set costs beside its fields.
	overlapOfSet = 5
	// maxConflicts is how many conflicts are told of one document.
	maxConflicts = 10
)

// overlappingFields is the rule "Field Selection Merging" of GraphQL (5.3.2) in place
// of gqlparser's, which compares fields in pairs. This one merges all that an answer
// has in one place, and compares each field with the first of its name there.
func overlappingFields(events *core.Events, addError core.AddErrFunc) {
	o := overlap{
		addError:  addError,
		names:     map[string]*responseName{},
		calls:     map[string]int{},
		fields:    map[fieldIdentity]*mergedField{},
		fragments: map[*ast.FragmentDefinition]*selections{},
		queued:    map[string]bool{},
	}
	events.OnOperation(func(w *core.Walker, operation *ast.OperationDefinition) {
		o.schema = w.Schema
		o.check(o.selectionsOf(operation.SelectionSet))
	})
	// These come last. What an operation spreads, or another of them, is checked.
	events.OnFragment(func(w *core.Walker, fragment *ast.FragmentDefinition) {
		o.schema = w.Schema
		if o.fragments[fragment] == nil {
			o.check(o.fragment(fragment))
		}
	})
}

// selections are what a selection set has, with what its inline fragments have.
// Fragments that it spreads stand for themselves, so that those in a circle end.
type selections struct {
	id      int
	fields  []*mergedField
	spreads []*selections
	round   int // of collect that saw it last
}

// mergedField is a field, or all that are alike and have no selections.
type mergedField struct {
	id       int
	field    *ast.Field
	name     *responseName
	call     int         // the same for the same name and arguments
	shape    string      // the same for types that may share a name in the answer
	below    *selections // nil for none
	reported bool
}

// responseName is a name in the answer, once for the document.
type responseName struct {
	round, group int // of collect that saw it last, and where it put it
}

// fieldIdentity tells fields apart.
type fieldIdentity struct {
	parent *ast.Definition
	name   *responseName
	call   int
	itself *ast.Field // nil for fields without selections
}

// aspects are in what fields must agree.
type aspects byte

const (
	sameShape aspects = 1 << iota // that any two of a name must have
	sameCall                      // that two must have that one object may answer
)

// mergedSet is selections that are one in the answer.
type mergedSet struct {
	of      []*selections
	aspects aspects
}

// overlap checks a document.
type overlap struct {
	schema    *ast.Schema
	addError  core.AddErrFunc
	names     map[string]*responseName
	calls     map[string]int
	fields    map[fieldIdentity]*mergedField
	fragments map[*ast.FragmentDefinition]*selections
	queue     []mergedSet
	queued    map[string]bool // by identity, all that ever were in the queue
	ids       int
	round     int
	looked    int // of maxOverlap
	conflicts int
}

// selectionsOf gives a selection set that is no fragment's.
func (o *overlap) selectionsOf(set ast.SelectionSet) *selections {
	o.ids++
	s := &selections{id: o.ids}
	o.fill(s, set)
	return s
}

// fragment gives what a fragment selects, the same each time.
func (o *overlap) fragment(f *ast.FragmentDefinition) *selections {
	s := o.fragments[f]
	if s == nil {
		o.ids++
		s = &selections{id: o.ids}
		o.fragments[f] = s // before it is filled, as it may spread itself
		o.fill(s, f.SelectionSet)
	}
	return s
}

// fill adds what a selection set has, but for what the schema has not, which other
// rules refuse.
func (o *overlap) fill(s *selections, set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if selection.Definition != nil && selection.ObjectDefinition != nil {
				s.fields = append(s.fields, o.field(selection))
			}
		case *ast.InlineFragment:
			o.fill(s, selection.SelectionSet)
		case *ast.FragmentSpread:
			if selection.Definition != nil {
				s.spreads = append(s.spreads, o.fragment(selection.Definition))
			}
		}
	}
	slices.SortFunc(s.fields, func(a, b *mergedField) int { return a.id - b.id })
	s.fields = slices.Compact(s.fields)
	s.spreads = unique(s.spreads)
}

// field gives a field, the same for all that are alike and have no selections.
func (o *overlap) field(f *ast.Field) *mergedField {
	name := cmp.Or(f.Alias, f.Name)
	if o.names[name] == nil {
		o.names[name] = &responseName{}
	}
	call := string(appendCall(nil, f))
	if o.calls[call] == 0 {
		o.calls[call] = len(o.calls) + 1
	}
	identity := fieldIdentity{parent: f.ObjectDefinition, name: o.names[name], call: o.calls[call]}
	if len(f.SelectionSet) > 0 {
		identity.itself = f
	}
	m := o.fields[identity]
	if m == nil {
		o.ids++
		m = &mergedField{id: o.ids, field: f, name: identity.name, call: identity.call, shape: o.shape(f.Definition.Type)}
		if f.Name == "__typename" { // gqlparser has it as a type that may be null
			m.shape = "String!"
		}
		if len(f.SelectionSet) > 0 {
			m.below = o.selectionsOf(f.SelectionSet)
		}
		o.fields[identity] = m
	}
	return m
}

// shape is of a type what "SameResponseShape" compares: what composite types have is
// compared by itself.
func (o *overlap) shape(t *ast.Type) string {
	shape := t.NamedType
	if t.Elem != nil {
		shape = "[" + o.shape(t.Elem) + "]"
	} else if d := o.schema.Types[t.NamedType]; d != nil && d.IsCompositeType() {
		shape = "{}"
	}
	if t.NonNull {
		shape += "!"
	}
	return shape
}

// appendCall appends the name and the arguments of a field, the same for the same in
// any order.
func appendCall(b []byte, f *ast.Field) []byte {
	arguments := &ast.Value{Kind: ast.ObjectValue, Raw: f.Name}
	for _, a := range f.Arguments {
		arguments.Children = append(arguments.Children, &ast.ChildValue{Name: a.Name, Value: a.Value})
	}
	return appendValue(b, arguments)
}

// appendValue appends a value so that no two give the same: texts come after their
// length, and lists after theirs.
func appendValue(b []byte, v *ast.Value) []byte {
	text := func(s string) {
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(append(b, ' '), s...)
	}
	b = append(b, 'a'+byte(v.Kind)) //nolint:gosec // there are ten kinds
	text(v.Raw)
	children := v.Children
	if v.Kind == ast.ObjectValue {
		children = slices.SortedStableFunc(slices.Values(children), func(a, b *ast.ChildValue) int { return strings.Compare(a.Name, b.Name) })
	}
	b = append(strconv.AppendInt(b, int64(len(children)), 10), ' ')
	for _, c := range children {
		text(c.Name)
		b = appendValue(b, c.Value)
	}
	return b
}

// check finds the conflicts in selections and in all below them.
func (o *overlap) check(s *selections) {
	o.enqueue([]*selections{s}, sameShape|sameCall)
	for len(o.queue) > 0 && !o.done() {
		next := o.queue[0]
		o.queue = o.queue[1:]
		for _, group := range o.collect(next.of) {
			o.group(group, next.aspects)
		}
	}
}

// done tells whether enough is known to refuse the document.
func (o *overlap) done() bool { return o.looked > maxOverlap || o.conflicts >= maxConflicts }

// look tells whether so many more fields may be looked at.
func (o *overlap) look(fields int) bool {
	if o.done() {
		return false
	}
	if o.looked += fields; o.looked > maxOverlap {
		o.addError(core.Message("exceeded the limit of fields that overlap"))
	}
	return !o.done()
}

// collect groups the fields of a set by their names in the answer.
func (o *overlap) collect(set []*selections) [][]*mergedField {
	o.round++
	var groups [][]*mergedField
	for i := 0; i < len(set); i++ { // which grows
		s := set[i]
		if s.round == o.round {
			continue
		}
		s.round = o.round
		if !o.look(1 + len(s.fields) + len(s.spreads)) {
			return nil
		}
		for _, f := range s.fields {
			if f.name.round != o.round {
				f.name.round, f.name.group = o.round, len(groups)
				groups = append(groups, nil)
			}
			groups[f.name.group] = append(groups[f.name.group], f)
		}
		set = append(set, s.spreads...)
	}
	return groups
}

// group compares fields of one name, and enqueues what is below them. It takes them
// together: all with the same parent, or with one that may be the same object, must
// agree with each other, so it is enough that each agrees with the first.
func (o *overlap) group(group []*mergedField, of aspects) {
	together := [][]*mergedField{group}
	if of&sameCall != 0 {
		together = o.byParent(group)
		for _, fields := range together {
			if o.differ(fields, "they are not the same field with the same arguments", func(a, b *mergedField) bool { return a.call != b.call }) {
				return
			}
		}
	}
	if of&sameShape != 0 && o.differ(group, "they give values of different types", func(a, b *mergedField) bool { return a.shape != b.shape }) {
		return
	}
	if len(together) == 1 {
		o.below(group, of)
		return
	}
	o.below(group, of&sameShape)
	for _, fields := range together {
		o.below(fields, sameCall)
	}
}

// byParent gives for each object type that is a parent its fields and those that it
// may answer too, of interfaces and unions. Without such a type it is one list.
func (o *overlap) byParent(group []*mergedField) [][]*mergedField {
	objects := map[*ast.Definition]int{}
	var lists [][]*mergedField
	var abstract []*mergedField
	for _, f := range group {
		parent := f.field.ObjectDefinition
		if parent.Kind != ast.Object {
			abstract = append(abstract, f)
			continue
		}
		i, known := objects[parent]
		if !known {
			i = len(lists)
			objects[parent] = i
			lists = append(lists, nil)
		}
		lists[i] = append(lists[i], f)
	}
	if len(lists) <= 1 {
		return [][]*mergedField{group}
	}
	for i := range lists {
		if !o.look(len(abstract)) {
			return nil
		}
		lists[i] = append(lists[i], abstract...)
	}
	return lists
}

// differ reports a field that is unlike the first.
func (o *overlap) differ(fields []*mergedField, why string, unlike func(a, b *mergedField) bool) bool {
	for _, f := range fields[1:] {
		if !unlike(fields[0], f) {
			continue
		}
		if !f.reported && !o.done() {
			f.reported = true
			o.conflicts++
			o.addError(core.Message(`Fields "%s" conflict: %s. Use different aliases.`, cmp.Or(f.field.Alias, f.field.Name), why), core.At(f.field.Position))
		}
		return true
	}
	return false
}

// below enqueues what is below fields that are one in the answer.
func (o *overlap) below(fields []*mergedField, of aspects) {
	var set []*selections
	for _, f := range fields {
		if f.below != nil {
			set = append(set, f.below)
		}
	}
	if set = unique(set); len(set) > 0 && of != 0 {
		o.enqueue(set, of)
	}
}

// enqueue has a set checked, once.
func (o *overlap) enqueue(set []*selections, of aspects) {
	identity := []byte{byte(of)}
	for _, s := range set {
		identity = binary.AppendUvarint(identity, uint64(s.id)) //nolint:gosec // a count
	}
	if !o.queued[string(identity)] && o.look(overlapOfSet) {
		o.queued[string(identity)] = true
		o.queue = append(o.queue, mergedSet{set, of})
	}
}

// unique sorts selections, and leaves each once.
func unique(all []*selections) []*selections {
	slices.SortFunc(all, func(a, b *selections) int { return a.id - b.id })
	return slices.Compact(all)
}
