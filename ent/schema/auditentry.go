package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// AuditEntry is a line of the log that the service keeps of what people did. It
// has no foreign keys: it outlives what it tells of.
type AuditEntry struct{ ent.Schema }

// Mixin of AuditEntry.
func (AuditEntry) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of AuditEntry.
func (AuditEntry) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("audit_entries")}
}

// Fields of AuditEntry.
func (AuditEntry) Fields() []ent.Field {
	return []ent.Field{
		field.Time("at").Immutable(),
		field.String("action").Immutable(),
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().
			Comment("Null for what the service did, and for people who erased their account."),
		field.UUID("building_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("Whose managers may read it."),
		field.String("subject").Optional().Nillable().
			Comment("The public id of what it was done to; null where that was a person who erased their account."),
		field.Float("longitude").Optional().Nillable().
			Comment("Of the device, in degrees; for the operator alone."),
		field.Float("latitude").Optional().Nillable().
			Comment("Likewise."),
	}
}

// Indexes of AuditEntry.
func (AuditEntry) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("actor_id"),
		index.Fields("subject"),
		// Pages of a building's part.
		index.Fields("building_id", "id"),
	}
}
