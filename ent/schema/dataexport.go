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

// DataExport is all that the service knows of a person, as a zip in the file storage, by
// its id.
type DataExport struct{ ent.Schema }

// Mixin of DataExport.
func (DataExport) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of DataExport.
func (DataExport) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("data_exports")}
}

// Fields of DataExport.
func (DataExport) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Time("created_at").Immutable(),
		field.Float("progress").Default(0).
			Comment("From 0 to 1."),
		field.Time("claimed_until").Optional().Nillable().
			Comment("Until then a node is making it."),
		field.Time("finished_at").Optional().Nillable(),
		field.Time("failed_at").Optional().Nillable(),
		field.Int64("size").Optional().Nillable().
			Comment("Bytes, once finished."),
		field.Time("expires_at").
			Comment("From then on it is gone."),
	}
}

// Edges of DataExport.
func (DataExport) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("exports").Field("user_id").
			Required().Unique().Immutable(),
	}
}

// Indexes of DataExport.
func (DataExport) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("user_id"),
		index.Fields("expires_at"),
	}
}
