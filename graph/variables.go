package graph

import (
	"context"
	"encoding/json"
	"math"
	"reflect"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// strictVariables refuses variables whose values are not of their types, as the
// GraphQL specification wants it (input coercion, 3.5 and 3.9): gqlparser and
// gqlgen take a number for a String, a String for a number, and the values of an
// enum in any case.
type strictVariables struct{ schema *ast.Schema }

// ExtensionName is for gqlgen.
func (*strictVariables) ExtensionName() string { return "StrictVariables" }

// Validate is for gqlgen.
func (*strictVariables) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext looks at an operation's variables.
func (s *strictVariables) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	nulls := nullVariables{names: map[string]bool{}, seen: map[*ast.FragmentDefinition]bool{}}
	for _, v := range op.Operation.VariableDefinitions {
		value, given := op.Variables[v.Variable]
		if given && !s.fits(v.Type, value) {
			return refuse(omarty.CodeBadRequest, "A variable does not fit its type, "+v.Type.String()+".")
		}
		if given && value == nil {
			nulls.names[v.Variable] = true
		}
	}
	if len(nulls.names) > 0 && nulls.needed(op.Operation.SelectionSet) {
		return refuse(omarty.CodeBadRequest, "A variable is null where a value is needed.")
	}
	return nil
}

// nullVariables finds variables that are null where a value is needed. The
// document may put them there where they have a default, or the place has; that
// they are null all the same shows only now.
type nullVariables struct {
	names map[string]bool
	seen  map[*ast.FragmentDefinition]bool
}

func (n nullVariables) needed(set ast.SelectionSet) bool {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if n.inArguments(selection.Arguments) || n.inDirectives(selection.Directives) || n.needed(selection.SelectionSet) {
				return true
			}
		case *ast.InlineFragment:
			if n.inDirectives(selection.Directives) || n.needed(selection.SelectionSet) {
				return true
			}
		case *ast.FragmentSpread:
			if n.inDirectives(selection.Directives) {
				return true
			}
			if !n.seen[selection.Definition] {
				n.seen[selection.Definition] = true
				if n.needed(selection.Definition.SelectionSet) {
					return true
				}
			}
		}
	}
	return false
}

func (n nullVariables) inDirectives(directives ast.DirectiveList) bool {
	for _, d := range directives {
		if n.inArguments(d.Arguments) {
			return true
		}
	}
	return false
}

func (n nullVariables) inArguments(arguments ast.ArgumentList) bool {
	for _, a := range arguments {
		if n.inValue(a.Value) {
			return true
		}
	}
	return false
}

func (n nullVariables) inValue(v *ast.Value) bool {
	if v.Kind == ast.Variable {
		return n.names[v.Raw] && v.ExpectedType != nil && v.ExpectedType.NonNull
	}
	for _, child := range v.Children {
		if n.inValue(child.Value) {
			return true
		}
	}
	return false
}

// fits tells whether a value, which has the shape of a type already, is of it.
func (s *strictVariables) fits(t *ast.Type, value any) bool {
	if value == nil {
		return true
	}
	if t.Elem != nil {
		list := reflect.ValueOf(value)
		if list.Kind() != reflect.Slice {
			return s.fits(t.Elem, value) // one value is a list of one
		}
		for i := range list.Len() {
			if !s.fits(t.Elem, list.Index(i).Interface()) {
				return false
			}
		}
		return true
	}
	switch def := s.schema.Types[t.NamedType]; def.Kind {
	case ast.InputObject:
		fields, ok := value.(map[string]any)
		for name, field := range fields {
			known := def.Fields.ForName(name)
			if known == nil || !s.fits(known.Type, field) {
				return false
			}
		}
		return ok
	case ast.Enum:
		name, ok := value.(string)
		return ok && def.EnumValues.ForName(name) != nil
	default:
		return fitsScalar(def.Name, value)
	}
}

func fitsScalar(name string, value any) bool {
	switch name {
	case "Boolean":
		_, ok := value.(bool)
		return ok
	case "Int":
		n, ok := number(value)
		return ok && n == math.Trunc(n) && n >= math.MinInt32 && n <= math.MaxInt32
	case "Float":
		_, ok := number(value)
		return ok
	case "Upload":
		_, ok := value.(graphql.Upload)
		return ok
	case "ID":
		if n, ok := number(value); ok {
			return n == math.Trunc(n)
		}
	}
	_, ok := value.(string)
	return ok
}

// number gives a finite number, as JSON or a document's default has it.
func number(value any) (float64, bool) {
	switch n := value.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(string(n), 64)
		return f, err == nil
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case float64:
		return n, !math.IsInf(n, 0) && !math.IsNaN(n)
	}
	return 0, false
}
