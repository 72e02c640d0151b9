package graph

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// forgetful has nothing but what it is asked for.
type forgetful struct {
	Verbs
	author omarty.User
}

func (f forgetful) Users(_ context.Context, ids []omarty.ID) (map[omarty.ID]omarty.User, error) {
	return map[omarty.ID]omarty.User{f.author.ID: f.author}, nil
}

// BenchmarkRender makes the bytes of an entry for all who share a view, its message
// known.
func BenchmarkRender(b *testing.B) {
	author := omarty.User{ID: omarty.NewID(omarty.KindUser), Name: "Mona Adel"}
	api := newAPI(b, forgetful{author: author})
	m := omarty.Message{
		ID: omarty.NewID(omarty.KindMessage), Room: omarty.NewID(omarty.KindRoom), Seq: 7, Author: author.ID,
		Text: strings.Repeat("good morning ", 8), CreatedAt: time.Now(),
	}
	e := omarty.Entry{
		Event:   omarty.Event{Room: m.Room, Seq: 7, At: m.CreatedAt, Kind: omarty.EventMessagePosted, Actor: author.ID, Message: m.ID},
		Message: &m,
	}
	s := selection{api.views, "{seq:seq at:at kind:kind message:message{id:id text:text createdAt:createdAt author:author{id:id name:name } } }"}
	known := map[omarty.ID]omarty.Entry{m.ID: e}
	b.ReportAllocs()
	for range b.N {
		if got := s.Render(b.Context(), []omarty.Event{e.Event}, known); got[0].Errors != nil {
			b.Fatal(got[0].Errors)
		}
	}
}
