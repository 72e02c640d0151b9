package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Ballot is the vote of a person or, where the poll counts them, of an apartment. One
// that was taken back is gone.
type Ballot struct{ ent.Schema }

// Mixin of Ballot.
func (Ballot) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Ballot.
func (Ballot) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("ballots")}
}

// Fields of Ballot.
func (Ballot) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("poll_id", uuid.UUID{}).Immutable(),
		field.UUID("apartment_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("Whose vote it is; null where people vote for themselves."),
		field.UUID("voter_id", uuid.UUID{}).Optional().Nillable().
			Comment("Who cast it last; null for people who erased their account."),
		field.Int64("choices").
			Comment("Bit n is set where it chooses the n-th option, from 0."),
	}
}

// Indexes of Ballot.
func (Ballot) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("poll_id", "voter_id").Unique().StorageKey("ballot_of_person").
			Annotations(entsql.IndexWhere("apartment_id IS NULL")),
		index.Fields("poll_id", "apartment_id").Unique().StorageKey("ballot_of_apartment").
			Annotations(entsql.IndexWhere("apartment_id IS NOT NULL")),
		index.Fields("voter_id"),
	}
}
