import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { broken } from './contract.mjs';

const old = `
"A moment."
scalar Time @specifiedBy(url: "https://scalars.graphql.org/andimarek/date-time")

directive @shared(how: String! = "all") on FIELD_DEFINITION

interface Node {
  id: ID!
}

type User implements Node {
  id: ID!
  "As people call them."
  name: String!
  seen: Time
}

enum Role {
  RESIDENT
  "May approve."
  MANAGER
}

union Thing = User | Note

type Note {
  text: String!
}

input NewUser {
  name: String!
  role: Role! = RESIDENT
  tags: [ID!]! = []
  note: String
}

type Query {
  users(first: Int! = 50, after: ID, ids: [ID!]): [User!]!
  thing: Thing
}

type Subscription {
  changed: User!
}

extend type Query {
  user(id: ID!): User
}
`;

// Replaces exactly one place of the schema.
function change(from, to) {
  assert.equal(old.split(from).length, 2, `${from} is not there once`);
  return broken(old, old.replace(from, to));
}

test('the same schema keeps the contract', () => {
  assert.deepEqual(broken(old, old), []);
});

for (const [what, from, to] of [
  ['a new type', 'type Note {', 'type Extra {\n  id: ID!\n}\n\ntype Note {'],
  ['a new field', 'seen: Time', 'seen: Time\n  age: Int'],
  ['a new optional argument', 'after: ID,', 'after: ID, before: ID,'],
  ['a new required argument with a default', 'after: ID,', 'after: ID, last: Int! = 5,'],
  ['a new optional input field', 'note: String', 'note: String\n  more: String'],
  ['a new enum value', 'RESIDENT\n  "', 'RESIDENT\n  GUEST\n  "'],
  ['a new member of a union', 'User | Note', 'User | Note | Query'],
  ['a field that is never null any more', 'seen: Time', 'seen: Time!'],
  ['another description', 'As people call them.', 'Their name.'],
  ['a new description', 'type Note {', '"Some text."\ntype Note {'],
  ['a deprecation', 'seen: Time', 'seen: Time @deprecated(reason: "ask elsewhere")'],
]) {
  test(`${what} keeps the contract`, () => {
    assert.deepEqual(change(from, to), []);
  });
}

for (const [what, from, to, line] of [
  ['a type that is gone', 'type Subscription {\n  changed: User!\n}', '', 'Subscription was removed.'],
  ['a renamed field', 'seen: Time', 'lastSeen: Time', 'User.seen was removed.'],
  ['a field gone from an extension', 'extend type Query {\n  user(id: ID!): User', 'extend type Query {\n  person(id: ID!): User', 'Query.user was removed.'],
  ['a renamed argument', 'first: Int! = 50', 'count: Int! = 50', 'Query.users arg first was removed.'],
  ['a field that may be null now', 'text: String!', 'text: String', 'Note.text changed type from String! to String.'],
  ['an argument that may be null now', 'user(id: ID!)', 'user(id: ID)', 'Query.user(id:) was ID!, now is ID.'],
  ['an input field whose items may be null now', 'tags: [ID!]!', 'tags: [ID]!', 'NewUser.tags was [ID!]!, now is [ID]!.'],
  ['an argument that became required', 'after: ID,', 'after: ID!,', 'Query.users arg after has changed type from ID to ID!.'],
  ['an input field that became required', 'note: String', 'note: String!', 'NewUser.note changed type from String to String!.'],
  ['a new required input field', 'note: String', 'note: String\n  more: Int!', 'A required field more on input type NewUser was added.'],
  ['another default of an argument', 'first: Int! = 50', 'first: Int! = 20', 'Query.users(first:) defaulted to 50, now to 20.'],
  ['an argument that lost its default', 'first: Int! = 50', 'first: Int!', 'Query.users(first:) defaulted to 50, now to nothing.'],
  ['another default of an input field', 'role: Role! = RESIDENT', 'role: Role! = MANAGER', 'NewUser.role defaulted to RESIDENT, now to MANAGER.'],
  ['an input field that lost its default', 'tags: [ID!]! = []', 'tags: [ID!]!', 'NewUser.tags defaulted to [], now to nothing.'],
  ['another default in a directive', '"all"', '"some"', '@shared(how:) defaulted to "all", now to "some".'],
  ['a renamed enum value', '  MANAGER', '  CHAIR', 'MANAGER was removed from enum type Role.'],
  ['a union member that is gone', 'User | Note', 'User', 'Note was removed from union type Thing.'],
  ['an interface that is gone', 'User implements Node', 'User', 'User no longer implements interface Node.'],
  ['a description that is gone', '  "As people call them."\n', '', 'User.name lost its description.'],
  ['an enum value\'s description that is gone', '  "May approve."\n', '', 'Role.MANAGER lost its description.'],
  ['an empty description', '"A moment."', '""', 'Time lost its description.'],
  ['another specification of a scalar', 'date-time', 'time', 'Time was specified by https://scalars.graphql.org/andimarek/date-time, now by https://scalars.graphql.org/andimarek/time.'],
  ['an unspecified scalar', ' @specifiedBy(url: "https://scalars.graphql.org/andimarek/date-time")', '', 'Time was specified by https://scalars.graphql.org/andimarek/date-time, now by nothing.'],
]) {
  test(`${what} breaks the contract`, () => {
    const lines = change(from, to);
    assert.ok(lines.includes(line), lines.join('\n') || 'nothing was found');
  });
}

test('an extension that was written into its type keeps the contract', () => {
  const field = '\n  user(id: ID!): User';
  const other = old.replace(`extend type Query {${field}\n}`, '').replace('thing: Thing', `thing: Thing${field}`);
  assert.ok(!other.includes('extend'));
  assert.deepEqual(broken(old, other), []);
});

test('another root type breaks the contract', () => {
  const other = old.replace('extend type Query', 'type Other {\n  id: ID!\n}\n\nschema {\n  query: Query\n  subscription: Other\n}\n\nextend type Query');
  assert.deepEqual(broken(old, other), ['The subscription type was Subscription, now is Other.']);
});

test('the command prints what is broken and fails', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'contract-'));
  try {
    const [first, second] = ['old.graphqls', 'new.graphqls'].map((name) => path.join(folder, name));
    fs.writeFileSync(first, old);
    fs.writeFileSync(second, old.replace('seen: Time', 'age: Int'));
    const script = path.join(import.meta.dirname, 'contract.mjs');
    assert.match(execFileSync(process.execPath, [script, first, first], { encoding: 'utf8' }), /kept/);
    const failed = spawnSync(process.execPath, [script, first, second], { encoding: 'utf8' });
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /User\.seen was removed\./);
    assert.equal(spawnSync(process.execPath, [script, first], { encoding: 'utf8' }).status, 2);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
