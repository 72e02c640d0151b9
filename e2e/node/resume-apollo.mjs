import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { WebSocket } from 'ws';
import { openSocket } from './resume-graphql-ws.mjs';

// GraphQLWsLink looks there for each error; browsers have it, and Node from 22 on.
globalThis.WebSocket ??= WebSocket;

export function connect(url, token, options) {
  const socket = openSocket(url, token, options);
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: url, headers: token ? { Authorization: `Bearer ${token}` } : {} }),
    ),
    cache: new InMemoryCache(),
  });
  // What it was refused with, as the other clients give it.
  const causeOf = (error) => (CombinedGraphQLErrors.is(error) ? error.errors : error);
  return {
    async ask(query, variables) {
      const document = gql(query);
      const writes = document.definitions[0].operation === OperationTypeNode.MUTATION;
      try {
        const { data } = await (writes
          ? client.mutate({ mutation: document, variables })
          : client.query({ query: document, variables, fetchPolicy: 'no-cache' }));
        return data;
      } catch (error) {
        throw causeOf(error);
      }
    },
    // Past the cache: a log is no state, and an old entry would overwrite there
    // what is newer. With all errors: else one of a field would take its entry away.
    listen(query, variables, next, failed) {
      const how = { query: gql(query), variables, fetchPolicy: 'no-cache', errorPolicy: 'all' };
      const subscription = client.subscribe(how).subscribe({
        next: ({ data, error }) => (data ? next(data) : failed(causeOf(error))),
        error: (error) => failed(causeOf(error)),
      });
      return () => subscription.unsubscribe();
    },
    close() {
      client.stop();
      socket.dispose();
    },
  };
}
