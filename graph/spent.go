package graph

import (
	"context"
	"reflect"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// maxAnswer is how long the texts of a response may be, in bytes.
	maxAnswer = 3150 << 10
	// maxPages is how many pages of one response are read at once: they are what takes
	// memory.
	maxPages = 4
	// longText is from when on a text counts that stands alone, in bytes.
	longText = 1 << 10
)

// spent is what a response has taken: what an operation is declared to cost, it may turn
// out to exceed where a list is longer than assumed, or texts are.
type spent struct {
	cost, bytes atomic.Int64
	pages       chan struct{}
	lists       map[*ast.Field]int // what an entry of each costs
}

type spentKey struct{}

// withSpent gives each response what counts for it.
func withSpent(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	s := &spent{pages: make(chan struct{}, maxPages)}
	if graphql.HasOperationContext(ctx) {
		s.lists, _ = graphql.GetOperationContext(ctx).Stats.GetExtension(listsExtension).(map[*ast.Field]int)
	}
	return next(context.WithValue(ctx, spentKey{}, s))
}

func spentOf(ctx context.Context) *spent {
	if s, ok := ctx.Value(spentKey{}).(*spent); ok {
		return s
	}
	return &spent{pages: make(chan struct{}, maxPages)} // it is nobody's operation
}

var errTooMuch = omarty.Errorf(omarty.CodeTooLarge, "The operation asks for too much at once; ask for smaller pages.")

// left is how many bytes there may be still; an error where it is none.
func (s *spent) left() (int, error) {
	n := maxAnswer - s.bytes.Load()
	if n <= 0 || s.cost.Load() > maxCost {
		return 0, errTooMuch
	}
	return int(n), nil
}

// begin counts a list that is about to be read, and waits for its turn where that is a
// page.
func (s *spent) begin(ctx context.Context, d *declared) (done func(), err error) {
	if d == nil || d.each == 0 && !d.sizes {
		return func() {}, nil
	}
	s.cost.Add(int64(d.weight))
	if len(d.slicing) == 0 {
		_, err = s.left()
		return func() {}, err
	}
	select {
	case s.pages <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if _, err := s.left(); err != nil {
		<-s.pages
		return nil, err
	}
	return func() { <-s.pages }, nil
}

// given counts the entries that a resolver gave, of a list or of a page.
func (s *spent) given(f *ast.Field, d *declared, given any) error {
	if d == nil || d.each == 0 && !d.sizes {
		return nil
	}
	list := reflect.Indirect(reflect.ValueOf(given))
	if d.sizes && list.Kind() == reflect.Struct {
		list = list.FieldByName("Nodes")
	}
	if list.Kind() == reflect.Slice {
		s.cost.Add(int64(multiply(list.Len(), min(s.lists[f], maxCost))))
	}
	_, err := s.left()
	return err
}

// say counts bytes of the response.
func (s *spent) say(bytes int) error {
	if s.bytes.Add(int64(bytes)) > maxAnswer {
		return errTooMuch
	}
	return nil
}
