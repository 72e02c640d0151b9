-- +goose Up
-- create index "participant_joined_at" to table: "participants"
CREATE INDEX "participant_joined_at" ON "participants" ("joined_at");
