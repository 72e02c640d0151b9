package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// Search is what somebody looks for: a query, in the rooms of one building or in one
// room, and by one author, where they are not nil.
type Search struct {
	Query                  string
	Building, Room, Author *omarty.ID
}

// SearchMessages gives a page of the messages in the asker's rooms that have all words
// of a query, or beginnings of them, the newest first. UNAUTHENTICATED for who is not
// signed in; at "query", REQUIRED, INVALID_INPUT and TOO_LARGE as omarty.ParseQuery has
// them. Where the asker is not, and who never wrote anything there, there is nothing.
func (s *Service) SearchMessages(ctx context.Context, by Asker, in Search, page omarty.Page) (omarty.Slice[omarty.Message], error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Slice[omarty.Message]{}, err
	}
	terms, err := omarty.ParseQuery(in.Query)
	if err != nil {
		return omarty.Slice[omarty.Message]{}, omarty.At(err, "query")
	}
	q := omarty.Search{Of: by.User, Terms: terms, Page: page}
	for _, one := range []struct {
		given *omarty.ID
		kind  omarty.Kind
		into  *omarty.ID
	}{
		{in.Building, omarty.KindBuilding, &q.Building},
		{in.Room, omarty.KindRoom, &q.Room},
		{in.Author, omarty.KindUser, &q.Author},
	} {
		if one.given == nil {
			continue
		}
		if one.given.Kind != one.kind {
			return omarty.Slice[omarty.Message]{}, nil
		}
		*one.into = *one.given
	}
	return s.Store.SearchMessages(ctx, q)
}
