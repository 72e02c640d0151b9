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

// Session is a device that is or was signed in.
type Session struct{ ent.Schema }

// Mixin of Session.
func (Session) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Session.
func (Session) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("sessions")}
}

// Fields of Session.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Bytes("token_hash").MaxLen(32).Immutable().Unique().Sensitive().
			Comment("SHA-256 of the token; the token itself is kept nowhere."),
		field.String("device").Immutable().
			Comment("What the person knows the device by."),
		field.Bytes("place").MaxLen(32).Optional().Nillable().Immutable().Sensitive().
			Comment("Of the address it was signed in from, by the installation's secret: where the person is known to sign in from."),
		field.Time("created_at").Immutable(),
		field.Time("last_used_at").
			Comment("To the minute or so: it is not written at each call."),
		field.Time("expires_at").
			Comment("Slides ahead of last_used_at."),
		field.Time("ended_at").Optional().Nillable().
			Comment("When it was revoked; null while it is good."),
	}
}

// Edges of Session.
func (Session) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("sessions").Field("user_id").
			Required().Unique().Immutable(),
	}
}

// Indexes of Session.
func (Session) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("user_id"),
		// Nodes ask for what was revoked since they last looked.
		index.Fields("ended_at").
			Annotations(entsql.IndexWhere("ended_at IS NOT NULL")),
	}
}
