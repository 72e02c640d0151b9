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

// Membership is one person's place in one building, for good: it ends and begins
// again by its status.
type Membership struct{ ent.Schema }

// Mixin of Membership.
func (Membership) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Membership.
func (Membership) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("memberships")}
}

// Fields of Membership.
func (Membership) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("building_id", uuid.UUID{}).Immutable(),
		field.UUID("user_id", uuid.UUID{}).Optional().Nillable().
			Comment("Null for people who erased their account."),
		field.String("role"),
		field.String("status"),
		field.UUID("claimed_apartment_id", uuid.UUID{}).Optional().Nillable().
			Comment("The one asked for, while a manager has not decided."),
		field.Time("created_at").Immutable(),
		field.Time("muted_until").Optional().Nillable().
			Comment("Until then the person writes nothing in the building's rooms."),
	}
}

// Edges of Membership.
func (Membership) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("building", Building.Type).Ref("memberships").Field("building_id").
			Required().Unique().Immutable(),
		edge.From("user", User.Type).Ref("memberships").Field("user_id").Unique(),
		edge.To("claimed_apartment", Apartment.Type).Field("claimed_apartment_id").Unique().
			Annotations(entsql.OnDelete(entsql.SetNull)),
		edge.To("residencies", Residency.Type),
	}
}

// Indexes of Membership.
func (Membership) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("building_id", "user_id").Unique(),
		index.Fields("user_id"),
		// Pages of a building's members, by status.
		index.Fields("building_id", "status", "id"),
	}
}
