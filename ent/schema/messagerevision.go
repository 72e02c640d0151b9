package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// MessageRevision is an earlier text of a message. There is none of a message that was
// deleted.
type MessageRevision struct{ ent.Schema }

// Mixin of MessageRevision.
func (MessageRevision) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of MessageRevision.
func (MessageRevision) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("message_revisions")}
}

// Fields of MessageRevision.
func (MessageRevision) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("message_id", uuid.UUID{}).Immutable(),
		field.String("text").Immutable(),
		field.Time("written_at").Immutable(),
	}
}

// Indexes of MessageRevision.
func (MessageRevision) Indexes() []ent.Index {
	return []ent.Index{
		// The oldest first.
		index.Fields("message_id", "id"),
	}
}
