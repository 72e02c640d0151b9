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

// User is a person with an account. What erasing an account takes away may be
// null; the row stays, since messages and rooms point at it.
type User struct{ ent.Schema }

// Mixin of User.
func (User) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of User.
func (User) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("users")}
}

// Fields of User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Immutable(),
		field.String("name"),
		field.String("email").Optional().Nillable().
			Comment("As the person wrote it; email_key is what it is found by."),
		field.String("email_key").Optional().Nillable().Unique().
			Comment("The canonical form of email: one person has it in whatever letter case."),
		field.Time("email_verified_at").Optional().Nillable(),
		field.String("phone").Optional().Nillable().Unique().
			Comment("E.164, which is the canonical form."),
		field.Time("phone_verified_at").Optional().Nillable(),
		field.String("password_hash").Optional().Nillable().Sensitive().
			Comment("argon2id in PHC string format."),
		field.String("locale").
			Comment("BCP 47."),
		field.Bool("share_read_marks").Default(true),
		field.Bool("share_presence").Default(true),
		field.Time("last_seen_at").Optional().Nillable().
			Comment("To the minute; null for people who were never seen."),
		field.UUID("avatar_id", uuid.UUID{}).Optional().Nillable().
			Comment("The file; without a foreign key, as the file has one to here."),
		field.Time("disabled_at").Optional().Nillable().
			Comment("From then on the person cannot sign in: the operator's doing."),
		field.Time("erased_at").Optional().Nillable(),
		field.Time("forgotten_at").Optional().Nillable().
			Comment("When nothing named the erased person any more."),
	}
}

// Edges of User.
func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("sessions", Session.Type),
		edge.To("memberships", Membership.Type),
		edge.To("participations", Participant.Type),
		edge.To("messages", Message.Type),
		edge.To("codes", Code.Type),
		edge.To("files", File.Type),
		edge.To("exports", DataExport.Type),
		edge.To("blocks", Block.Type),
		edge.To("blocked_by", Block.Type),
	}
}

// Indexes of User.
func (User) Indexes() []ent.Index {
	return []ent.Index{
		// Nodes ask for who was erased since they last looked.
		index.Fields("erased_at").
			Annotations(entsql.IndexWhere("erased_at IS NOT NULL")),
	}
}
