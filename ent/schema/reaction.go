package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Reaction is an emoji that a person put on a message.
type Reaction struct{ ent.Schema }

// Mixin of Reaction.
func (Reaction) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Reaction.
func (Reaction) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("reactions")}
}

// Fields of Reaction.
func (Reaction) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("message_id", uuid.UUID{}).Immutable(),
		field.UUID("user_id", uuid.UUID{}).Optional().Nillable().
			Comment("Null for people who erased their account."),
		field.String("emoji").Immutable().
			Comment("As Unicode lists it, fully qualified."),
	}
}

// Indexes of Reaction.
func (Reaction) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("message_id", "emoji", "user_id").Unique(),
		index.Fields("user_id"),
	}
}
