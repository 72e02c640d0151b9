-- +goose Up
-- create "outbox_items" table
CREATE TABLE "outbox_items" (
  "id" uuid NOT NULL,
  "kind" character varying NOT NULL,
  "sealed" bytea NOT NULL,
  "attempts" bigint NOT NULL DEFAULT 0,
  "created_at" timestamptz NOT NULL,
  "due_at" timestamptz NOT NULL,
  "expires_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "outboxitem_due_at" to table: "outbox_items"
CREATE INDEX "outboxitem_due_at" ON "outbox_items" ("due_at");
-- create index "auditentry_subject" to table: "audit_entries"
CREATE INDEX "auditentry_subject" ON "audit_entries" ("subject");
-- modify "messages" table
ALTER TABLE "messages" ADD COLUMN "attachments" bigint NOT NULL DEFAULT 0;
-- modify "rooms" table
ALTER TABLE "rooms" ADD COLUMN "slow_mode" bigint NOT NULL DEFAULT 0;
-- modify "sessions" table
ALTER TABLE "sessions" ADD COLUMN "place" bytea NULL;
-- modify "users" table
ALTER TABLE "users" ADD COLUMN "avatar_id" uuid NULL, ADD COLUMN "disabled_at" timestamptz NULL, ADD COLUMN "erased_at" timestamptz NULL, ADD COLUMN "forgotten_at" timestamptz NULL;
-- create index "user_erased_at" to table: "users"
CREATE INDEX "user_erased_at" ON "users" ("erased_at") WHERE erased_at IS NOT NULL;
-- modify "memberships" table
ALTER TABLE "memberships" ADD COLUMN "muted_until" timestamptz NULL;
-- create "rate_buckets" table
CREATE TABLE "rate_buckets" (
  "id" uuid NOT NULL,
  "key" bytea NOT NULL,
  "full_at" bigint NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "rate_buckets_key_key" to table: "rate_buckets"
CREATE UNIQUE INDEX "rate_buckets_key_key" ON "rate_buckets" ("key");
-- create index "ratebucket_full_at" to table: "rate_buckets"
CREATE INDEX "ratebucket_full_at" ON "rate_buckets" ("full_at");
-- create "secrets" table
CREATE TABLE "secrets" (
  "id" uuid NOT NULL,
  "name" character varying NOT NULL,
  "value" bytea NOT NULL,
  "created_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "secrets_name_key" to table: "secrets"
CREATE UNIQUE INDEX "secrets_name_key" ON "secrets" ("name");
-- create "blocks" table
CREATE TABLE "blocks" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL,
  "blocker_id" uuid NOT NULL,
  "blocked_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "blocks_users_blocks" FOREIGN KEY ("blocker_id") REFERENCES "users" ("id") ON DELETE NO ACTION,
  CONSTRAINT "blocks_users_blocked_by" FOREIGN KEY ("blocked_id") REFERENCES "users" ("id") ON DELETE NO ACTION
);
-- create index "block_blocker_id_blocked_id" to table: "blocks"
CREATE UNIQUE INDEX "block_blocker_id_blocked_id" ON "blocks" ("blocker_id", "blocked_id");
-- create index "block_blocked_id" to table: "blocks"
CREATE INDEX "block_blocked_id" ON "blocks" ("blocked_id");
-- create "codes" table
CREATE TABLE "codes" (
  "id" uuid NOT NULL,
  "purpose" character varying NOT NULL,
  "contact" character varying NOT NULL,
  "mac" bytea NOT NULL,
  "tries" bigint NOT NULL DEFAULT 0,
  "created_at" timestamptz NOT NULL,
  "expires_at" timestamptz NOT NULL,
  "used_at" timestamptz NULL,
  "user_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "codes_users_codes" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE NO ACTION
);
-- create index "code_user_id_purpose" to table: "codes"
CREATE UNIQUE INDEX "code_user_id_purpose" ON "codes" ("user_id", "purpose");
-- create index "code_expires_at" to table: "codes"
CREATE INDEX "code_expires_at" ON "codes" ("expires_at");
-- create "data_exports" table
CREATE TABLE "data_exports" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL,
  "progress" double precision NOT NULL DEFAULT 0,
  "claimed_until" timestamptz NULL,
  "finished_at" timestamptz NULL,
  "failed_at" timestamptz NULL,
  "size" bigint NULL,
  "expires_at" timestamptz NOT NULL,
  "user_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "data_exports_users_exports" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE NO ACTION
);
-- create index "dataexport_user_id" to table: "data_exports"
CREATE INDEX "dataexport_user_id" ON "data_exports" ("user_id");
-- create index "dataexport_expires_at" to table: "data_exports"
CREATE INDEX "dataexport_expires_at" ON "data_exports" ("expires_at");
-- create "files" table
CREATE TABLE "files" (
  "id" uuid NOT NULL,
  "name" character varying NOT NULL,
  "content_type" character varying NOT NULL,
  "size" bigint NOT NULL,
  "width" bigint NULL,
  "height" bigint NULL,
  "thumbnail" boolean NOT NULL,
  "created_at" timestamptz NOT NULL,
  "message_id" uuid NULL,
  "position" bigint NOT NULL DEFAULT 0,
  "avatar_of" uuid NULL,
  "dropped_at" timestamptz NULL,
  "owner_id" uuid NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "files_users_files" FOREIGN KEY ("owner_id") REFERENCES "users" ("id") ON DELETE SET NULL
);
-- create index "file_owner_id" to table: "files"
CREATE INDEX "file_owner_id" ON "files" ("owner_id");
-- create index "file_message_id_position" to table: "files"
CREATE INDEX "file_message_id_position" ON "files" ("message_id", "position") WHERE message_id IS NOT NULL;
-- create index "file_avatar_of" to table: "files"
CREATE INDEX "file_avatar_of" ON "files" ("avatar_of") WHERE avatar_of IS NOT NULL;
-- create index "file_dropped_at" to table: "files"
CREATE INDEX "file_dropped_at" ON "files" ("dropped_at") WHERE dropped_at IS NOT NULL;
-- create index "file_created_at" to table: "files"
CREATE INDEX "file_created_at" ON "files" ("created_at");
-- create "reports" table
CREATE TABLE "reports" (
  "id" uuid NOT NULL,
  "message_id" uuid NOT NULL,
  "room_id" uuid NOT NULL,
  "author_id" uuid NULL,
  "reporter_id" uuid NULL,
  "text" character varying NOT NULL,
  "reason" character varying NOT NULL,
  "created_at" timestamptz NOT NULL,
  "open" boolean NOT NULL DEFAULT true,
  "resolved_at" timestamptz NULL,
  "resolved_by_id" uuid NULL,
  "building_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "reports_buildings_reports" FOREIGN KEY ("building_id") REFERENCES "buildings" ("id") ON DELETE NO ACTION
);
-- create index "report_building_id_open_id" to table: "reports"
CREATE INDEX "report_building_id_open_id" ON "reports" ("building_id", "open", "id");
-- create index "report_message_id_building_id_reporter_id" to table: "reports"
CREATE UNIQUE INDEX "report_message_id_building_id_reporter_id" ON "reports" ("message_id", "building_id", "reporter_id");
-- create index "report_author_id" to table: "reports"
CREATE INDEX "report_author_id" ON "reports" ("author_id");
-- create index "report_reporter_id" to table: "reports"
CREATE INDEX "report_reporter_id" ON "reports" ("reporter_id");
-- create index "report_resolved_by_id" to table: "reports"
CREATE INDEX "report_resolved_by_id" ON "reports" ("resolved_by_id");
-- The audit log is written once. Of what stands there only the person and the place may
-- be cleared.
-- +goose StatementBegin
CREATE FUNCTION "audit_entries_stay"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW."id" = OLD."id" AND NEW."at" = OLD."at" AND NEW."action" = OLD."action"
      AND NEW."building_id" IS NOT DISTINCT FROM OLD."building_id"
      AND (NEW."subject" IS NOT DISTINCT FROM OLD."subject" OR (NEW."subject" IS NULL AND OLD."subject" LIKE 'user\_%'))
      AND (NEW."actor_id" IS NULL OR NEW."actor_id" = OLD."actor_id")
      AND (NEW."longitude" IS NULL OR NEW."longitude" = OLD."longitude")
      AND (NEW."latitude" IS NULL OR NEW."latitude" = OLD."latitude") THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is never changed';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER "audit_entries_stay" BEFORE UPDATE OR DELETE ON "audit_entries"
  FOR EACH ROW EXECUTE FUNCTION "audit_entries_stay"();
CREATE TRIGGER "audit_entries_are_not_emptied" BEFORE TRUNCATE ON "audit_entries"
  FOR EACH STATEMENT EXECUTE FUNCTION "audit_entries_stay"();
