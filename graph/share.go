package graph

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// maxShared bounds the text of a selection that is shared, in bytes: fragments that
// spread others often make one that is much longer than its document.
const maxShared = 8 << 10

// sharer writes what a subscription selects of the entries of a room as one text that
// is the same for all who select the same, whatever they call their operation,
// variables and fragments. It fails closed: what reads differently to different
// people, or what it does not know, is not shared.
type sharer struct {
	schema    *ast.Schema
	fragments ast.FragmentDefinitionList
	variables map[string]any
	text      strings.Builder
}

// errNotShared says that a selection depends on who asks, or may.
type errNotShared struct{ why string }

func (e errNotShared) Error() string { return e.why }

// asksWho tells whether a field depends on who asks, by the schema's rule: its name
// begins with "viewer", or it is of a type that only its owner or a building's
// managers reach.
func asksWho(parent *ast.Definition, field *ast.FieldDefinition) bool {
	return strings.HasPrefix(field.Name, "viewer") || slices.Contains(ownersTypes, parent.Name) ||
		slices.Contains(ownersTypes, field.Type.Name())
}

// readsNow tells whether a field reads what is in a room or a building at the moment
// at which it is read, by those who are in it then, or whether somebody is there. An entry is also told to people
// who left after it, so what it reads then is for each by themselves.
func readsNow(parent *ast.Definition, field *ast.FieldDefinition) bool {
	return slices.Contains(present[parent.Name], field.Name)
}

var present = map[string][]string{
	"Room":      {"lastMessage", "messages", "messagesAround", "events", "pinnedMessages", "participants"},
	"Building":  {"createdAt", "apartments", "members"},
	"Apartment": {"residents"},
	"Message":   {"replies", "readers"},
	"User":      {"presence"},
}

// ownersTypes are the types that only their owner, or managers, reach.
var ownersTypes = []string{
	"Viewer", "Session", "LogInPayload", "ManagedBuilding", "Invitation", "InvitationPreview", "Report", "AuditEntry",
}

// shared gives the text of a selection on an entry; an error where it may not be
// shared.
func (s *sharer) shared(on string, selected ast.SelectionSet) (text string, err error) {
	defer func() {
		if v := recover(); v != nil {
			refused, ok := v.(errNotShared)
			if !ok {
				panic(v)
			}
			err = refused
		}
	}()
	s.selection(s.schema.Types[on], selected)
	return s.text.String(), nil
}

func (s *sharer) write(texts ...string) {
	for _, t := range texts {
		s.text.WriteString(t)
	}
	if s.text.Len() > maxShared {
		panic(errNotShared{"it is too long"})
	}
}

func (s *sharer) selection(on *ast.Definition, selected ast.SelectionSet) {
	if on == nil || on.Kind != ast.Object {
		panic(errNotShared{"it is of more than one type"})
	}
	s.write("{")
	s.fields(on, selected)
	s.write("}")
}

// fields writes the fields of a selection, those of fragments among them.
func (s *sharer) fields(on *ast.Definition, selected ast.SelectionSet) {
	for _, one := range selected {
		switch one := one.(type) {
		case *ast.Field:
			if s.included(one.Directives) {
				s.field(on, one)
			}
		case *ast.InlineFragment:
			if s.included(one.Directives) && s.applies(one.TypeCondition, on) {
				s.fields(on, one.SelectionSet)
			}
		case *ast.FragmentSpread:
			fragment := s.fragments.ForName(one.Name)
			if fragment == nil {
				panic(errNotShared{"a fragment is missing"})
			}
			if s.included(one.Directives) && s.applies(fragment.TypeCondition, on) {
				s.fields(on, fragment.SelectionSet)
			}
		}
		s.write("") // what is empty has an end, too
	}
}

// applies tells whether a fragment is for objects of a type.
func (s *sharer) applies(condition string, on *ast.Definition) bool {
	return condition == "" || condition == on.Name ||
		slices.ContainsFunc(s.schema.PossibleTypes[condition], func(d *ast.Definition) bool { return d.Name == on.Name })
}

// included obeys @skip and @include, and shares nothing with other directives.
func (s *sharer) included(directives ast.DirectiveList) bool {
	for _, d := range directives {
		condition, ok := d.ArgumentMap(s.variables)["if"].(bool)
		switch {
		case d.Name == "skip" && ok && condition, d.Name == "include" && ok && !condition:
			return false
		case !ok || d.Name != "skip" && d.Name != "include":
			panic(errNotShared{"it has a directive"})
		}
	}
	return true
}

func (s *sharer) field(on *ast.Definition, f *ast.Field) {
	if f.Name == "__typename" {
		s.write(f.Alias, ":__typename ")
		return
	}
	definition := on.Fields.ForName(f.Name)
	if definition == nil || asksWho(on, definition) || readsNow(on, definition) {
		panic(errNotShared{"it depends on who asks"})
	}
	s.write(f.Alias, ":", f.Name)
	s.arguments(definition, f.ArgumentMap(s.variables))
	if len(f.SelectionSet) > 0 {
		s.selection(s.schema.Types[definition.Type.Name()], f.SelectionSet)
	}
	s.write(" ")
}

// arguments writes the values of a field's arguments, given ones and defaults, in the
// order of their definition.
func (s *sharer) arguments(definition *ast.FieldDefinition, values map[string]any) {
	separator := "("
	for _, d := range definition.Arguments {
		if value, given := values[d.Name]; given {
			s.write(separator, d.Name, ":", s.literal(d.Type, value))
			separator = ","
		}
	}
	if separator == "," {
		s.write(")")
	}
}

// literal gives a value as GraphQL has it.
func (s *sharer) literal(t *ast.Type, value any) string {
	if value == nil {
		return "null"
	}
	if t.Elem != nil {
		panic(errNotShared{"an argument is a list"})
	}
	kind := s.schema.Types[t.NamedType].Kind
	switch value := value.(type) {
	case string:
		if kind == ast.Enum {
			return value
		}
		text, err := json.Marshal(value)
		if err != nil {
			panic(errNotShared{err.Error()})
		}
		return string(text)
	case bool:
		return strconv.FormatBool(value)
	case int64, int, float64, json.Number:
		return fmt.Sprint(value)
	}
	panic(errNotShared{"an argument is no scalar"})
}
