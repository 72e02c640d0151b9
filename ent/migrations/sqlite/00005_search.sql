-- +goose Up
-- What messages are found by: none of ent's. "n" counts them, the oldest first, and is
-- the row of message_search; "waiting" is true until the program has read those that
-- stood before this step.
CREATE TABLE `message_words` (
  `n` integer NOT NULL,
  `message_id` uuid NOT NULL,
  `room_id` uuid NOT NULL,
  `waiting` bool NOT NULL DEFAULT (false),
  PRIMARY KEY (`n`)
);
INSERT INTO `message_words` (`n`, `message_id`, `room_id`, `waiting`)
  SELECT row_number() OVER (ORDER BY `created_at`, `room_id`, `seq`), `id`, `room_id`, true FROM `messages`;
CREATE UNIQUE INDEX `message_words_message_id` ON `message_words` (`message_id`);
CREATE INDEX `message_words_waiting` ON `message_words` (`n`) WHERE waiting;
-- The words alone, which are ASCII or beyond it, with spaces between them.
CREATE VIRTUAL TABLE `message_search` USING fts5(`words`, content='', contentless_delete=1, detail=none, tokenize='ascii');
