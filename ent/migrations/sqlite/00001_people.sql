-- +goose Up
-- create "audit_entries" table
CREATE TABLE `audit_entries` (
  `id` uuid NOT NULL,
  `at` datetime NOT NULL,
  `action` text NOT NULL,
  `actor_id` uuid NULL,
  `building_id` uuid NULL,
  `subject` text NULL,
  `longitude` real NULL,
  `latitude` real NULL,
  PRIMARY KEY (`id`)
);
-- create index "auditentry_actor_id" to table: "audit_entries"
CREATE INDEX `auditentry_actor_id` ON `audit_entries` (`actor_id`);
-- create index "auditentry_building_id_id" to table: "audit_entries"
CREATE INDEX `auditentry_building_id_id` ON `audit_entries` (`building_id`, `id`);
-- create "sessions" table
CREATE TABLE `sessions` (
  `id` uuid NOT NULL,
  `token_hash` blob NOT NULL,
  `device` text NOT NULL,
  `created_at` datetime NOT NULL,
  `last_used_at` datetime NOT NULL,
  `expires_at` datetime NOT NULL,
  `ended_at` datetime NULL,
  `user_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `sessions_users_sessions` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION
);
-- create index "sessions_token_hash_key" to table: "sessions"
CREATE UNIQUE INDEX `sessions_token_hash_key` ON `sessions` (`token_hash`);
-- create index "session_user_id" to table: "sessions"
CREATE INDEX `session_user_id` ON `sessions` (`user_id`);
-- create index "session_ended_at" to table: "sessions"
CREATE INDEX `session_ended_at` ON `sessions` (`ended_at`) WHERE ended_at IS NOT NULL;
-- create "users" table
CREATE TABLE `users` (
  `id` uuid NOT NULL,
  `created_at` datetime NOT NULL,
  `name` text NOT NULL,
  `email` text NULL,
  `email_key` text NULL,
  `email_verified_at` datetime NULL,
  `phone` text NULL,
  `phone_verified_at` datetime NULL,
  `password_hash` text NULL,
  `locale` text NOT NULL,
  `share_read_marks` bool NOT NULL DEFAULT (true),
  `share_presence` bool NOT NULL DEFAULT (true),
  PRIMARY KEY (`id`)
);
-- create index "users_email_key_key" to table: "users"
CREATE UNIQUE INDEX `users_email_key_key` ON `users` (`email_key`);
-- create index "users_phone_key" to table: "users"
CREATE UNIQUE INDEX `users_phone_key` ON `users` (`phone`);
