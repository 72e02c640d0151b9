package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Poll is the question of a message, whose id it has. There is none of a message that
// was deleted.
type Poll struct{ ent.Schema }

// Mixin of Poll.
func (Poll) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Poll.
func (Poll) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("polls")}
}

// Fields of Poll.
func (Poll) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.String("question").Immutable(),
		field.JSON("options", []PollOption{}).
			Comment("In their order, each with its count."),
		field.Bool("multiple_choice").Immutable(),
		field.Bool("per_apartment").Immutable(),
		field.Int64("voter_count").Default(0).
			Comment("How many ballots there are that choose anything."),
		field.Time("closes_at").Optional().Nillable().Immutable(),
		field.Time("closed_at").Optional().Nillable(),
	}
}

// Indexes of Poll.
func (Poll) Indexes() []ent.Index {
	return []ent.Index{
		// What is due.
		index.Fields("closes_at").
			Annotations(entsql.IndexWhere("closed_at IS NULL")),
	}
}

// PollOption is what can be voted for.
type PollOption struct {
	ID    uuid.UUID `json:"id"`
	Text  string    `json:"text"`
	Votes int       `json:"votes"`
}
