import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws'; // a browser has its own
import { backOff, resuming, sleep } from './resume.mjs';

// Gives a socket that comes back until its session has ended.
export function openSocket(url, token, on = {}) {
  let told; // by a server that goes down
  return resuming(createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { token },
    retryAttempts: Infinity,
    shouldRetry: () => true, // else it gives up as soon as nobody listens; 4401 stays final
    retryWait: (tries) => (told ? sleep(told) : backOff(tries)),
    on: {
      ...on,
      closed(event) {
        told = Number(/^retry-after-ms=(\d+)$/.exec(event.reason)?.[1]);
        on.closed?.(event);
      },
    },
  }));
}

export function connect(url, token, on) {
  const socket = openSocket(url, token, on);
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
