import { createClient } from 'graphql-sse';
import { backOff, resuming } from './resume.mjs';

export function connect(url, token) {
  const streams = resuming(createClient({
    url,
    headers: token ? { Authorization: `Bearer ${token}` } : {},
    retryAttempts: Infinity,
    retry: backOff,
  }));
  return {
    ask: (query, variables) => new Promise((resolve, reject) => {
      streams.subscribe({ query, variables }, {
        next: ({ data, errors }) => (errors ? reject(errors) : resolve(data)),
        error: reject,
        complete() {},
      });
    }),
    listen: (query, variables, next, error) => streams.subscribe({ query, variables }, {
      next: ({ data }) => next(data),
      error,
      complete() {},
    }),
    close: () => streams.dispose(),
  };
}
