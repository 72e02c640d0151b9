package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// RateBucket is a token bucket that the nodes of an installation share.
type RateBucket struct{ ent.Schema }

// Mixin of RateBucket.
func (RateBucket) Mixin() []ent.Mixin { return []ent.Mixin{Identity{}} }

// Annotations of RateBucket.
func (RateBucket) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("rate_buckets")}
}

// Fields of RateBucket.
func (RateBucket) Fields() []ent.Field {
	return []ent.Field{
		field.Bytes("key").MaxLen(32).Immutable().Unique().
			Comment("Of the rate's name and of whose it is, by the installation's secret."),
		field.Int64("full_at").
			Comment("When it will be full, and so as good as none; in microseconds since 1970, by which one statement counts on both engines."),
	}
}

// Indexes of RateBucket.
func (RateBucket) Indexes() []ent.Index {
	return []ent.Index{
		// What is swept.
		index.Fields("full_at"),
	}
}
