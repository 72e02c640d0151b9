-- +goose Up
-- add column "last_seen_at" to table: "users"
ALTER TABLE `users` ADD COLUMN `last_seen_at` datetime NULL;
-- add columns to table: "messages"
ALTER TABLE `messages` ADD COLUMN `reply_to_id` uuid NULL;
ALTER TABLE `messages` ADD COLUMN `reply_count` integer NOT NULL DEFAULT 0;
ALTER TABLE `messages` ADD COLUMN `poll` bool NOT NULL DEFAULT false;
ALTER TABLE `messages` ADD COLUMN `notice` bool NOT NULL DEFAULT false;
ALTER TABLE `messages` ADD COLUMN `edited_at` datetime NULL;
ALTER TABLE `messages` ADD COLUMN `deleted_at` datetime NULL;
ALTER TABLE `messages` ADD COLUMN `deleted_by_id` uuid NULL;
ALTER TABLE `messages` ADD COLUMN `pinned_at` datetime NULL;
-- create index "message_deleted" to table: "messages"
CREATE INDEX `message_deleted` ON `messages` (`room_id`, `seq`) WHERE deleted_at IS NOT NULL;
-- create index "message_pinned" to table: "messages"
CREATE INDEX `message_pinned` ON `messages` (`room_id`, `pinned_at`) WHERE pinned_at IS NOT NULL;
-- create index "message_notice" to table: "messages"
CREATE INDEX `message_notice` ON `messages` (`room_id`, `seq`) WHERE notice;
-- create index "message_reply_to_id_seq" to table: "messages"
CREATE INDEX `message_reply_to_id_seq` ON `messages` (`reply_to_id`, `seq`) WHERE reply_to_id IS NOT NULL;
-- add column "notifications" to table: "participants"
ALTER TABLE `participants` ADD COLUMN `notifications` text NOT NULL DEFAULT 'ALL';
-- add columns to table: "rooms"
ALTER TABLE `rooms` ADD COLUMN `pair` text NULL;
ALTER TABLE `rooms` ADD COLUMN `maker_id` uuid NULL;
-- create index "rooms_pair_key" to table: "rooms"
CREATE UNIQUE INDEX `rooms_pair_key` ON `rooms` (`pair`);
-- add column "emoji" to table: "room_events"
ALTER TABLE `room_events` ADD COLUMN `emoji` text NULL;
-- create "ballots" table
CREATE TABLE `ballots` (
  `id` uuid NOT NULL,
  `poll_id` uuid NOT NULL,
  `apartment_id` uuid NULL,
  `voter_id` uuid NULL,
  `choices` integer NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "ballot_of_person" to table: "ballots"
CREATE UNIQUE INDEX `ballot_of_person` ON `ballots` (`poll_id`, `voter_id`) WHERE apartment_id IS NULL;
-- create index "ballot_of_apartment" to table: "ballots"
CREATE UNIQUE INDEX `ballot_of_apartment` ON `ballots` (`poll_id`, `apartment_id`) WHERE apartment_id IS NOT NULL;
-- create index "ballot_voter_id" to table: "ballots"
CREATE INDEX `ballot_voter_id` ON `ballots` (`voter_id`);
-- create "mentions" table
CREATE TABLE `mentions` (
  `id` uuid NOT NULL,
  `message_id` uuid NOT NULL,
  `room_id` uuid NOT NULL,
  `seq` integer NOT NULL,
  `user_id` uuid NULL,
  `start` integer NOT NULL,
  `length` integer NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "mention_message_id_start" to table: "mentions"
CREATE UNIQUE INDEX `mention_message_id_start` ON `mentions` (`message_id`, `start`);
-- create index "mention_user_id_room_id_seq" to table: "mentions"
CREATE INDEX `mention_user_id_room_id_seq` ON `mentions` (`user_id`, `room_id`, `seq`);
-- create "message_revisions" table
CREATE TABLE `message_revisions` (
  `id` uuid NOT NULL,
  `message_id` uuid NOT NULL,
  `text` text NOT NULL,
  `written_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "messagerevision_message_id_id" to table: "message_revisions"
CREATE INDEX `messagerevision_message_id_id` ON `message_revisions` (`message_id`, `id`);
-- create "notices" table
CREATE TABLE `notices` (
  `id` uuid NOT NULL,
  `room_id` uuid NOT NULL,
  `apartment_count` integer NOT NULL,
  `acknowledged_count` integer NOT NULL DEFAULT (0),
  PRIMARY KEY (`id`)
);
-- create "notice_apartments" table
CREATE TABLE `notice_apartments` (
  `id` uuid NOT NULL,
  `notice_id` uuid NOT NULL,
  `apartment_id` uuid NOT NULL,
  `acknowledged_at` datetime NULL,
  `acknowledged_by_id` uuid NULL,
  PRIMARY KEY (`id`)
);
-- create index "noticeapartment_notice_id_apartment_id" to table: "notice_apartments"
CREATE UNIQUE INDEX `noticeapartment_notice_id_apartment_id` ON `notice_apartments` (`notice_id`, `apartment_id`);
-- create index "noticeapartment_apartment_id" to table: "notice_apartments"
CREATE INDEX `noticeapartment_apartment_id` ON `notice_apartments` (`apartment_id`);
-- create index "noticeapartment_acknowledged_by_id" to table: "notice_apartments"
CREATE INDEX `noticeapartment_acknowledged_by_id` ON `notice_apartments` (`acknowledged_by_id`);
-- create "polls" table
CREATE TABLE `polls` (
  `id` uuid NOT NULL,
  `room_id` uuid NOT NULL,
  `question` text NOT NULL,
  `options` json NOT NULL,
  `multiple_choice` bool NOT NULL,
  `per_apartment` bool NOT NULL,
  `voter_count` integer NOT NULL DEFAULT (0),
  `closes_at` datetime NULL,
  `closed_at` datetime NULL,
  PRIMARY KEY (`id`)
);
-- create index "poll_closes_at" to table: "polls"
CREATE INDEX `poll_closes_at` ON `polls` (`closes_at`) WHERE closed_at IS NULL;
-- create "reactions" table
CREATE TABLE `reactions` (
  `id` uuid NOT NULL,
  `message_id` uuid NOT NULL,
  `user_id` uuid NULL,
  `emoji` text NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "reaction_message_id_emoji_user_id" to table: "reactions"
CREATE UNIQUE INDEX `reaction_message_id_emoji_user_id` ON `reactions` (`message_id`, `emoji`, `user_id`);
-- create index "reaction_user_id" to table: "reactions"
CREATE INDEX `reaction_user_id` ON `reactions` (`user_id`);
