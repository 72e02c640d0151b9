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

// Apartment is a door of a building.
type Apartment struct{ ent.Schema }

// Mixin of Apartment.
func (Apartment) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Apartment.
func (Apartment) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("apartments")}
}

// Fields of Apartment.
func (Apartment) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("building_id", uuid.UUID{}).Immutable(),
		field.String("number").Immutable().
			Comment("As on the door."),
		field.String("number_key").Immutable().
			Comment("The canonical form of number: 3b is 3B."),
		field.Int("floor").Optional().Nillable().Immutable(),
	}
}

// Edges of Apartment.
func (Apartment) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("building", Building.Type).Ref("apartments").Field("building_id").
			Required().Unique().Immutable(),
		edge.To("residencies", Residency.Type),
		edge.To("messages", Message.Type).Annotations(entsql.OnDelete(entsql.SetNull)),
	}
}

// Indexes of Apartment.
func (Apartment) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("building_id", "number_key").Unique(),
	}
}
