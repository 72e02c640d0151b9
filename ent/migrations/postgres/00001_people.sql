-- +goose Up
-- create "audit_entries" table
CREATE TABLE "audit_entries" (
  "id" uuid NOT NULL,
  "at" timestamptz NOT NULL,
  "action" character varying NOT NULL,
  "actor_id" uuid NULL,
  "building_id" uuid NULL,
  "subject" character varying NULL,
  "longitude" double precision NULL,
  "latitude" double precision NULL,
  PRIMARY KEY ("id")
);
-- create index "auditentry_actor_id" to table: "audit_entries"
CREATE INDEX "auditentry_actor_id" ON "audit_entries" ("actor_id");
-- create index "auditentry_building_id_id" to table: "audit_entries"
CREATE INDEX "auditentry_building_id_id" ON "audit_entries" ("building_id", "id");
-- create "users" table
CREATE TABLE "users" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL,
  "name" character varying NOT NULL,
  "email" character varying NULL,
  "email_key" character varying NULL,
  "email_verified_at" timestamptz NULL,
  "phone" character varying NULL,
  "phone_verified_at" timestamptz NULL,
  "password_hash" character varying NULL,
  "locale" character varying NOT NULL,
  "share_read_marks" boolean NOT NULL DEFAULT true,
  "share_presence" boolean NOT NULL DEFAULT true,
  PRIMARY KEY ("id")
);
-- create index "users_email_key_key" to table: "users"
CREATE UNIQUE INDEX "users_email_key_key" ON "users" ("email_key");
-- create index "users_phone_key" to table: "users"
CREATE UNIQUE INDEX "users_phone_key" ON "users" ("phone");
-- create "sessions" table
CREATE TABLE "sessions" (
  "id" uuid NOT NULL,
  "token_hash" bytea NOT NULL,
  "device" character varying NOT NULL,
  "created_at" timestamptz NOT NULL,
  "last_used_at" timestamptz NOT NULL,
  "expires_at" timestamptz NOT NULL,
  "ended_at" timestamptz NULL,
  "user_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "sessions_users_sessions" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE NO ACTION
);
-- create index "sessions_token_hash_key" to table: "sessions"
CREATE UNIQUE INDEX "sessions_token_hash_key" ON "sessions" ("token_hash");
-- create index "session_user_id" to table: "sessions"
CREATE INDEX "session_user_id" ON "sessions" ("user_id");
-- create index "session_ended_at" to table: "sessions"
CREATE INDEX "session_ended_at" ON "sessions" ("ended_at") WHERE ended_at IS NOT NULL;
