package graph

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// documentCacheBytes and persistedQueryCacheBytes bound the two caches, whatever
	// clients send.
	documentCacheBytes       = 32 << 20
	persistedQueryCacheBytes = 8 << 20
	// maxShare is the part of a cache that one entry may take: a document that is
	// longer is rare, or carries its values in its text and is never the same twice.
	maxShare = 32
	// documentFactor is how many bytes a parsed document takes at the most for each
	// byte of its text, by measurement: ordinary ones take 20, a list of numbers of
	// one digit takes 108. overhead is what an entry takes besides.
	documentFactor = 110
	overhead       = 1024
	// doorSize is how many documents are remembered that were seen once.
	doorSize = 4096
)

// cache keeps what was used last, within a bound in bytes.
type cache[V any] struct {
	weight func(key string, value V) int
	limit  int

	mu     sync.Mutex
	bytes  int
	hits   uint64
	misses uint64
	values *lru.LRU[string, V]
}

// newDocumentCache keeps parsed and validated documents by their text, from the second
// time on that they come: clients ask the same again and again, and who makes up each
// document anew neither fills the cache nor pushes out what others ask.
func newDocumentCache() *secondTime[*ast.QueryDocument] {
	return &secondTime[*ast.QueryDocument]{
		cache: newCache(documentCacheBytes, func(query string, _ *ast.QueryDocument) int {
			return overhead + documentFactor*len(query)
		}),
		seed: maphash.MakeSeed(),
	}
}

// secondTime is a cache that keeps what comes twice, within about doorSize others.
type secondTime[V any] struct {
	*cache[V]
	seed maphash.Seed // so that nobody can choose which share a place
	once [doorSize]atomic.Uint64
}

// Add keeps a value whose key was seen before.
func (c *secondTime[V]) Add(ctx context.Context, key string, value V) {
	sum := maphash.String(c.seed, key)
	if c.once[sum%doorSize].Swap(sum) == sum {
		c.cache.Add(ctx, key, value)
	}
}

// newPersistedQueryCache keeps documents' texts by their hash.
func newPersistedQueryCache() *cache[string] {
	return newCache(persistedQueryCacheBytes, func(hash, query string) int {
		return overhead + len(hash) + len(query)
	})
}

func newCache[V any](limit int, weight func(string, V) int) *cache[V] {
	c := &cache[V]{weight: weight, limit: limit}
	forget := func(key string, value V) { c.bytes -= weight(key, value) }
	var err error
	// Entries never go for their number: each weighs overhead at least.
	if c.values, err = lru.NewLRU(limit/overhead+1, forget); err != nil {
		panic(err) // only a size below one fails
	}
	return c
}

// Get gives a value that is kept.
func (c *cache[V]) Get(_ context.Context, key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok := c.values.Get(key)
	if ok {
		c.hits++
	} else {
		c.misses++
	}
	return value, ok
}

// Add keeps a value, and forgets for it those not used for longest.
func (c *cache[V]) Add(_ context.Context, key string, value V) {
	weight := c.weight(key, value)
	if weight > c.limit/maxShare {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values.Remove(key)
	c.bytes += weight
	c.values.Add(key, value)
	for c.bytes > c.limit {
		c.values.RemoveOldest()
	}
}
