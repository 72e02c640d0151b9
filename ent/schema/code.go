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

// Code is a six-digit code that was sent to an e-mail address or a phone number, to
// prove that its owner has it. A person has one of each purpose: a newer one takes the
// place of the older.
type Code struct{ ent.Schema }

// Mixin of Code.
func (Code) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Code.
func (Code) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("codes")}
}

// Fields of Code.
func (Code) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("purpose").
			Comment("VERIFY_EMAIL, VERIFY_PHONE, RESET_EMAIL or RESET_PHONE."),
		field.String("contact").
			Comment("Where it was sent, as the person wrote it: for a change of contact the new one."),
		field.Bytes("mac").MaxLen(32).Sensitive().
			Comment("Of the code, by the installation's secret."),
		field.Int("tries").Default(0).
			Comment("How many wrong guesses there were."),
		field.Time("created_at"),
		field.Time("expires_at"),
		field.Time("used_at").Optional().Nillable(),
	}
}

// Edges of Code.
func (Code) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("codes").Field("user_id").
			Required().Unique().Immutable(),
	}
}

// Indexes of Code.
func (Code) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("user_id", "purpose").Unique(),
		// What is swept.
		index.Fields("expires_at"),
	}
}
