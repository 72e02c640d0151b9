package graph

import (
	"context"
	"math"
	"strconv"

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
	// maxRepeated is how many fields may repeat one beside them.
	maxRepeated = 100
	// maxCost is what an operation may cost, which is less than 100 ms of a core and 32 MB:
	// by what its fields are declared to, lists left out, and by what its lists turn out to
	// have (see spent).
	maxCost = 40_000
	// maxDeclared is what it may cost if every list has as much as it may: most have less.
	maxDeclared = 25 * maxCost
	schemaCost  = maxCost / 3  // of reading the whole schema, which is up to 1 MB
	typeCost    = maxCost / 30 // of reading one of its types
	defaultPage = 50           // where an argument that sizes a list is no size
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
type limits struct {
	introspection bool
	costs         costs
}

// ExtensionName is for gqlgen.
func (limits) ExtensionName() string { return "Limits" }

// Validate is for gqlgen.
func (limits) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext measures an operation: TOO_LARGE beyond a limit, and
// BAD_REQUEST where it reads the schema and may not. What is left pays, and waits for
// its turn.
func (l limits) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	m := l.meter(op.Variables)
	s := m.selections(op.Operation.SelectionSet)
	switch {
	case s.introspects && !l.introspection:
		return refuse(omarty.CodeBadRequest, "Introspection is off on this server.")
	case s.depth > maxDepth:
		return refuse(omarty.CodeTooLarge, "The operation nests too deep.")
	case s.aliases > maxAliases:
		return refuse(omarty.CodeTooLarge, "The operation has too many aliases.")
	case s.repeated > maxRepeated:
		return refuse(omarty.CodeTooLarge, "The operation repeats too many fields.")
	case s.fixed > maxCost, s.cost > maxDeclared:
		return refuse(omarty.CodeTooLarge, "The operation asks for too much at once; ask for smaller pages.")
	}
	op.Stats.SetExtension(listsExtension, m.lists)
	if err := turnOf(ctx).run(ctx, min(s.cost, maxCost)); err != nil {
		return gqlerror.Wrap(err)
	}
	return nil
}

// listsExtension is where an operation keeps what entries of its lists cost.
const listsExtension = "lists"

func (l limits) meter(variables map[string]any) *meter {
	return &meter{costs: l.costs, variables: variables, fragments: map[*ast.FragmentDefinition]size{}, entries: map[string]int{}, lists: map[*ast.Field]int{}}
}

func refuse(code omarty.Code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": string(code)}}
}

// size is what a part of an operation asks for. Its numbers stop at the largest
// that there is.
type size struct {
	depth    int
	aliases  int
	repeated int
	// cost is what it costs once, and each for every entry of the page above it.
	cost, each int
	// fixed is what it costs whatever its lists turn out to have.
	fixed int
	// own and ownEach are cost and each without what lists have.
	own, ownEach int
	introspects  bool
}

// meter measures selections, each fragment and each variable once.
type meter struct {
	costs     costs
	variables map[string]any
	fragments map[*ast.FragmentDefinition]size
	entries   map[string]int
	// lists are what an entry costs of the lists that the operation asks for, without
	// those below it.
	lists map[*ast.Field]int
}

func (m *meter) selections(set ast.SelectionSet) size {
	var sum size
	names := make(map[string]bool, len(set))
	for _, selection := range set {
		var s size
		switch selection := selection.(type) {
		case *ast.Field:
			s = m.field(selection)
			if names[selection.Alias] {
				s.repeated = add(s.repeated, 1)
			}
			names[selection.Alias] = true
		case *ast.InlineFragment:
			s = m.selections(selection.SelectionSet)
		case *ast.FragmentSpread:
			s = m.fragment(selection.Definition)
		}
		sum.depth = max(sum.depth, s.depth)
		sum.aliases = add(sum.aliases, s.aliases)
		sum.repeated = add(sum.repeated, s.repeated)
		sum.cost = add(sum.cost, s.cost)
		sum.each = add(sum.each, s.each)
		sum.own = add(sum.own, s.own)
		sum.fixed = add(sum.fixed, s.fixed)
		sum.ownEach = add(sum.ownEach, s.ownEach)
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
	m.price(f, &s)
	for _, a := range f.Arguments {
		entries := multiply(costOfEntry, m.entriesOf(a.Value))
		s.cost, s.fixed = add(s.cost, entries), add(s.fixed, entries)
	}
	if f.Alias != f.Name {
		s.aliases = add(s.aliases, 1)
	}
	return s
}

// price makes of what is below a field what the field costs.
func (m *meter) price(f *ast.Field, s *size) {
	below := *s
	s.cost, s.each, s.own, s.ownEach, s.fixed = 0, 0, 0, 0, 0
	switch f.Name {
	case "__schema":
		s.introspects, s.cost = true, multiply(schemaCost, add(1, s.aliases))
		s.fixed = s.cost
		return
	case "__type":
		s.introspects, s.cost = true, multiply(typeCost, add(1, s.aliases))
		s.fixed = s.cost
		return
	}
	d := m.costs[f.Definition]
	switch {
	case d == nil: // of the schema itself, or __typename
		s.cost, s.own, s.fixed = costOfMember, costOfMember, costOfMember
	case d.sized:
		s.each, s.ownEach = add(d.each, below.cost), add(d.each, below.own)
	case d.sizes:
		s.cost = add(add(d.weight, below.cost), multiply(m.length(f, d), below.each))
		s.fixed = add(d.weight, below.fixed)
		m.lists[f] = below.ownEach
	case d.each > 0:
		s.cost = add(d.weight, multiply(m.length(f, d), add(d.each, below.cost)))
		s.fixed = d.weight
		m.lists[f] = add(d.each, below.own)
	default:
		s.cost, s.own = add(d.weight, below.cost), add(d.weight, below.own)
		s.fixed = add(d.weight, below.fixed)
	}
}

// length is how many entries a list may have.
func (m *meter) length(f *ast.Field, d *declared) int {
	n := 0
	for _, name := range d.slicing {
		n = max(n, m.number(f, name))
	}
	switch {
	case n > 0:
		return n
	case d.assumed > 0:
		return d.assumed
	}
	return defaultPage
}

// entriesOf counts the entries of lists in an argument.
func (m *meter) entriesOf(v *ast.Value) int {
	if v.Kind == ast.Variable {
		n, known := m.entries[v.Raw]
		if !known {
			n = entriesIn(m.variables[v.Raw])
			m.entries[v.Raw] = n
		}
		return n
	}
	n := 0
	for _, c := range v.Children {
		n = add(n, m.entriesOf(c.Value))
	}
	if v.Kind == ast.ListValue {
		n = add(n, len(v.Children))
	}
	return n
}

// entriesIn counts the entries of lists in a variable.
func entriesIn(value any) int {
	n := 0
	switch value := value.(type) {
	case []any:
		n = len(value)
		for _, one := range value {
			n = add(n, entriesIn(one))
		}
	case map[string]any:
		for _, one := range value {
			n = add(n, entriesIn(one))
		}
	}
	return n
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
