package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
)

// Secret is a random key that the nodes of an installation share: one row, unless the
// operator gives the key by a setting.
type Secret struct{ ent.Schema }

// Mixin of Secret.
func (Secret) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Secret.
func (Secret) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("secrets")}
}

// Fields of Secret.
func (Secret) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Immutable().Unique(),
		field.Bytes("value").Immutable().Sensitive(),
		field.Time("created_at").Immutable(),
	}
}
