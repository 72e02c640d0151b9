package graph

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/graph/live"
)

// Stats are what an API has counted since it was made, and what its caches hold.
type Stats struct {
	Live live.Stats
	// Operations counts what clients asked for.
	Operations map[Outcome]uint64
	// Documents and Persisted are the caches of parsed documents, and of persisted queries.
	Documents, Persisted CacheStats
}

// Outcome is what became of an operation.
type Outcome struct {
	// Kind is query, mutation or subscription, and "unread" where the document was not read
	// so far as to tell.
	Kind string
	// Code is "OK", or that of the first error: one of the schema's, or of this door's.
	Code string
}

// CacheStats are those of a cache.
type CacheStats struct {
	Hits, Misses uint64
	// Entries and Bytes are what it holds; Bytes is what it reckons with.
	Entries, Bytes int
}

// Stats gives what was counted. Each number is of its own moment.
func (a *API) Stats() Stats {
	return Stats{
		Live: a.live.Stats(), Operations: a.counted.all(),
		Documents: a.documents.stats(), Persisted: a.persisted.stats(),
	}
}

// outcomes counts operations, without a lock and without garbage.
type outcomes struct {
	codes  []string       // the last is for those that nobody foresaw
	places map[string]int // in codes
	kinds  [4][]atomic.Uint64
}

// kinds are those of operations, by their places in outcomes.
var kinds = [4]string{string(ast.Query), string(ast.Mutation), string(ast.Subscription), "unread"}

// newOutcomes gives counters for each code of the schema, and for those of this door alone.
func newOutcomes(schema *ast.Schema) *outcomes {
	o := &outcomes{codes: []string{"OK", "TOO_SLOW"}, places: map[string]int{}}
	if codes := schema.Types["ErrorCode"]; codes != nil {
		for _, v := range codes.EnumValues {
			o.codes = append(o.codes, v.Name)
		}
	}
	o.codes = append(o.codes, "OTHER")
	for i, code := range o.codes {
		o.places[code] = i
	}
	for i := range o.kinds {
		o.kinds[i] = make([]atomic.Uint64, len(o.codes))
	}
	return o
}

// all gives those that there were.
func (o *outcomes) all() map[Outcome]uint64 {
	all := map[Outcome]uint64{}
	for kind := range o.kinds {
		for code := range o.kinds[kind] {
			if n := o.kinds[kind][code].Load(); n > 0 {
				all[Outcome{kinds[kind], o.codes[code]}] = n
			}
		}
	}
	return all
}

// count counts an operation, by words of the program's own.
func (o *outcomes) count(kind ast.Operation, errs gqlerror.List) {
	of := max(0, slices.Index(kinds[:], cmp.Or(string(kind), "unread")))
	place := 0
	if len(errs) > 0 {
		code, _ := errs[0].Extensions["code"].(string)
		var known bool
		if place, known = o.places[code]; !known {
			place = len(o.codes) - 1
		}
	}
	o.kinds[of][place].Add(1)
}

// kindOf gives the kind of an operation that was read as far as it was; "" for none.
func kindOf(op *graphql.OperationContext) ast.Operation {
	if op == nil || op.Operation == nil {
		return ""
	}
	return op.Operation.Operation
}

func (c *cache[V]) stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return CacheStats{Hits: c.hits, Misses: c.misses, Entries: c.values.Len(), Bytes: c.bytes}
}
