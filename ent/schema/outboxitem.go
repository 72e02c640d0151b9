package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// OutboxItem is what is to be done outside of the database, once it is committed: a
// mail or a message to a phone. It goes when it was done, or when it is too late for it.
type OutboxItem struct{ ent.Schema }

// Mixin of OutboxItem.
func (OutboxItem) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of OutboxItem.
func (OutboxItem) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("outbox_items")}
}

// Fields of OutboxItem.
func (OutboxItem) Fields() []ent.Field {
	return []ent.Field{
		field.String("kind").Immutable().
			Comment("RESET, which finds out to whom; MAIL; PHONE."),
		field.Bytes("sealed").Immutable().Sensitive().
			Comment("What it says and to whom, sealed by the installation's secret."),
		field.Int("attempts").Default(0),
		field.Time("created_at").Immutable(),
		field.Time("due_at").
			Comment("When it is tried next: who takes it moves it ahead of anybody else."),
		field.Time("expires_at").Immutable().
			Comment("From then on it is of no use."),
	}
}

// Indexes of OutboxItem.
func (OutboxItem) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("due_at"),
	}
}
