package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Mention is that a text names a person. There is none of a message that was deleted.
type Mention struct{ ent.Schema }

// Mixin of Mention.
func (Mention) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Mention.
func (Mention) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("mentions")}
}

// Fields of Mention.
func (Mention) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("message_id", uuid.UUID{}).Immutable(),
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.Int64("seq").Immutable().
			Comment("The message's."),
		field.UUID("user_id", uuid.UUID{}).Optional().Nillable().
			Comment("Null for people who erased their account."),
		field.Int("start").Immutable().
			Comment("Where it begins in the text, in UTF-16 units."),
		field.Int("length").Immutable().
			Comment("How many UTF-16 units it has."),
	}
}

// Indexes of Mention.
func (Mention) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("message_id", "start").Unique(),
		// Those of a person after a read mark.
		index.Fields("user_id", "room_id", "seq"),
	}
}
