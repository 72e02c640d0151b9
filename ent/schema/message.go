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

// Message is what somebody said in a room. Its row stays for good: the room's log
// points at it.
type Message struct{ ent.Schema }

// Mixin of Message.
func (Message) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of Message.
func (Message) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("messages")}
}

// Fields of Message.
func (Message) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.Int64("seq").Immutable().
			Comment("The entry that posted it."),
		field.Int64("ordinal").Immutable().
			Comment("1, 2, 3, … among the room's messages: what lies between two is a difference."),
		field.Int64("changed_seq").
			Comment("The newest entry that changed it."),
		field.Int64("text_seq").
			Comment("The entry that wrote its present text."),
		field.UUID("author_id", uuid.UUID{}).Optional().Nillable().
			Comment("Null for people who erased their account."),
		field.String("key").Immutable().
			Comment("The author's own name for it, unique in the room for good."),
		field.Bytes("fingerprint").Immutable().
			Comment("SHA-256 of what was sent, by which another use of the key is told."),
		field.UUID("apartment_id", uuid.UUID{}).Optional().Nillable().
			Comment("The one that the author wrote from."),
		field.String("text").
			Comment("Empty once deleted, or beside a poll."),
		field.UUID("reply_to_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("The message of the same room that it answers."),
		field.Int64("reply_count").Default(0).
			Comment("How many messages answer it, deleted ones among them."),
		field.Int("attachments").Default(0).
			Comment("How many files it has."),
		field.Bool("poll").Default(false).
			Comment("Whether polls has a row with its id."),
		field.Bool("notice").Default(false).
			Comment("Whether notices has a row with its id."),
		field.Time("created_at").Immutable().
			Comment("As the entry's: never before that of an earlier one in the room."),
		field.Time("edited_at").Optional().Nillable(),
		field.Time("deleted_at").Optional().Nillable(),
		field.UUID("deleted_by_id", uuid.UUID{}).Optional().Nillable().
			Comment("Null for people who erased their account."),
		field.Time("pinned_at").Optional().Nillable(),
	}
}

// Edges of Message.
func (Message) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("room", Room.Type).Ref("messages").Field("room_id").
			Required().Unique().Immutable(),
		edge.From("author", User.Type).Ref("messages").Field("author_id").Unique(),
		edge.From("apartment", Apartment.Type).Ref("messages").Field("apartment_id").Unique(),
	}
}

// Indexes of Message.
func (Message) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("room_id", "seq").Unique(),
		index.Fields("room_id", "author_id", "key").Unique(),
		// Where a moment lies in a room.
		index.Fields("room_id", "created_at"),
		// A person's own, such as those after a read mark.
		index.Fields("author_id", "room_id", "seq"),
		// Which messages lose the apartment that is removed.
		index.Fields("apartment_id"),
		// Those few of a room that are deleted, pinned, or notices; and the answers to one.
		index.Fields("room_id", "seq").StorageKey("message_deleted").
			Annotations(entsql.IndexWhere("deleted_at IS NOT NULL")),
		index.Fields("room_id", "pinned_at").StorageKey("message_pinned").
			Annotations(entsql.IndexWhere("pinned_at IS NOT NULL")),
		index.Fields("room_id", "seq").StorageKey("message_notice").
			Annotations(entsql.IndexWhere("notice")),
		index.Fields("reply_to_id", "seq").
			Annotations(entsql.IndexWhere("reply_to_id IS NOT NULL")),
	}
}
