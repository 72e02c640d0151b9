-- +goose Up
-- modify "messages" table
ALTER TABLE "messages" ADD COLUMN "reply_to_id" uuid NULL, ADD COLUMN "reply_count" bigint NOT NULL DEFAULT 0, ADD COLUMN "poll" boolean NOT NULL DEFAULT false, ADD COLUMN "notice" boolean NOT NULL DEFAULT false, ADD COLUMN "edited_at" timestamptz NULL, ADD COLUMN "deleted_at" timestamptz NULL, ADD COLUMN "deleted_by_id" uuid NULL, ADD COLUMN "pinned_at" timestamptz NULL;
-- create index "message_deleted" to table: "messages"
CREATE INDEX "message_deleted" ON "messages" ("room_id", "seq") WHERE deleted_at IS NOT NULL;
-- create index "message_pinned" to table: "messages"
CREATE INDEX "message_pinned" ON "messages" ("room_id", "pinned_at") WHERE pinned_at IS NOT NULL;
-- create index "message_notice" to table: "messages"
CREATE INDEX "message_notice" ON "messages" ("room_id", "seq") WHERE notice;
-- create index "message_reply_to_id_seq" to table: "messages"
CREATE INDEX "message_reply_to_id_seq" ON "messages" ("reply_to_id", "seq") WHERE reply_to_id IS NOT NULL;
-- modify "participants" table
ALTER TABLE "participants" ADD COLUMN "notifications" character varying NOT NULL DEFAULT 'ALL';
-- modify "room_events" table
ALTER TABLE "room_events" ADD COLUMN "emoji" character varying NULL;
-- modify "rooms" table
ALTER TABLE "rooms" ADD COLUMN "pair" character varying NULL, ADD COLUMN "maker_id" uuid NULL;
-- create index "rooms_pair_key" to table: "rooms"
CREATE UNIQUE INDEX "rooms_pair_key" ON "rooms" ("pair");
-- modify "users" table
ALTER TABLE "users" ADD COLUMN "last_seen_at" timestamptz NULL;
-- create "ballots" table
CREATE TABLE "ballots" (
  "id" uuid NOT NULL,
  "poll_id" uuid NOT NULL,
  "apartment_id" uuid NULL,
  "voter_id" uuid NULL,
  "choices" bigint NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "ballot_of_person" to table: "ballots"
CREATE UNIQUE INDEX "ballot_of_person" ON "ballots" ("poll_id", "voter_id") WHERE apartment_id IS NULL;
-- create index "ballot_of_apartment" to table: "ballots"
CREATE UNIQUE INDEX "ballot_of_apartment" ON "ballots" ("poll_id", "apartment_id") WHERE apartment_id IS NOT NULL;
-- create index "ballot_voter_id" to table: "ballots"
CREATE INDEX "ballot_voter_id" ON "ballots" ("voter_id");
-- create "mentions" table
CREATE TABLE "mentions" (
  "id" uuid NOT NULL,
  "message_id" uuid NOT NULL,
  "room_id" uuid NOT NULL,
  "seq" bigint NOT NULL,
  "user_id" uuid NULL,
  "start" bigint NOT NULL,
  "length" bigint NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "mention_message_id_start" to table: "mentions"
CREATE UNIQUE INDEX "mention_message_id_start" ON "mentions" ("message_id", "start");
-- create index "mention_user_id_room_id_seq" to table: "mentions"
CREATE INDEX "mention_user_id_room_id_seq" ON "mentions" ("user_id", "room_id", "seq");
-- create "message_revisions" table
CREATE TABLE "message_revisions" (
  "id" uuid NOT NULL,
  "message_id" uuid NOT NULL,
  "text" character varying NOT NULL,
  "written_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "messagerevision_message_id_id" to table: "message_revisions"
CREATE INDEX "messagerevision_message_id_id" ON "message_revisions" ("message_id", "id");
-- create "notices" table
CREATE TABLE "notices" (
  "id" uuid NOT NULL,
  "room_id" uuid NOT NULL,
  "apartment_count" bigint NOT NULL,
  "acknowledged_count" bigint NOT NULL DEFAULT 0,
  PRIMARY KEY ("id")
);
-- create "notice_apartments" table
CREATE TABLE "notice_apartments" (
  "id" uuid NOT NULL,
  "notice_id" uuid NOT NULL,
  "apartment_id" uuid NOT NULL,
  "acknowledged_at" timestamptz NULL,
  "acknowledged_by_id" uuid NULL,
  PRIMARY KEY ("id")
);
-- create index "noticeapartment_notice_id_apartment_id" to table: "notice_apartments"
CREATE UNIQUE INDEX "noticeapartment_notice_id_apartment_id" ON "notice_apartments" ("notice_id", "apartment_id");
-- create index "noticeapartment_apartment_id" to table: "notice_apartments"
CREATE INDEX "noticeapartment_apartment_id" ON "notice_apartments" ("apartment_id");
-- create index "noticeapartment_acknowledged_by_id" to table: "notice_apartments"
CREATE INDEX "noticeapartment_acknowledged_by_id" ON "notice_apartments" ("acknowledged_by_id");
-- create "polls" table
CREATE TABLE "polls" (
  "id" uuid NOT NULL,
  "room_id" uuid NOT NULL,
  "question" character varying NOT NULL,
  "options" jsonb NOT NULL,
  "multiple_choice" boolean NOT NULL,
  "per_apartment" boolean NOT NULL,
  "voter_count" bigint NOT NULL DEFAULT 0,
  "closes_at" timestamptz NULL,
  "closed_at" timestamptz NULL,
  PRIMARY KEY ("id")
);
-- create index "poll_closes_at" to table: "polls"
CREATE INDEX "poll_closes_at" ON "polls" ("closes_at") WHERE closed_at IS NULL;
-- create "reactions" table
CREATE TABLE "reactions" (
  "id" uuid NOT NULL,
  "message_id" uuid NOT NULL,
  "user_id" uuid NULL,
  "emoji" character varying NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "reaction_message_id_emoji_user_id" to table: "reactions"
CREATE UNIQUE INDEX "reaction_message_id_emoji_user_id" ON "reactions" ("message_id", "emoji", "user_id");
-- create index "reaction_user_id" to table: "reactions"
CREATE INDEX "reaction_user_id" ON "reactions" ("user_id");
