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

// Invitation is a code that lets people into a building.
type Invitation struct{ ent.Schema }

// Mixin of Invitation.
func (Invitation) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Invitation.
func (Invitation) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("invitations")}
}

// Fields of Invitation.
func (Invitation) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("building_id", uuid.UUID{}).Immutable(),
		field.String("code").Immutable().Unique().Sensitive(),
		field.UUID("apartment_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.Bool("preapproved").Immutable(),
		field.Int("uses_left").Optional().Nillable().
			Comment("Null means as often as wanted."),
		field.Time("expires_at").Optional().Nillable().Immutable(),
		field.Time("revoked_at").Optional().Nillable(),
	}
}

// Edges of Invitation.
func (Invitation) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("building", Building.Type).Ref("invitations").Field("building_id").
			Required().Unique().Immutable(),
		edge.To("apartment", Apartment.Type).Field("apartment_id").Unique().Immutable().
			Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Indexes of Invitation.
func (Invitation) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("building_id"),
	}
}
