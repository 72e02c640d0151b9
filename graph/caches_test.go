package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/quick"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// checkBytes checks that a cache knows what it holds, and holds no more than it
// may.
func checkBytes[V any](t testing.TB, c *cache[V]) bool {
	t.Helper()
	held := 0
	for _, key := range c.values.Keys() {
		value, _ := c.values.Peek(key)
		held += c.weight(key, value)
	}
	if held != c.bytes || held > c.limit {
		t.Errorf("it holds %d bytes, counts %d, and may have %d", held, c.bytes, c.limit)
	}
	return held == c.bytes && held <= c.limit
}

func TestCacheStaysWithinItsBytes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const limit = 100 * overhead
	// As the two caches weigh: the overhead and more.
	weight := func(key string, value int) int { return overhead + len(key) + value }
	law := func(adds []struct {
		Key   uint8
		Value uint16
	},
	) bool {
		c := newCache(limit, weight)
		for _, add := range adds {
			key, value := fmt.Sprint("key ", add.Key), int(add.Value)%(2*overhead)
			c.Add(ctx, key, value)
			if !checkBytes(t, c) {
				return false
			}
			got, kept := c.Get(ctx, key)
			if small := weight(key, value) <= limit/maxShare; small && (!kept || got != value) {
				t.Errorf("what was added last is not there: %q", key)
				return false
			}
		}
		return true
	}
	if err := quick.Check(law, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
}

func TestCacheForgetsWhatWasNotUsedForLongest(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCache(maxShare*overhead, func(string, int) int { return overhead })
	name := func(i int) string { return fmt.Sprint("entry ", i) }
	for i := range maxShare {
		c.Add(ctx, name(i), i)
	}
	if _, kept := c.Get(ctx, name(0)); !kept {
		t.Fatal("it does not hold what it may")
	}
	c.Add(ctx, name(maxShare), maxShare)
	for i, want := range map[int]bool{0: true, 1: false, 2: true, maxShare: true} {
		if value, kept := c.Get(ctx, name(i)); kept != want || kept && value != i {
			t.Errorf("entry %d: kept %v, want %v", i, kept, want)
		}
	}
	checkBytes(t, c)
}

func TestCacheOfAnEntryAddedTwiceCountsItOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCache(1000*overhead, func(_ string, value int) int { return overhead + value })
	for _, value := range []int{1, 300, 7} {
		c.Add(ctx, "key", value)
		if got, _ := c.Get(ctx, "key"); got != value || c.bytes != overhead+value {
			t.Errorf("value %d of %d bytes, want %d of %d", got, c.bytes, value, overhead+value)
		}
	}
}

// A document that takes more than a hundredth is of no use to others, and would
// push out a hundred that are.
func TestCachesKeepNothingHeavy(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	documents, queries := newDocumentCache().cache, newPersistedQueryCache()
	const (
		longestDocument = (documentCacheBytes/maxShare - overhead) / documentFactor
		longestQuery    = persistedQueryCacheBytes/maxShare - overhead - len("hash")
	)
	for extra, want := range map[int]bool{-1000: true, 0: true, 1: false, 1000: false, 1 << 20: false} {
		document := strings.Repeat("x", longestDocument+extra)
		documents.Add(ctx, document, &ast.QueryDocument{})
		if _, kept := documents.Get(ctx, document); kept != want {
			t.Errorf("a document of %d bytes: kept %v, want %v", len(document), kept, want)
		}
		query := strings.Repeat("x", longestQuery+extra)
		queries.Add(ctx, "hash", query)
		if got, kept := queries.Get(ctx, "hash"); want && (!kept || got != query) || !want && kept && got == query {
			t.Errorf("a query of %d bytes: kept %v, want %v", len(query), kept, want)
		}
	}
}

func TestRefusedQueriesAreNotKept(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		`{viewer{id}}`:  true,
		`{viewer{foo}}`: false,
		`{viewer{`:      false,
	} {
		a := newAPI(t, &fakeVerbs{})
		documents := newDocumentCache()
		a.exec.SetQueryCache(documents)
		for range 2 {
			a.post(t, mustJSON(t, map[string]any{"query": query}))
		}
		if _, kept := documents.Get(t.Context(), query); kept != want {
			t.Errorf("%s: kept %v, want %v", query, kept, want)
		}
	}
}

// Who makes up each document anew fills nothing, and pushes out nothing that others
// ask.
func TestDocumentsAreKeptTheSecondTime(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newDocumentCache()
	const ours = "{viewer{id}}"
	for i, want := range []bool{false, false, true} {
		if _, kept := c.Get(ctx, ours); kept != want {
			t.Errorf("after %d times: kept %v", i, kept)
		}
		c.Add(ctx, ours, &ast.QueryDocument{})
	}
	for i := range 50_000 {
		c.Add(ctx, fmt.Sprint("{a", i, ":viewer{id}}"), &ast.QueryDocument{})
	}
	if _, kept := c.Get(ctx, ours); !kept || c.values.Len() != 1 {
		t.Errorf("kept %v, among %d", kept, c.values.Len())
	}
}

func TestCacheIsForConcurrentUse(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCache(maxShare*2*overhead, func(key string, value int) int { return overhead + value })
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 5_000 {
				n := random.IntN(300)
				key := fmt.Sprint("key ", n)
				if random.IntN(2) == 0 {
					c.Add(ctx, key, n)
				} else if value, kept := c.Get(ctx, key); kept && value != n {
					t.Errorf("%s reads as %d", key, value)
				}
			}
		})
	}
	all.Wait()
	checkBytes(t, c)
}

// realDocuments are documents as apps send them: printed over lines by one library,
// squeezed by the next, with __typename everywhere by another.
var realDocuments = []string{
	`query Home%d($first: Int! = 20, $after: Cursor) {
  viewer {
    id
    user {
      id
      name
      avatarUrl
    }
    unreadCount
    rooms(first: $first, after: $after) {
      nodes {
        ...RoomRow
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}

fragment RoomRow on Room {
  id
  kind
  viewerName
  lastSeq
  viewerUnreadCount
  viewerMentionCount
  lastMessage {
    id
    text
    createdAt
    author {
      id
      name
    }
  }
}
`,
	`query Room%d($id: ID!, $last: Int! = 50, $before: Cursor) {
  room(id: $id) {
    __typename
    id
    name
    topic
    lastSeq
    viewerPosting { __typename allowed reason until }
    messages(last: $last, before: $before) {
      __typename
      nodes {
        __typename
        id
        seq
        changedSeq
        text
        createdAt
        editedAt
        deletedAt
        author { __typename id name avatarUrl }
        attachments { __typename id name contentType size url thumbnailUrl }
        reactions { __typename emoji count viewerHasReacted }
        replyTo { __typename id text author { __typename id name } }
      }
      pageInfo { __typename hasPreviousPage startCursor }
    }
  }
}
`,
	`mutation LogIn%d($input:LogInInput!){logIn(input:$input){token session{id device createdAt expiresAt}viewer{id user{id name}email phone locale}}}`,
	`mutation Send%d($input: SendMessageInput!) { sendMessage(input: $input) { replayed message { id seq key text createdAt } } }`,
	`subscription Inbox%d($after:[RoomPosition!]!){inboxEvents(after:$after){__typename ...on RoomEvent{seq kind at room{id}message{id seq changedSeq text author{id name}}}...on RoomClosed{roomId}...on RoomOpened{room{id lastSeq}}}}`,
	`query Devices%d {
  viewer {
    sessions {
      id
      device
      createdAt
      lastUsedAt
      current
    }
  }
}`,
}

// worstDocuments are documents that fit the schema and are kept, and that make much
// of few bytes.
var worstDocuments = map[string]func(i int) string{
	"one field":     func(i int) string { return fmt.Sprintf("{a%d:viewer{id}}", i) },
	"short fields":  func(i int) string { return fmt.Sprintf("{a%d:viewer{%s}}", i, strings.Repeat("id ", 300)) },
	"short aliases": func(i int) string { return fmt.Sprintf("{a%d:viewer{%s}}", i, strings.Repeat("a:id ", 300)) },
	"inline fragments": func(i int) string {
		return fmt.Sprintf("{a%d:viewer{%sid%s}}", i, strings.Repeat("...{", 300), strings.Repeat("}", 300))
	},
	"values in a list": func(i int) string {
		return fmt.Sprintf("{a%d:viewer{rooms(after:[%s]){pageInfo{endCursor}}}}", i, strings.Repeat("1 ", 900))
	},
	"lists in lists": func(i int) string {
		return fmt.Sprintf("{a%d:viewer{rooms(after:%s%s){pageInfo{endCursor}}}}", i, strings.Repeat("[", 400), strings.Repeat("]", 400))
	},
	"variables": func(i int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "query a%d(", i)
		for n := range 110 {
			fmt.Fprintf(&b, "$%c%c:[ID]", 'a'+n/26, 'a'+n%26)
		}
		b.WriteString("){viewer{rooms(after:[")
		for n := range 110 {
			fmt.Fprintf(&b, "$%c%c", 'a'+n/26, 'a'+n%26)
		}
		b.WriteString("]){pageInfo{endCursor}}}}")
		return b.String()
	},
	"operations": func(i int) string {
		var b strings.Builder
		for n := range 190 {
			fmt.Fprintf(&b, "query a%d_%d{__typename}", i, n)
		}
		return b.String()
	},
	"comments": func(i int) string { return fmt.Sprintf("{a%d:viewer{%s id}}", i, strings.Repeat("#\n", 900)) },
}

// heap gives the bytes that are in use.
func heap() int {
	runtime.GC()
	runtime.GC() // what finalizers and pools held on to
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// keep puts documents into a new cache, as gqlgen does, and gives it with how many
// bytes of text it keeps and what they really take.
func keep(t *testing.T, count int, document func(i int) string) (kept *cache[*ast.QueryDocument], text, taken int) {
	t.Helper()
	kept = newDocumentCache().cache
	before := heap()
	for i := range count {
		query := document(i)
		parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, maxTokens)
		if err != nil {
			t.Fatalf("it does not parse: %v: %.200s", err, query)
		}
		if errs := validator.ValidateWithRules(testSchema, parsed, rules.NewDefaultRules()); len(errs) > 0 {
			t.Fatalf("it does not fit the schema: %v: %.200s", errs, query)
		}
		kept.Add(context.Background(), query, parsed)
	}
	taken = heap() - before
	for _, query := range kept.values.Keys() {
		text += len(query)
	}
	return kept, text, taken
}

func TestDocumentFactorIsHonest(t *testing.T) {
	kept, text, taken := keep(t, 3_000, func(i int) string {
		return fmt.Sprintf(realDocuments[i%len(realDocuments)], i)
	})
	count := kept.values.Len()
	if count < 500 {
		t.Fatalf("only %d documents are kept", count)
	}
	factor := float64(taken-count*overhead) / float64(text)
	t.Logf("%d documents of %d bytes of text take %d bytes: %.1f for each byte of text, and %d for each document",
		count, text, taken, factor, overhead)
	if factor > documentFactor {
		t.Errorf("a parsed document takes %.1f bytes for each byte of its text, and not %d", factor, documentFactor)
	}
	runtime.KeepAlive(kept)
}

func TestDocumentCacheIsBoundedWhateverComes(t *testing.T) {
	for name, document := range worstDocuments {
		t.Run(name, func(t *testing.T) {
			kept, text, taken := keep(t, 100, document)
			if kept.values.Len() == 0 {
				return // such documents are too heavy
			}
			t.Logf("%d documents of %d bytes of text take %d bytes, %.1f for each byte; the cache counts %d",
				kept.values.Len(), text, taken, float64(taken)/float64(text), kept.bytes)
			if taken > kept.bytes {
				t.Errorf("the cache takes %.1f times what it counts", float64(taken)/float64(kept.bytes))
			}
			runtime.KeepAlive(kept)
		})
	}
}

// What is kept of a request is its document, and not the rest of the URL that it
// came in.
func TestDocumentByGETKeepsNoMoreThanItself(t *testing.T) {
	a := newAPI(t, &fakeVerbs{})
	rest := strings.Repeat("x", 50_000)
	const count = 300
	before := heap()
	for i := range count {
		query := fmt.Sprintf("{a%d:__typename}", i)
		got := a.do(t, request("GET", "/graphql?rest="+rest+"&query="+query, ""))
		if got.code(t) != "" {
			t.Fatal(got.body)
		}
	}
	if taken := heap() - before; taken > count*5_000 {
		t.Errorf("each document of some 20 bytes keeps %d", taken/count)
	}
	before = heap()
	for i := range count {
		query := fmt.Sprintf("{b%d:__typename}", i)
		extensions := url.QueryEscape(`{"persistedQuery":{"version":1,"sha256Hash":"` + hashOf(query) + `"}}`)
		got := a.do(t, request("GET", "/graphql?rest="+rest+"&extensions="+extensions+"&query="+query, ""))
		if got.code(t) != "" {
			t.Fatal(got.body)
		}
	}
	if taken := heap() - before; taken > count*5_000 {
		t.Errorf("each persisted query of some 20 bytes keeps %d", taken/count)
	}
	runtime.KeepAlive(a)
}

func hashOf(query string) string {
	sum := sha256.Sum256([]byte(query))
	return hex.EncodeToString(sum[:])
}
