package graph

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/omarty/chat/internal/omarty"
)

// What one operation may be. Where a limit is on what is asked for, spreading a
// fragment twice counts twice.
const (
	// maxTokens bounds a document before it is validated, which takes quadratic
	// time.
	maxTokens = 1000
	// maxDepth is how deep selections may nest. The introspection of common
	// clients needs 15.
	maxDepth = 20
	// maxAliases is how many fields may have another name than their own.
	maxAliases = 100
	// maxCost is how many fields an answer may have, as far as the operation tells:
	// a page counts as full, and a list that has no pages as assumedListLength.
	maxCost           = 100_000
	schemaCost        = maxCost / 3  // of reading the whole schema, which is up to 1 MB
	typeCost          = maxCost / 30 // of reading one of its types
	assumedListLength = 10
	defaultPage       = 50
)

// validationRules are gqlparser's without the suggestions ("Did you mean"), whose
// search takes seconds for long names, or for many. gqlgen itself takes out those of
// the other two rules that have any. Our own rule of overlapping fields is in place of
// gqlparser's, which takes up to a minute for a document of 1,000 tokens.
func validationRules() *rules.Rules {
	r := rules.NewDefaultRules()
	for with, without := range map[string]core.Rule{
		rules.KnownArgumentNamesRule.Name:  rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRule.Name:      rules.KnownTypeNamesRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRule.Name: rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		r.ReplaceRule(with, without.RuleFunc)
	}
	r.ReplaceRule(rules.OverlappingFieldsCanBeMergedRule.Name, overlappingFields)
	r.AddRule("LiteralsOfScalars", literalsOfScalars)
	return r
}

// literalsOfScalars refuses literals that gqlparser lets pass and then cannot read:
// a number that is too long, and in place of a scalar of the schema's own anything
// but text.
func literalsOfScalars(events *core.Events, addError core.AddErrFunc) {
	events.OnValue(func(_ *core.Walker, v *ast.Value) {
		fits := true
		switch v.Kind {
		case ast.IntValue:
			_, err := strconv.ParseInt(v.Raw, 10, 64)
			fits = err == nil || v.Definition != nil && v.Definition.Name == "Int" // gqlparser says more of it
		case ast.FloatValue:
			_, err := strconv.ParseFloat(v.Raw, 64)
			fits = err == nil
		}
		if t := v.Definition; t != nil && t.Kind == ast.Scalar && !t.BuiltIn {
			fits = v.Kind == ast.Variable || v.Kind == ast.NullValue || v.Kind == ast.StringValue || v.Kind == ast.BlockValue
		}
		if !fits {
			addError(core.Message("A value does not fit its type."), core.At(v.Position))
		}
	})
}

// limits refuses operations that ask for too much, before they run.
type limits struct{ introspection bool }

// ExtensionName is for gqlgen.
func (limits) ExtensionName() string { return "Limits" }

// Validate is for gqlgen.
func (limits) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext measures an operation: TOO_LARGE beyond a limit, and
// BAD_REQUEST where it reads the schema and may not.
func (l limits) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	m := meter{variables: op.Variables, fragments: map[*ast.FragmentDefinition]size{}}
	s := m.selections(op.Operation.SelectionSet)
	switch {
	case s.introspects && !l.introspection:
		return refuse(omarty.CodeBadRequest, "Introspection is off on this server.")
	case s.depth > maxDepth:
		return refuse(omarty.CodeTooLarge, "The operation nests too deep.")
	case s.aliases > maxAliases:
		return refuse(omarty.CodeTooLarge, "The operation has too many aliases.")
	case s.cost > maxCost:
		return refuse(omarty.CodeTooLarge, "The operation asks for too much at once; ask for smaller pages.")
	}
	return nil
}

func refuse(code omarty.Code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": string(code)}}
}

// size is what a part of an operation asks for. Its numbers stop at the largest
// that there is.
type size struct {
	depth       int
	aliases     int
	cost        int
	introspects bool
}

// meter measures selections, each fragment once.
type meter struct {
	variables map[string]any
	fragments map[*ast.FragmentDefinition]size
}

func (m *meter) selections(set ast.SelectionSet) size {
	var sum size
	for _, selection := range set {
		var s size
		switch selection := selection.(type) {
		case *ast.Field:
			s = m.field(selection)
		case *ast.InlineFragment:
			s = m.selections(selection.SelectionSet)
		case *ast.FragmentSpread:
			s = m.fragment(selection.Definition)
		}
		sum.depth = max(sum.depth, s.depth)
		sum.aliases = add(sum.aliases, s.aliases)
		sum.cost = add(sum.cost, s.cost)
		sum.introspects = sum.introspects || s.introspects
	}
	return sum
}

func (m *meter) fragment(f *ast.FragmentDefinition) size {
	if s, ok := m.fragments[f]; ok {
		return s
	}
	s := m.selections(f.SelectionSet)
	m.fragments[f] = s
	return s
}

func (m *meter) field(f *ast.Field) size {
	s := m.selections(f.SelectionSet)
	s.depth++
	s.cost = add(1, multiply(s.cost, m.length(f)))
	if f.Alias != f.Name {
		s.aliases = add(s.aliases, 1)
	}
	switch f.Name {
	case "__schema":
		s.introspects, s.cost = true, schemaCost
	case "__type":
		s.introspects, s.cost = true, typeCost
	}
	return s
}

// length is how many things a field may give.
func (m *meter) length(f *ast.Field) int {
	if f.Definition == nil || strings.HasPrefix(f.ObjectDefinition.Name, "__") {
		return 1
	}
	paged, page := false, 0
	for _, name := range []string{"first", "last", "count"} {
		if f.Definition.Arguments.ForName(name) != nil {
			paged, page = true, max(page, m.number(f, name))
		}
	}
	switch {
	case page > 0:
		return page
	case paged:
		return defaultPage
	case f.Definition.Type.Elem == nil, f.Name == "nodes", f.Name == "edges":
		// The field above, which has the page's arguments, counted them.
		return 1
	}
	return assumedListLength
}

// number gives an argument that is a number, as written, from a variable or by
// default; 0 where there is none.
func (m *meter) number(f *ast.Field, argument string) int {
	switch n := f.ArgumentMap(m.variables)[argument].(type) {
	case int64:
		return int(min(n, math.MaxInt32))
	case int:
		return min(n, math.MaxInt32)
	case interface{ Int64() (int64, error) }: // json.Number
		i, _ := n.Int64()
		return int(min(i, math.MaxInt32))
	}
	return 0
}

func add(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func multiply(a, b int) int {
	if a != 0 && b > math.MaxInt/a {
		return math.MaxInt
	}
	return a * b
}
