package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// Notice is that a message asks each apartment to confirm it; it has the message's id.
// There is none of a message that was deleted.
type Notice struct{ ent.Schema }

// Mixin of Notice.
func (Notice) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Notice.
func (Notice) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("notices")}
}

// Fields of Notice.
func (Notice) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.Int64("apartment_count").
			Comment("How many apartments are asked to confirm the present text."),
		field.Int64("acknowledged_count").Default(0).
			Comment("How many of them have."),
	}
}
