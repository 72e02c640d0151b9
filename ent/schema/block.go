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

// Block is that a person wants to hear nothing of another.
type Block struct{ ent.Schema }

// Mixin of Block.
func (Block) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Block.
func (Block) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("blocks")}
}

// Fields of Block.
func (Block) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("blocker_id", uuid.UUID{}).Immutable(),
		field.UUID("blocked_id", uuid.UUID{}).Immutable(),
		field.Time("created_at").Immutable(),
	}
}

// Edges of Block.
func (Block) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("blocker", User.Type).Ref("blocks").Field("blocker_id").
			Required().Unique().Immutable(),
		edge.From("blocked", User.Type).Ref("blocked_by").Field("blocked_id").
			Required().Unique().Immutable(),
	}
}

// Indexes of Block.
func (Block) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("blocker_id", "blocked_id").Unique(),
		index.Fields("blocked_id"),
	}
}
