package graph

import (
	"context"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/scalar"
	"github.com/omarty/chat/internal/omarty"
)

// shape is how a value is written of which something is selected.
type shape struct {
	write func(*writer, reflect.Value) error
	// object is that of the value, or of its elements; nil for leaves.
	object *object
}

// object is how objects of a type are written: these fields, in order.
type object struct{ fields []field }

type field struct {
	shape
	key   string // as it is written, with its colon
	index []int  // of a struct's member; empty for links, and for __typename
	link  link
}

// of gives what a field is of a struct.
func (f *field) of(ctx context.Context, v reflect.Value) (reflect.Value, error) {
	switch {
	case len(f.index) == 1:
		return v.Field(f.index[0]), nil
	case f.link.resolve == nil:
		return v.FieldByIndex(f.index), nil
	}
	given, err := f.link.resolve(ctx, v.Addr().Interface())
	return reflect.ValueOf(given), err
}

// compiler finds the shape of a value: by the schema, by the types of Go, and by what
// the generated code says of each field. What it does not know is errNotPlain.
type compiler struct {
	*plain
	ctx context.Context //nolint:containedctx // it is the call's
	op  *graphql.OperationContext
	// asked is how many links there are.
	asked int
}

// shape gives that of values that Go has as t and the schema as gql; what is selected of
// them is what the field is asked for.
func (c *compiler) shape(t reflect.Type, gql *ast.Type, of *graphql.FieldContext) (shape, error) {
	switch {
	case t.Kind() == reflect.Pointer:
		s, err := c.shape(t.Elem(), gql, of)
		write := s.write
		s.write = func(w *writer, v reflect.Value) error {
			if v.IsNil() {
				return w.null(gql)
			}
			return write(w, v.Elem())
		}
		return s, err
	case gql.Elem != nil:
		if t.Kind() != reflect.Slice {
			return shape{}, errNotPlain
		}
		s, err := c.shape(t.Elem(), gql.Elem, of)
		write := s.write
		s.write = func(w *writer, v reflect.Value) error { return w.list(gql, v, write) }
		return s, err
	case c.schema.Types[gql.NamedType].Kind == ast.Object:
		o, err := c.object(t, gql.NamedType, of)
		return shape{object: o, write: func(w *writer, v reflect.Value) error { return w.object(o, v) }}, err
	}
	write, err := leaf(t, gql)
	return shape{write: write}, err
}

func (c *compiler) object(t reflect.Type, name string, of *graphql.FieldContext) (*object, error) {
	if t.Kind() != reflect.Struct {
		return nil, errNotPlain
	}
	o := &object{}
	for _, selected := range graphql.CollectFields(c.op, of.Field.Selections, c.fits[name]) {
		f, err := c.field(t, name, of, selected)
		if err != nil {
			return nil, err
		}
		f.key = `"` + selected.Alias + `":`
		o.fields = append(o.fields, f)
	}
	return o, nil
}

func (c *compiler) field(t reflect.Type, on string, of *graphql.FieldContext, selected graphql.CollectedField) (field, error) {
	if selected.Name == "__typename" {
		name := `"` + on + `"`
		return field{shape: shape{write: func(w *writer, _ reflect.Value) error {
			w.text = append(w.text, name...)
			return nil
		}}}, nil
	}
	if selected.IsDeferred() || len(selected.Definition.Arguments) > 0 {
		return field{}, errNotPlain
	}
	fc, err := of.Child(c.ctx, selected)
	if err != nil {
		return field{}, err
	}
	var f field
	var gives reflect.Type
	switch {
	case fc.IsResolver, fc.IsMethod:
		f.link = c.links[on+"."+selected.Name]
		if f.link.of != t {
			return field{}, errNotPlain
		}
		gives = f.link.gives
		c.asked++
	default:
		if f.index, gives = c.member(t, selected.Name); f.index == nil {
			return field{}, errNotPlain
		}
	}
	f.shape, err = c.shape(gives, selected.Definition.Type, fc)
	return f, err
}

// memberKey names a struct's member as the schema does.
type memberKey struct {
	of   reflect.Type
	name string
}

// member gives the place and the type of the member that gqlgen takes for a field; nil
// where there is none.
func (p *plain) member(t reflect.Type, name string) ([]int, reflect.Type) {
	key := memberKey{t, name}
	found, ok := p.members.Load(key)
	if !ok {
		f, _ := t.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
		found, _ = p.members.LoadOrStore(key, f)
	}
	f := found.(reflect.StructField)
	return f.Index, f.Type
}

var (
	typeOfID   = reflect.TypeFor[omarty.ID]()
	typeOfTime = reflect.TypeFor[time.Time]()
	writesGQL  = reflect.TypeFor[graphql.Marshaler]()
)

// leaf gives how a scalar or a value of an enum is written.
func leaf(t reflect.Type, gql *ast.Type) (func(*writer, reflect.Value) error, error) {
	switch {
	case t == typeOfID && gql.NamedType == "ID":
		return func(w *writer, v reflect.Value) error {
			id := at[omarty.ID](v)
			if id.IsZero() {
				return w.null(gql)
			}
			w.text = scalar.AppendID(w.text, *id)
			return nil
		}, nil
	case t == typeOfTime && gql.NamedType == "Time":
		return func(w *writer, v reflect.Value) error {
			w.text = scalar.AppendTime(w.text, *at[time.Time](v))
			return nil
		}, nil
	case t.Implements(writesGQL):
		return func(w *writer, v reflect.Value) error {
			v.Interface().(graphql.Marshaler).MarshalGQL(w)
			return nil
		}, nil
	case t.Kind() == reflect.String:
		return func(w *writer, v reflect.Value) error {
			w.string(v.String())
			return nil
		}, nil
	case t.Kind() == reflect.Int && gql.NamedType == "Int":
		return func(w *writer, v reflect.Value) error {
			w.text = strconv.AppendInt(w.text, v.Int(), 10)
			return nil
		}, nil
	case t.Kind() == reflect.Bool && gql.NamedType == "Boolean":
		return func(w *writer, v reflect.Value) error {
			w.text = strconv.AppendBool(w.text, v.Bool())
			return nil
		}, nil
	}
	return nil, errNotPlain
}

// at gives where a value is, or a copy of one that is nowhere.
func at[T any](v reflect.Value) *T {
	if v.CanAddr() {
		return v.Addr().Interface().(*T)
	}
	value := v.Interface().(T)
	return &value
}

// string writes what needs no escape, as most texts, as it is.
func (w *writer) string(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			graphql.MarshalString(s).MarshalGQL(w)
			return
		}
	}
	w.text = append(append(append(w.text, '"'), s...), '"')
}
