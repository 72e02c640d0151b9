package graph

import (
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// What a field costs by itself where the schema declares nothing: a unit is what one
// member of an answer takes.
const (
	costOfMember   = 1
	costOfObject   = 2
	costOfMutation = 1000 // and of a subscription
	// costOfEntry is of an entry of a list in an argument.
	costOfEntry = 10
)

// declared is what the schema says of a field: @cost, and @listSize.
type declared struct {
	// weight is what the field costs by itself, once for a list.
	weight int
	// each is what one that it gives costs, beside what is selected of it: 0 where it
	// gives no list.
	each int
	// slicing are the arguments that say how many entries a list has, and assumed is how
	// many where none of them does.
	slicing []string
	assumed int
	// sizes says that its list is a field of what it gives; sized that it is such a list.
	sizes, sized bool
}

// costs are those of a schema's fields.
type costs map[*ast.FieldDefinition]*declared

func newCosts(schema *ast.Schema) costs {
	all := costs{}
	for _, t := range schema.Types {
		if t.Kind != ast.Object && t.Kind != ast.Interface || strings.HasPrefix(t.Name, "__") {
			continue
		}
		for _, f := range t.Fields {
			all[f] = declaredOf(schema, t, f)
		}
	}
	for f, d := range all {
		for _, name := range textsOf(f.Directives.ForName("listSize"), "sizedFields") {
			d.sizes = true
			all[schema.Types[f.Type.Name()].Fields.ForName(name)].sized = true
		}
	}
	return all
}

func declaredOf(schema *ast.Schema, t *ast.Definition, f *ast.FieldDefinition) *declared {
	d := &declared{weight: costOfMember}
	of := schema.Types[f.Type.Name()]
	composite := of != nil && of.IsCompositeType()
	object := costOfObject
	if composite && of.Directives.ForName("cost") != nil {
		object = weightOf(of.Directives.ForName("cost"))
	}
	switch {
	case f.Type.Elem != nil:
		d.each = costOfMember
		if composite {
			d.each = object
		}
	case t == schema.Mutation, t == schema.Subscription:
		d.weight = costOfMutation
	case composite:
		d.weight = object
	}
	if cost := f.Directives.ForName("cost"); cost != nil {
		d.weight = weightOf(cost)
	}
	if size := f.Directives.ForName("listSize"); size != nil {
		d.slicing = textsOf(size, "slicingArguments")
		if assumed := size.Arguments.ForName("assumedSize"); assumed != nil {
			d.assumed, _ = strconv.Atoi(assumed.Value.Raw)
		}
	}
	return d
}

func weightOf(cost *ast.Directive) int {
	n, _ := strconv.Atoi(cost.Arguments.ForName("weight").Value.Raw)
	return n
}

// textsOf gives the texts of a directive's argument.
func textsOf(d *ast.Directive, argument string) (texts []string) {
	if d == nil || d.Arguments.ForName(argument) == nil {
		return nil
	}
	for _, c := range d.Arguments.ForName(argument).Value.Children {
		texts = append(texts, c.Value.Raw)
	}
	return slices.Clip(texts)
}
