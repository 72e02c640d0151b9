package graph

import (
	"context"
	"errors"
	"io"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// plain writes what a resolver gave, and what is selected of it, straight as text.
// gqlgen's executor makes contexts, closures and goroutines for each object and each of
// its fields, which is most of what a page costs. They are of use where a field takes
// arguments, waits or fails; most fields are members of a struct, or read through a
// loader that has them already.
//
// The text is the executor's, byte for byte. Whatever plain does not know, and whatever
// turns out to fail, it leaves to the executor as if nothing had been tried: errors
// with their paths, nulls that spread, and patience are there alone.
type plain struct {
	schema *ast.Schema
	links  links
	// fits are the names by which a fragment may ask for an object of a type.
	fits map[string][]string
	// members are the places of fields in structs, by memberKey.
	members sync.Map
}

// links are the resolvers and methods that plain asks by itself, by type and field. They take no
// arguments, and read nothing but through loaders; where a loader has not foreseen what
// they ask for, it is for the executor, which asks for all of a list at once.
type links map[string]link

type link struct {
	of, gives reflect.Type
	resolve   func(ctx context.Context, of any) (any, error)
}

// linkTo makes a link of a resolver.
func linkTo[P, T any](resolve func(context.Context, *P) (T, error)) link {
	return link{
		of: reflect.TypeFor[P](), gives: reflect.TypeFor[T](),
		resolve: func(ctx context.Context, of any) (any, error) { return resolve(ctx, of.(*P)) },
	}
}

func newPlain(schema *ast.Schema, l links) *plain {
	p := &plain{schema: schema, links: l, fits: map[string][]string{}}
	for name := range schema.Types {
		p.fits[name] = []string{name}
		for _, of := range schema.Implements[name] {
			p.fits[name] = append(p.fits[name], of.Name)
		}
	}
	return p
}

// errNotPlain leaves a value to the executor.
var errNotPlain = errors.New("not plain")

type plainKey struct{}

// mayWait tells whether a reading may wait for others: plain asks one by one.
func mayWait(ctx context.Context) bool { return ctx.Value(plainKey{}) == nil }

// write gives the text of what the resolver of a field gave: errNotPlain where it is the
// executor's to write, errTooMuch where it is longer than so many bytes.
func (p *plain) write(ctx context.Context, fc *graphql.FieldContext, given any, most int) (written text, err error) {
	v := reflect.ValueOf(given)
	if p == nil || len(fc.Field.Selections) == 0 || v.Kind() != reflect.Pointer && v.Kind() != reflect.Slice {
		return nil, errNotPlain
	}
	defer func() {
		if recover() != nil {
			written, err = nil, errNotPlain // the executor comes by it, too, and tells where
		}
	}()
	c := compiler{plain: p, ctx: ctx, op: graphql.GetOperationContext(ctx)}
	s, err := c.shape(v.Type(), fc.Field.Definition.Type, fc)
	if err != nil {
		return nil, errNotPlain
	}
	// The loaders are asked for at every link, so they are put near.
	w := &writer{ctx: context.WithValue(context.WithValue(ctx, plainKey{}, true), loadersKey{}, ctx.Value(loadersKey{})), most: most}
	if c.asked > 1 && w.read(s.object, structs(nil, v)) != nil {
		return nil, errNotPlain
	}
	if err := s.write(w, v); errors.Is(err, errTooMuch) {
		return nil, err
	} else if err != nil {
		return nil, errNotPlain
	}
	return w.text, nil
}

// text is a value that is written.
type text []byte

// MarshalGQL is for gqlgen.
func (t text) MarshalGQL(w io.Writer) { _, _ = w.Write(t) }

// writer writes one value.
type writer struct {
	ctx  context.Context //nolint:containedctx // it is the call's
	text []byte
	most int // how long the text may be, in bytes
}

// Write is for what writes itself.
func (w *writer) Write(b []byte) (int, error) {
	w.text = append(w.text, b...)
	return len(b), nil
}

// null writes null where there may be one.
func (w *writer) null(t *ast.Type) error {
	if t.NonNull {
		return errNotPlain
	}
	w.text = append(w.text, "null"...)
	return nil
}

func (w *writer) object(o *object, v reflect.Value) error {
	if len(o.fields) == 0 { // all are skipped
		w.text = append(w.text, "{}"...)
		return nil
	}
	separator := byte('{')
	for i := range o.fields {
		f := &o.fields[i]
		w.text = append(append(w.text, separator), f.key...)
		separator = ','
		value, err := f.of(w.ctx, v)
		if err != nil {
			return err
		}
		if err := f.write(w, value); err != nil {
			return err
		}
		if len(w.text) > w.most {
			return errTooMuch
		}
	}
	w.text = append(w.text, '}')
	return nil
}

func (w *writer) list(t *ast.Type, v reflect.Value, write func(*writer, reflect.Value) error) error {
	if v.IsNil() && !t.NonNull {
		return w.null(t)
	}
	start := len(w.text)
	w.text = append(w.text, '[')
	for i := range v.Len() {
		switch i {
		case 0:
		case 1:
			w.grow((len(w.text) - start) * v.Len()) // they are about as long as the first
			fallthrough
		default:
			w.text = append(w.text, ',')
		}
		if err := write(w, v.Index(i)); err != nil {
			return err
		}
	}
	w.text = append(w.text, ']')
	return nil
}

func (w *writer) grow(n int) {
	if n = min(n, w.most); cap(w.text)-len(w.text) < n {
		w.text = append(make([]byte, 0, len(w.text)+n+n/8), w.text...)
	}
}

// read asks the links of objects side by side, so that what they name is read at the
// same time, as the executor would; what they give, the loaders keep.
func (w *writer) read(o *object, all []reflect.Value) error {
	var failed atomic.Bool
	var readings sync.WaitGroup
	for i := range o.fields {
		f := &o.fields[i]
		if f.link.resolve == nil && f.object == nil {
			continue
		}
		readings.Go(func() {
			defer func() {
				if recover() != nil {
					failed.Store(true)
				}
			}()
			var found []reflect.Value
			for _, v := range all {
				value, err := f.of(w.ctx, v)
				if err != nil {
					failed.Store(true)
					return
				}
				found = structs(found, value)
			}
			if f.object != nil && w.read(f.object, found) != nil {
				failed.Store(true)
			}
		})
	}
	readings.Wait()
	if failed.Load() {
		return errNotPlain
	}
	return nil
}

// structs adds those of a value: itself, what it points to, or its elements.
func structs(to []reflect.Value, v reflect.Value) []reflect.Value {
	switch v.Kind() {
	case reflect.Struct:
		return append(to, v)
	case reflect.Pointer:
		if !v.IsNil() {
			return structs(to, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			to = structs(to, v.Index(i))
		}
	}
	return to
}
