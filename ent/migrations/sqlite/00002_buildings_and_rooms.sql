-- +goose Up
-- create "apartments" table
CREATE TABLE `apartments` (
  `id` uuid NOT NULL,
  `number` text NOT NULL,
  `number_key` text NOT NULL,
  `floor` integer NULL,
  `building_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `apartments_buildings_apartments` FOREIGN KEY (`building_id`) REFERENCES `buildings` (`id`) ON DELETE NO ACTION
);
-- create index "apartment_building_id_number_key" to table: "apartments"
CREATE UNIQUE INDEX `apartment_building_id_number_key` ON `apartments` (`building_id`, `number_key`);
-- create "buildings" table
CREATE TABLE `buildings` (
  `id` uuid NOT NULL,
  `created_at` datetime NOT NULL,
  `name` text NOT NULL,
  `address` text NOT NULL,
  PRIMARY KEY (`id`)
);
-- create "invitations" table
CREATE TABLE `invitations` (
  `id` uuid NOT NULL,
  `code` text NOT NULL,
  `preapproved` bool NOT NULL,
  `uses_left` integer NULL,
  `expires_at` datetime NULL,
  `revoked_at` datetime NULL,
  `building_id` uuid NOT NULL,
  `apartment_id` uuid NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `invitations_buildings_invitations` FOREIGN KEY (`building_id`) REFERENCES `buildings` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `invitations_apartments_apartment` FOREIGN KEY (`apartment_id`) REFERENCES `apartments` (`id`) ON DELETE CASCADE
);
-- create index "invitations_code_key" to table: "invitations"
CREATE UNIQUE INDEX `invitations_code_key` ON `invitations` (`code`);
-- create index "invitation_building_id" to table: "invitations"
CREATE INDEX `invitation_building_id` ON `invitations` (`building_id`);
-- create "memberships" table
CREATE TABLE `memberships` (
  `id` uuid NOT NULL,
  `role` text NOT NULL,
  `status` text NOT NULL,
  `created_at` datetime NOT NULL,
  `building_id` uuid NOT NULL,
  `claimed_apartment_id` uuid NULL,
  `user_id` uuid NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `memberships_buildings_memberships` FOREIGN KEY (`building_id`) REFERENCES `buildings` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `memberships_apartments_claimed_apartment` FOREIGN KEY (`claimed_apartment_id`) REFERENCES `apartments` (`id`) ON DELETE SET NULL,
  CONSTRAINT `memberships_users_memberships` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE SET NULL
);
-- create index "membership_building_id_user_id" to table: "memberships"
CREATE UNIQUE INDEX `membership_building_id_user_id` ON `memberships` (`building_id`, `user_id`);
-- create index "membership_user_id" to table: "memberships"
CREATE INDEX `membership_user_id` ON `memberships` (`user_id`);
-- create index "membership_building_id_status_id" to table: "memberships"
CREATE INDEX `membership_building_id_status_id` ON `memberships` (`building_id`, `status`, `id`);
-- create "messages" table
CREATE TABLE `messages` (
  `id` uuid NOT NULL,
  `seq` integer NOT NULL,
  `ordinal` integer NOT NULL,
  `changed_seq` integer NOT NULL,
  `text_seq` integer NOT NULL,
  `key` text NOT NULL,
  `fingerprint` blob NOT NULL,
  `text` text NOT NULL,
  `created_at` datetime NOT NULL,
  `apartment_id` uuid NULL,
  `room_id` uuid NOT NULL,
  `author_id` uuid NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `messages_apartments_messages` FOREIGN KEY (`apartment_id`) REFERENCES `apartments` (`id`) ON DELETE SET NULL,
  CONSTRAINT `messages_rooms_messages` FOREIGN KEY (`room_id`) REFERENCES `rooms` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `messages_users_messages` FOREIGN KEY (`author_id`) REFERENCES `users` (`id`) ON DELETE SET NULL
);
-- create index "message_room_id_seq" to table: "messages"
CREATE UNIQUE INDEX `message_room_id_seq` ON `messages` (`room_id`, `seq`);
-- create index "message_room_id_author_id_key" to table: "messages"
CREATE UNIQUE INDEX `message_room_id_author_id_key` ON `messages` (`room_id`, `author_id`, `key`);
-- create index "message_room_id_created_at" to table: "messages"
CREATE INDEX `message_room_id_created_at` ON `messages` (`room_id`, `created_at`);
-- create index "message_author_id_room_id_seq" to table: "messages"
CREATE INDEX `message_author_id_room_id_seq` ON `messages` (`author_id`, `room_id`, `seq`);
-- create index "message_apartment_id" to table: "messages"
CREATE INDEX `message_apartment_id` ON `messages` (`apartment_id`);
-- create "participants" table
CREATE TABLE `participants` (
  `id` uuid NOT NULL,
  `joined_at` datetime NOT NULL,
  `left_at` datetime NULL,
  `read_seq` integer NOT NULL,
  `read_ordinal` integer NOT NULL,
  `room_id` uuid NOT NULL,
  `user_id` uuid NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `participants_rooms_participants` FOREIGN KEY (`room_id`) REFERENCES `rooms` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `participants_users_participations` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE SET NULL
);
-- create index "participant_room_id_user_id" to table: "participants"
CREATE UNIQUE INDEX `participant_room_id_user_id` ON `participants` (`room_id`, `user_id`);
-- create index "participant_user_id" to table: "participants"
CREATE INDEX `participant_user_id` ON `participants` (`user_id`);
-- create "residencies" table
CREATE TABLE `residencies` (
  `id` uuid NOT NULL,
  `apartment_id` uuid NOT NULL,
  `membership_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `residencies_apartments_residencies` FOREIGN KEY (`apartment_id`) REFERENCES `apartments` (`id`) ON DELETE NO ACTION,
  CONSTRAINT `residencies_memberships_residencies` FOREIGN KEY (`membership_id`) REFERENCES `memberships` (`id`) ON DELETE NO ACTION
);
-- create index "residency_membership_id_apartment_id" to table: "residencies"
CREATE UNIQUE INDEX `residency_membership_id_apartment_id` ON `residencies` (`membership_id`, `apartment_id`);
-- create index "residency_apartment_id" to table: "residencies"
CREATE INDEX `residency_apartment_id` ON `residencies` (`apartment_id`);
-- create "rooms" table
CREATE TABLE `rooms` (
  `id` uuid NOT NULL,
  `kind` text NOT NULL,
  `name` text NOT NULL,
  `topic` text NOT NULL,
  `created_at` datetime NOT NULL,
  `archived_at` datetime NULL,
  `log_id` uuid NOT NULL,
  `last_seq` integer NOT NULL,
  `message_count` integer NOT NULL,
  `last_message_id` uuid NULL,
  `moved_at` datetime NOT NULL,
  `building_id` uuid NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `rooms_buildings_rooms` FOREIGN KEY (`building_id`) REFERENCES `buildings` (`id`) ON DELETE SET NULL
);
-- create index "room_building_id" to table: "rooms"
CREATE INDEX `room_building_id` ON `rooms` (`building_id`);
-- create "room_events" table
CREATE TABLE `room_events` (
  `id` uuid NOT NULL,
  `seq` integer NOT NULL,
  `at` datetime NOT NULL,
  `kind` text NOT NULL,
  `actor_id` uuid NULL,
  `message_id` uuid NULL,
  `member_id` uuid NULL,
  `room_id` uuid NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `room_events_rooms_events` FOREIGN KEY (`room_id`) REFERENCES `rooms` (`id`) ON DELETE NO ACTION
);
-- create index "roomevent_room_id_seq" to table: "room_events"
CREATE UNIQUE INDEX `roomevent_room_id_seq` ON `room_events` (`room_id`, `seq`);
