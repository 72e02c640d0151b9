// Package schema describes the tables as ent knows them: one noun a file, and
// here what they share. What is read of a row outside the store are the nouns of
// internal/omarty.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/mixin"
	"github.com/google/uuid"
)

// Identity gives a row its UUIDv7, which the rules make: so ids sort by the time
// of their making, and a page can be read in that order by the primary key.
type Identity struct{ mixin.Schema }

// Fields of Identity.
func (Identity) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable(),
	}
}
