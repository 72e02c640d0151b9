// Compares two versions of the public schema:
//
//	node contract.mjs OLD.graphqls NEW.graphqls
//
// The contract grows by additions. It fails when NEW lacks, renames or loosens
// something that OLD promises, changes a default, or says no more what OLD said
// of something; and it prints each of these.
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';
import * as graphql from 'graphql';

// Gives what NEW breaks, one line each. Both are SDL.
export function broken(oldText, newText) {
  const [before, after] = [graphql.buildSchema(oldText), graphql.buildSchema(newText)];
  const found = new Set([
    ...graphql.findBreakingChanges(before, after).map((change) => change.description),
    ...roots(before, after),
  ]);
  // graphql-js looks neither at these nor at descriptions.
  const present = entries(after);
  for (const [path, was] of entries(before)) {
    const is = present.get(path);
    // What is gone as a whole was found above.
    if (!is) continue;
    if (was.description && !is.description) found.add(`${path} lost its description.`);
    if (was.specifiedByURL && was.specifiedByURL !== is.specifiedByURL) {
      found.add(`${path} was specified by ${was.specifiedByURL}, now by ${is.specifiedByURL ?? 'nothing'}.`);
    }
    if (Boolean(was.isOneOf) !== Boolean(is.isOneOf)) found.add(`${path} ${is.isOneOf ? 'became' : 'is no longer'} @oneOf.`);
    if (was.input) {
      const [wasDefault, isDefault] = [defaultOf(was), defaultOf(is)];
      if (wasDefault !== isDefault) found.add(`${path} defaulted to ${wasDefault ?? 'nothing'}, now to ${isDefault ?? 'nothing'}.`);
      if (loosened(was.type, is.type)) found.add(`${path} was ${was.type}, now is ${is.type}.`);
    }
  }
  return [...found].sort();
}

// A root that is another type than before; graphql-js only sees types go.
function* roots(before, after) {
  for (const operation of ['query', 'mutation', 'subscription']) {
    const [was, is] = [before.getRootType(operation), after.getRootType(operation)];
    if (was && was.name !== is?.name) yield `The ${operation} type was ${was.name}, now is ${is?.name ?? 'none'}.`;
  }
}

// All that can carry a description, by its place: Type, Type.field,
// Type.field(argument:), Enum.VALUE, @directive.
function entries(schema) {
  const all = new Map();
  const add = (path, entry, input = false) =>
    all.set(path, {
      description: entry.description?.trim(),
      specifiedByURL: entry.specifiedByURL,
      isOneOf: entry.isOneOf,
      type: entry.type,
      defaultValue: entry.defaultValue,
      input,
    });
  add('The schema', schema);
  for (const type of Object.values(schema.getTypeMap())) {
    if (graphql.isIntrospectionType(type)) continue;
    add(type.name, type);
    if (graphql.isEnumType(type)) {
      for (const value of type.getValues()) add(`${type.name}.${value.name}`, value);
    } else if ('getFields' in type) {
      for (const field of Object.values(type.getFields())) {
        add(`${type.name}.${field.name}`, field, graphql.isInputType(type));
        for (const arg of field.args ?? []) add(`${type.name}.${field.name}(${arg.name}:)`, arg, true);
      }
    }
  }
  for (const directive of schema.getDirectives()) {
    add(`@${directive.name}`, directive);
    for (const arg of directive.args) add(`@${directive.name}(${arg.name}:)`, arg, true);
  }
  return all;
}

// Whether null may now stand where it could not. To graphql-js that is harmless
// in what clients send, but the contract promises these nullabilities as well.
function loosened(was, is) {
  if (graphql.isNonNullType(was)) return !graphql.isNonNullType(is) || loosened(was.ofType, is.ofType);
  is = graphql.getNullableType(is);
  return graphql.isListType(was) && graphql.isListType(is) && loosened(was.ofType, is.ofType);
}

// A default as it would be written, undefined where there is none.
function defaultOf({ defaultValue, type }) {
  if (defaultValue === undefined) return undefined;
  return graphql.print(graphql.astFromValue(defaultValue, type));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const files = process.argv.slice(2);
  if (files.length !== 2) {
    console.error('usage: node contract.mjs OLD.graphqls NEW.graphqls');
    process.exit(2);
  }
  const lines = broken(...files.map((file) => fs.readFileSync(file, 'utf8')));
  for (const line of lines) console.error(line);
  if (lines.length > 0) {
    console.error(`contract: ${lines.length} broken`);
    process.exitCode = 1;
  } else {
    console.log('contract: kept');
  }
}
