package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// resolver is the root of the resolvers: it gives those of each type.
type resolver struct {
	verbs  Verbs
	views  *views
	schema *ast.Schema
}

// The resolvers of the types that have any, in files by topic.
type (
	queries       struct{ *resolver }
	mutations     struct{ *resolver }
	subscriptions struct{ *resolver }
	viewers       struct{ *resolver }
	users         struct{ *resolver }
)

func (r *resolver) Query() generated.QueryResolver               { return queries{r} }
func (r *resolver) Mutation() generated.MutationResolver         { return mutations{r} }
func (r *resolver) Subscription() generated.SubscriptionResolver { return subscriptions{r} }
func (r *resolver) Viewer() generated.ViewerResolver             { return viewers{r} }
func (r *resolver) User() generated.UserResolver                 { return users{r} }

// resolved stands around resolvers: it tells what they fail with from what gqlgen
// itself refuses, and has what they give written plainly where it can be. A member of a
// struct cannot fail.
func (a *API) resolved(ctx context.Context, next graphql.Resolver) (any, error) {
	fc := graphql.GetFieldContext(ctx)
	if !fc.IsMethod {
		given, err := next(ctx)
		if text, ok := given.(string); ok && len(text) >= longText && err == nil {
			err = spentOf(ctx).say(len(text))
		}
		return given, err
	}
	spent, of := spentOf(ctx), a.costs[fc.Field.Definition]
	done, err := spent.begin(ctx, of)
	if err != nil {
		return nil, err
	}
	defer done()
	given, err := a.patiently(ctx, next)
	if err == nil {
		if isRoot(fc) {
			room := roomAsked(fc)
			if room.IsZero() {
				room = roomOf(given)
			}
			a.note(ctx, omarty.ID{}, room)
		}
		err = spent.given(fc.Field.Field, of, given)
	}
	if err != nil {
		return given, faultOf(err)
	}
	left, err := spent.left()
	if err != nil {
		return nil, err
	}
	written, err := a.plain.write(ctx, fc, given, left)
	switch {
	case err == nil:
		return written, spent.say(len(written))
	case errors.Is(err, errTooMuch):
		return nil, err
	}
	return given, nil
}

// links are those of the resolvers that are plain's to ask.
func (r *resolver) links() links {
	return links{
		"Ballot.apartment":            linkTo(ballots{r}.Apartment),
		"Membership.apartments":       linkTo(memberships{r}.Apartments),
		"Membership.building":         linkTo(memberships{r}.Building),
		"Membership.claimedApartment": linkTo(memberships{r}.ClaimedApartment),
		"Membership.user":             linkTo(memberships{r}.User),
		"Message.apartment":           linkTo(messages{r}.Apartment),
		"Mention.user":                linkTo(mentions{r}.User),
		"Message.attachments":         linkTo(messages{r}.Attachments),
		"Message.author":              linkTo(messages{r}.Author),
		"Message.deletedBy":           linkTo(messages{r}.DeletedBy),
		"Message.mentions":            linkTo(messages{r}.Mentions),
		"Message.notice":              linkTo(messages{r}.Notice),
		"Message.poll":                linkTo(messages{r}.Poll),
		"Message.reactions":           linkTo(messages{r}.Reactions),
		"Message.replyTo":             linkTo(messages{r}.ReplyTo),
		"Message.room":                linkTo(messages{r}.Room),
		"Poll.closed":                 linkTo(pollClosed),
		"Poll.viewerBallots":          linkTo(polls{r}.ViewerBallots),
		"Reaction.emoji":              linkTo(reactions{r}.Emoji),
		"Reaction.viewerHasReacted":   linkTo(reactions{r}.ViewerHasReacted),
		"Room.building":               linkTo(rooms{r}.Building),
		"Room.lastMessage":            linkTo(rooms{r}.LastMessage),
		"Room.viewerCounterpart":      linkTo(rooms{r}.ViewerCounterpart),
		"Room.viewerFirstUnread":      linkTo(rooms{r}.ViewerFirstUnread),
		"Room.viewerMentionCount":     linkTo(rooms{r}.ViewerMentionCount),
		"Room.viewerName":             linkTo(rooms{r}.ViewerName),
		"Room.viewerNotifications":    linkTo(rooms{r}.ViewerNotifications),
		"Room.viewerPosting":          linkTo(rooms{r}.ViewerPosting),
		"Room.viewerReadSeq":          linkTo(rooms{r}.ViewerReadSeq),
		"Room.viewerUnreadCount":      linkTo(rooms{r}.ViewerUnreadCount),
		"RoomEvent.actor":             linkTo(roomEvents{r}.Actor),
		"RoomEvent.member":            linkTo(roomEvents{r}.Member),
		"RoomEvent.message":           linkTo(roomEvents{r}.Message),
		"RoomEvent.room":              linkTo(roomEvents{r}.Room),
		"RoomParticipant.readSeq":     linkTo(participants{r}.ReadSeq),
		"RoomParticipant.user":        linkTo(participants{r}.User),
	}
}

// asker is who asks.
func asker(ctx context.Context) service.Asker { return service.AskerOf(ctx) }

// orNull gives a reading that found nothing as null, which is how what one may
// not see reads.
func orNull[T any](found T, err error) (*T, error) {
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found, nil
}
