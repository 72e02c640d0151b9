-- +goose Up
-- add column "place" to table: "sessions"
ALTER TABLE `sessions` ADD COLUMN `place` blob NULL;
-- add column "avatar_id" to table: "users"
ALTER TABLE `users` ADD COLUMN `avatar_id` uuid NULL;
-- add column "disabled_at" to table: "users"
ALTER TABLE `users` ADD COLUMN `disabled_at` datetime NULL;
-- add column "erased_at" to table: "users"
ALTER TABLE `users` ADD COLUMN `erased_at` datetime NULL;
-- add column "forgotten_at" to table: "users"
ALTER TABLE `users` ADD COLUMN `forgotten_at` datetime NULL;
-- create index "user_erased_at" to table: "users"
CREATE INDEX `user_erased_at` ON `users` (`erased_at`) WHERE erased_at IS NOT NULL;
-- add column "muted_until" to table: "memberships"
ALTER TABLE `memberships` ADD COLUMN `muted_until` datetime NULL;
-- add column "attachments" to table: "messages"
ALTER TABLE `messages` ADD COLUMN `attachments` integer NOT NULL DEFAULT 0;
-- add column "slow_mode" to table: "rooms"
ALTER TABLE `rooms` ADD COLUMN `slow_mode` integer NOT NULL DEFAULT 0;
-- create index "auditentry_subject" to table: "audit_entries"
CREATE INDEX `auditentry_subject` ON `audit_entries` (`subject`);
-- create "blocks" table
CREATE TABLE `blocks` (
  `id` uuid NOT NULL,
  `created_at` datetime NOT NULL,
  `blocker_id` uuid NOT NULL,
  `blocked_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `blocks_users_blocks` FOREIGN KEY (`blocker_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `blocks_users_blocked_by` FOREIGN KEY (`blocked_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION
);
-- create index "block_blocker_id_blocked_id" to table: "blocks"
CREATE UNIQUE INDEX `block_blocker_id_blocked_id` ON `blocks` (`blocker_id`, `blocked_id`);
-- create index "block_blocked_id" to table: "blocks"
CREATE INDEX `block_blocked_id` ON `blocks` (`blocked_id`);
-- create "codes" table
CREATE TABLE `codes` (
  `id` uuid NOT NULL,
  `purpose` text NOT NULL,
  `contact` text NOT NULL,
  `mac` blob NOT NULL,
  `tries` integer NOT NULL DEFAULT (0),
  `created_at` datetime NOT NULL,
  `expires_at` datetime NOT NULL,
  `used_at` datetime NULL,
  `user_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `codes_users_codes` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION
);
-- create index "code_user_id_purpose" to table: "codes"
CREATE UNIQUE INDEX `code_user_id_purpose` ON `codes` (`user_id`, `purpose`);
-- create index "code_expires_at" to table: "codes"
CREATE INDEX `code_expires_at` ON `codes` (`expires_at`);
-- create "data_exports" table
CREATE TABLE `data_exports` (
  `id` uuid NOT NULL,
  `created_at` datetime NOT NULL,
  `progress` real NOT NULL DEFAULT (0),
  `claimed_until` datetime NULL,
  `finished_at` datetime NULL,
  `failed_at` datetime NULL,
  `size` integer NULL,
  `expires_at` datetime NOT NULL,
  `user_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `data_exports_users_exports` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION
);
-- create index "dataexport_user_id" to table: "data_exports"
CREATE INDEX `dataexport_user_id` ON `data_exports` (`user_id`);
-- create index "dataexport_expires_at" to table: "data_exports"
CREATE INDEX `dataexport_expires_at` ON `data_exports` (`expires_at`);
-- create "files" table
CREATE TABLE `files` (
  `id` uuid NOT NULL,
  `name` text NOT NULL,
  `content_type` text NOT NULL,
  `size` integer NOT NULL,
  `width` integer NULL,
  `height` integer NULL,
  `thumbnail` bool NOT NULL,
  `created_at` datetime NOT NULL,
  `message_id` uuid NULL,
  `position` integer NOT NULL DEFAULT (0),
  `avatar_of` uuid NULL,
  `dropped_at` datetime NULL,
  `owner_id` uuid NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `files_users_files` FOREIGN KEY (`owner_id`) REFERENCES `users` (`id`) ON DELETE SET NULL
);
-- create index "file_owner_id" to table: "files"
CREATE INDEX `file_owner_id` ON `files` (`owner_id`);
-- create index "file_message_id_position" to table: "files"
CREATE INDEX `file_message_id_position` ON `files` (`message_id`, `position`) WHERE message_id IS NOT NULL;
-- create index "file_avatar_of" to table: "files"
CREATE INDEX `file_avatar_of` ON `files` (`avatar_of`) WHERE avatar_of IS NOT NULL;
-- create index "file_dropped_at" to table: "files"
CREATE INDEX `file_dropped_at` ON `files` (`dropped_at`) WHERE dropped_at IS NOT NULL;
-- create index "file_created_at" to table: "files"
CREATE INDEX `file_created_at` ON `files` (`created_at`);
-- create "outbox_items" table
CREATE TABLE `outbox_items` (
  `id` uuid NOT NULL,
  `kind` text NOT NULL,
  `sealed` blob NOT NULL,
  `attempts` integer NOT NULL DEFAULT (0),
  `created_at` datetime NOT NULL,
  `due_at` datetime NOT NULL,
  `expires_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "outboxitem_due_at" to table: "outbox_items"
CREATE INDEX `outboxitem_due_at` ON `outbox_items` (`due_at`);
-- create "rate_buckets" table
CREATE TABLE `rate_buckets` (
  `id` uuid NOT NULL,
  `key` blob NOT NULL,
  `full_at` integer NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "rate_buckets_key_key" to table: "rate_buckets"
CREATE UNIQUE INDEX `rate_buckets_key_key` ON `rate_buckets` (`key`);
-- create index "ratebucket_full_at" to table: "rate_buckets"
CREATE INDEX `ratebucket_full_at` ON `rate_buckets` (`full_at`);
-- create "reports" table
CREATE TABLE `reports` (
  `id` uuid NOT NULL,
  `message_id` uuid NOT NULL,
  `room_id` uuid NOT NULL,
  `author_id` uuid NULL,
  `reporter_id` uuid NULL,
  `text` text NOT NULL,
  `reason` text NOT NULL,
  `created_at` datetime NOT NULL,
  `open` bool NOT NULL DEFAULT (true),
  `resolved_at` datetime NULL,
  `resolved_by_id` uuid NULL,
  `building_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `reports_buildings_reports` FOREIGN KEY (`building_id`) REFERENCES `buildings` (`id`) ON DELETE NO ACTION
);
-- create index "report_building_id_open_id" to table: "reports"
CREATE INDEX `report_building_id_open_id` ON `reports` (`building_id`, `open`, `id`);
-- create index "report_message_id_building_id_reporter_id" to table: "reports"
CREATE UNIQUE INDEX `report_message_id_building_id_reporter_id` ON `reports` (`message_id`, `building_id`, `reporter_id`);
-- create index "report_author_id" to table: "reports"
CREATE INDEX `report_author_id` ON `reports` (`author_id`);
-- create index "report_reporter_id" to table: "reports"
CREATE INDEX `report_reporter_id` ON `reports` (`reporter_id`);
-- create index "report_resolved_by_id" to table: "reports"
CREATE INDEX `report_resolved_by_id` ON `reports` (`resolved_by_id`);
-- create "secrets" table
CREATE TABLE `secrets` (
  `id` uuid NOT NULL,
  `name` text NOT NULL,
  `value` blob NOT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "secrets_name_key" to table: "secrets"
CREATE UNIQUE INDEX `secrets_name_key` ON `secrets` (`name`);
-- The audit log is written once. Of what stands there only the person and the place may
-- be cleared.
-- +goose StatementBegin
CREATE TRIGGER `audit_entries_stay` BEFORE DELETE ON `audit_entries`
BEGIN
  SELECT RAISE(ABORT, 'the audit log is never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER `audit_entries_are_cleared_only` BEFORE UPDATE ON `audit_entries`
WHEN NEW.rowid IS NOT OLD.rowid OR NEW.`id` IS NOT OLD.`id` OR NEW.`at` IS NOT OLD.`at` OR NEW.`action` IS NOT OLD.`action`
  OR NEW.`building_id` IS NOT OLD.`building_id`
  OR (NEW.`subject` IS NOT OLD.`subject` AND (NEW.`subject` IS NOT NULL OR OLD.`subject` NOT LIKE 'user\_%' ESCAPE '\'))
  OR (NEW.`actor_id` IS NOT OLD.`actor_id` AND NEW.`actor_id` IS NOT NULL)
  OR (NEW.`longitude` IS NOT OLD.`longitude` AND NEW.`longitude` IS NOT NULL)
  OR (NEW.`latitude` IS NOT OLD.`latitude` AND NEW.`latitude` IS NOT NULL)
BEGIN
  SELECT RAISE(ABORT, 'the audit log is never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
-- INSERT OR REPLACE deletes what is in its way, and asks no trigger about that.
CREATE TRIGGER `audit_entries_are_not_replaced` BEFORE INSERT ON `audit_entries`
WHEN EXISTS (SELECT 1 FROM `audit_entries` WHERE `id` = NEW.`id` OR rowid = NEW.rowid)
BEGIN
  SELECT RAISE(ABORT, 'the audit log is never changed');
END;
-- +goose StatementEnd
