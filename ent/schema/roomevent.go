package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// RoomEvent is an entry of a room's log.
type RoomEvent struct{ ent.Schema }

// Mixin of RoomEvent.
func (RoomEvent) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of RoomEvent.
func (RoomEvent) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("room_events")}
}

// Fields of RoomEvent.
func (RoomEvent) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.Int64("seq").Immutable().
			Comment("1, 2, 3, … in a room, with no gap."),
		field.Time("at").Immutable(),
		field.String("kind").Immutable(),
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable(),
		field.UUID("message_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("member_id", uuid.UUID{}).Optional().Nillable().
			Comment("Who joined or left."),
		field.String("emoji").Optional().Nillable().Immutable().
			Comment("That of a reaction."),
	}
}

// Edges of RoomEvent.
func (RoomEvent) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("room", Room.Type).Ref("events").Field("room_id").
			Required().Unique().Immutable(),
	}
}

// Indexes of RoomEvent.
func (RoomEvent) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("room_id", "seq").Unique(),
	}
}
