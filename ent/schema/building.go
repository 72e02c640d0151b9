package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
)

// Building is a house whose people talk here.
type Building struct{ ent.Schema }

// Mixin of Building.
func (Building) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Building.
func (Building) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("buildings")}
}

// Fields of Building.
func (Building) Fields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Immutable(),
		field.String("name"),
		field.String("address"),
	}
}

// Edges of Building.
func (Building) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("apartments", Apartment.Type),
		edge.To("memberships", Membership.Type),
		edge.To("invitations", Invitation.Type),
		edge.To("rooms", Room.Type),
		edge.To("reports", Report.Type),
	}
}
