package graph

import (
	"context"
	"reflect"

	"github.com/99designs/gqlgen/graphql"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
)

// What an operation is about, for the log: ids that its arguments name, and nothing else of
// them.

// isRoot tells whether a field is an operation's own.
func isRoot(fc *graphql.FieldContext) bool {
	return fc.Object == "Query" || fc.Object == "Mutation" || fc.Object == "Subscription"
}

// RoomOf gives the room of which the operation's field asks something that ctx belongs to, as
// far as its arguments say; zero where they do not.
func RoomOf(ctx context.Context) omarty.ID {
	for fc := graphql.GetFieldContext(ctx); fc != nil; fc = fc.Parent {
		if isRoot(fc) {
			return roomAsked(fc)
		}
	}
	return omarty.ID{}
}

// roomAsked gives the room that a field's arguments name.
func roomAsked(fc *graphql.FieldContext) omarty.ID {
	for _, name := range [...]string{"room", "id"} {
		if id, ok := fc.Args[name].(omarty.ID); ok && id.Kind == omarty.KindRoom {
			return id
		}
	}
	var room omarty.ID
	switch in := fc.Args["input"].(type) {
	case generated.SendMessageInput:
		room = in.Room
	case generated.UpdateRoomInput:
		room = in.Room
	}
	if room.Kind != omarty.KindRoom {
		return omarty.ID{}
	}
	return room
}

// roomOf gives the room of what a field gave: of a room or a message, or of a payload that
// has one.
func roomOf(given any) omarty.ID {
	switch given := given.(type) {
	case *omarty.Room:
		if given != nil {
			return given.ID
		}
		return omarty.ID{}
	case *omarty.Message:
		if given != nil {
			return given.Room
		}
		return omarty.ID{}
	}
	payload := reflect.ValueOf(given)
	if payload.Kind() != reflect.Pointer || payload.IsNil() || payload.Elem().Kind() != reflect.Struct {
		return omarty.ID{}
	}
	for _, name := range [...]string{"Message", "Room"} {
		switch field := payload.Elem().FieldByName(name); {
		case !field.IsValid(), field.Kind() != reflect.Pointer, field.IsNil():
		default:
			switch of := field.Interface().(type) {
			case *omarty.Message:
				return of.Room
			case *omarty.Room:
				return of.ID
			}
		}
	}
	return omarty.ID{}
}
