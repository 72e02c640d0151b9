import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws'; // a browser has its own
import { backOff, resuming, sleep } from './resume.mjs';

// Gives a socket that comes back until its session has ended.
export function openSocket(url, token, { keepAlive = 15_000, on = {} } = {}) {
  let told; // by a server that goes down
  let unanswered;
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { token },
    keepAlive, // a network that is gone says nothing: a ping finds out
    retryAttempts: Infinity,
    shouldRetry: () => true, // else it gives up as soon as nobody listens; 4401 stays final
    retryWait: (tries) => (told ? sleep(told) : backOff(tries)),
    on: {
      ...on,
      ping(received) {
        if (!received) unanswered = setTimeout(() => client.terminate(), keepAlive / 2);
      },
      pong(received) {
        if (received) clearTimeout(unanswered);
      },
      closed(event) {
        clearTimeout(unanswered);
        told = Number(/^retry-after-ms=(\d+)$/.exec(event.reason)?.[1]);
        on.closed?.(event);
      },
    },
  });
  return resuming(client);
}

export function connect(url, token, options) {
  const socket = openSocket(url, token, options);
  return {
    // Also a mutation is sent anew when the socket comes back before its answer.
    ask: (query, variables) => new Promise((resolve, reject) => {
      socket.subscribe({ query, variables }, {
        next: ({ data, errors }) => (errors ? reject(errors) : resolve(data)),
        error: reject,
        complete() {},
      });
    }),
    listen: (query, variables, next, error) => socket.subscribe({ query, variables }, {
      next: ({ data }) => next(data),
      error,
      complete() {},
    }),
    close: () => socket.dispose(),
  };
}
