import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { openSocket } from './resume-graphql-ws.mjs';

export function connect(url, token, options) {
  const socket = openSocket(url, token, options);
  const client = new Client({
    url,
    fetchOptions: { headers: token ? { Authorization: `Bearer ${token}` } : {} },
    preferGetMethod: false,
    exchanges: [
      subscriptionExchange({
        // A result without errors would come with those of the one before.
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe(request, { ...sink, next: (result) => sink.next({ errors: [], ...result }) }),
          }),
        }),
      }),
      fetchExchange,
    ],
  });
  const causeOf = (error) => error.networkError ?? error.graphQLErrors;
  return {
    async ask(query, variables) {
      const run = /^\s*mutation\b/.test(query) ? client.mutation : client.query;
      const { data, error } = await run.call(client, query, variables).toPromise();
      if (error) throw causeOf(error);
      return data;
    },
    listen(query, variables, next, failed) {
      let last;
      const { unsubscribe } = client.subscription(query, variables).subscribe(({ data, error }) => {
        // What ends it comes with no data, or with that of the entry before.
        if (!data || data === last) failed(causeOf(error));
        else next(last = data);
      });
      return unsubscribe;
    },
    close: () => socket.dispose(),
  };
}
