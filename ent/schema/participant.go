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

// Participant is a person who is, or was, in a room.
type Participant struct{ ent.Schema }

// Mixin of Participant.
func (Participant) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Participant.
func (Participant) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("participants")}
}

// Fields of Participant.
func (Participant) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.UUID("user_id", uuid.UUID{}).Optional().Nillable().
			Comment("Null for people who erased their account."),
		field.Time("joined_at").
			Comment("The last time, where the person left and came back."),
		field.Time("left_at").Optional().Nillable(),
		field.Int64("read_seq").
			Comment("The person has read up to here."),
		field.Int64("read_ordinal").
			Comment("How many of the room's messages that is."),
		field.String("notifications").Default("ALL").
			Comment("The level: ALL, MENTIONS or NONE."),
	}
}

// Edges of Participant.
func (Participant) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("room", Room.Type).Ref("participants").Field("room_id").
			Required().Unique().Immutable(),
		edge.From("user", User.Type).Ref("participations").Field("user_id").Unique(),
	}
}

// Indexes of Participant.
func (Participant) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("room_id", "user_id").Unique(),
		index.Fields("user_id"),
		// Who listens to their rooms asks for those joined of late.
		index.Fields("joined_at"),
	}
}
