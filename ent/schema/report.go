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

// Report is that somebody asked a building's managers to look at a message. It has no
// foreign key to the message, whose text it keeps as it was.
type Report struct{ ent.Schema }

// Mixin of Report.
func (Report) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Report.
func (Report) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("reports")}
}

// Fields of Report.
func (Report) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("building_id", uuid.UUID{}).Immutable().
			Comment("Whose managers look."),
		field.UUID("message_id", uuid.UUID{}).Immutable(),
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.UUID("author_id", uuid.UUID{}).Optional().Nillable().
			Comment("Null for people who erased their account."),
		field.UUID("reporter_id", uuid.UUID{}).Optional().Nillable().
			Comment("Likewise."),
		field.String("text").
			Comment("As it read when it was reported."),
		field.String("reason"),
		field.Time("created_at").Immutable(),
		field.Bool("open").Default(true),
		field.Time("resolved_at").Optional().Nillable(),
		field.UUID("resolved_by_id", uuid.UUID{}).Optional().Nillable(),
	}
}

// Edges of Report.
func (Report) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("building", Building.Type).Ref("reports").Field("building_id").
			Required().Unique().Immutable(),
	}
}

// Indexes of Report.
func (Report) Indexes() []ent.Index {
	return []ent.Index{
		// Pages of a building's, the open ones first.
		index.Fields("building_id", "open", "id"),
		// One of a message by a person is enough.
		index.Fields("message_id", "building_id", "reporter_id").Unique(),
		index.Fields("author_id"),
		index.Fields("reporter_id"),
		index.Fields("resolved_by_id"),
	}
}
