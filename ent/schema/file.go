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

// File is what somebody uploaded. Its content is in the file storage, by its id.
type File struct{ ent.Schema }

// Mixin of File.
func (File) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of File.
func (File) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("files")}
}

// Fields of File.
func (File) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("owner_id", uuid.UUID{}).Optional().Nillable().
			Comment("Who uploaded it; null for people who erased their account."),
		field.String("name").Immutable().
			Comment("For people; never a path."),
		field.String("content_type").Immutable(),
		field.Int64("size").Immutable().
			Comment("Bytes."),
		field.Int("width").Optional().Nillable().Immutable().
			Comment("Pixels, for images."),
		field.Int("height").Optional().Nillable().Immutable(),
		field.Bool("thumbnail").Immutable().
			Comment("Whether the storage has one."),
		field.Time("created_at").Immutable(),
		field.UUID("message_id", uuid.UUID{}).Optional().Nillable().
			Comment("The message that it is attached to."),
		field.Int("position").Default(0).
			Comment("Its place among those of the message, from 0."),
		field.UUID("avatar_of", uuid.UUID{}).Optional().Nillable().
			Comment("Whose avatar it is."),
		field.Time("dropped_at").Optional().Nillable().
			Comment("From then on nobody reads it; its content is being removed."),
	}
}

// Edges of File.
func (File) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("owner", User.Type).Ref("files").Field("owner_id").Unique(),
	}
}

// Indexes of File.
func (File) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("owner_id"),
		index.Fields("message_id", "position").
			Annotations(entsql.IndexWhere("message_id IS NOT NULL")),
		index.Fields("avatar_of").
			Annotations(entsql.IndexWhere("avatar_of IS NOT NULL")),
		// What is swept: what was dropped, and what nobody used for a day.
		index.Fields("dropped_at").
			Annotations(entsql.IndexWhere("dropped_at IS NOT NULL")),
		index.Fields("created_at"),
	}
}
