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

// Residency is that a member lives in an apartment; a member may have several.
type Residency struct{ ent.Schema }

// Mixin of Residency.
func (Residency) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Residency.
func (Residency) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("residencies")}
}

// Fields of Residency.
func (Residency) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("membership_id", uuid.UUID{}).Immutable(),
		field.UUID("apartment_id", uuid.UUID{}).Immutable(),
	}
}

// Edges of Residency.
func (Residency) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("membership", Membership.Type).Ref("residencies").Field("membership_id").
			Required().Unique().Immutable(),
		edge.From("apartment", Apartment.Type).Ref("residencies").Field("apartment_id").
			Required().Unique().Immutable(),
	}
}

// Indexes of Residency.
func (Residency) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("membership_id", "apartment_id").Unique(),
		index.Fields("apartment_id"),
	}
}
