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

// Room is where people talk. Its row is locked by whoever writes to its log, so
// that the log has no gap.
type Room struct{ ent.Schema }

// Mixin of Room.
func (Room) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Room.
func (Room) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("rooms")}
}

// Fields of Room.
func (Room) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("building_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("Null for direct rooms."),
		field.String("kind").Immutable(),
		field.String("pair").Optional().Nillable().Unique().
			Comment("The two people of a direct room, whichever of them opened it; null for others, and where one of them erased their account."),
		field.UUID("maker_id", uuid.UUID{}).Optional().Nillable().
			Comment("Who made a group; null for other rooms, and for people who erased their account."),
		field.String("name"),
		field.String("topic"),
		field.Time("created_at").Immutable(),
		field.Time("archived_at").Optional().Nillable(),
		field.UUID("log_id", uuid.UUID{}).
			Comment("Names this log; a restored copy is another."),
		field.Int64("last_seq").
			Comment("The position of the newest entry; 0 before the first."),
		field.Int64("message_count").
			Comment("How many messages it has: the ordinal of the newest."),
		field.UUID("last_message_id", uuid.UUID{}).Optional().Nillable().
			Comment("The newest message; null before the first."),
		field.Time("moved_at").
			Comment("When the newest entry was written, or the room was made."),
		field.Int("slow_mode").Default(0).
			Comment("How many seconds lie between two messages of a person; 0 for none."),
	}
}

// Edges of Room.
func (Room) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("building", Building.Type).Ref("rooms").Field("building_id").Unique().Immutable(),
		edge.To("participants", Participant.Type),
		edge.To("events", RoomEvent.Type),
		edge.To("messages", Message.Type),
	}
}

// Indexes of Room.
func (Room) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("building_id"),
	}
}
