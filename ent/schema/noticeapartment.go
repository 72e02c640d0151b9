package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// NoticeApartment is an apartment that a notice asks to confirm its present text.
type NoticeApartment struct{ ent.Schema }

// Mixin of NoticeApartment.
func (NoticeApartment) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of NoticeApartment.
func (NoticeApartment) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("notice_apartments")}
}

// Fields of NoticeApartment.
func (NoticeApartment) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("notice_id", uuid.UUID{}).Immutable(),
		field.UUID("apartment_id", uuid.UUID{}).Immutable(),
		field.Time("acknowledged_at").Optional().Nillable(),
		field.UUID("acknowledged_by_id", uuid.UUID{}).Optional().Nillable().
			Comment("Null until then, and for people who erased their account."),
	}
}

// Indexes of NoticeApartment.
func (NoticeApartment) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("notice_id", "apartment_id").Unique(),
		index.Fields("apartment_id"),
		index.Fields("acknowledged_by_id"),
	}
}
