// What a client needs to lose nothing and hear nothing twice, whatever its library.

// A failure that may pass: that of the network, or one of these codes.
const passing = ['RATE_LIMITED', 'UNAVAILABLE', 'INTERNAL', 'TOO_SLOW'];
export const passes = (cause) => !Array.isArray(cause) || cause.some((error) => passing.includes(error.extensions?.code));

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// Longer with each try, and not at the same moment as everybody else.
export const backOff = (tries) => sleep(Math.min(30_000, 500 * 2 ** tries) * (0.5 + Math.random() / 2));

// Asks until it is answered, what may be asked twice: a query, or a sendMessage,
// which posts once for its key.
export async function untilAnswered(ask) {
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (cause) {
      if (!passes(cause)) throw cause;
      await backOff(tries);
    }
  }
}

// Gives a client of graphql-ws or graphql-sse whose subscriptions to a room come
// back where they were. Both send the request anew when they connect again, as it
// is then: so its `after` moves with each entry. What they take as the end of a
// subscription, though it passes, is subscribed to again.
export function resuming(client) {
  const subscribe = (request, sink) => {
    if (request.variables?.after === undefined) return client.subscribe(request, sink);
    const variables = { ...request.variables };
    let [tries, leave, again] = [0, undefined, undefined];
    const start = () => {
      let ended = false;
      const fail = (cause) => {
        ended = true;
        leave();
        if (Array.isArray(cause) && passes(cause)) again = setTimeout(start, 500 * 2 ** Math.min(tries++, 6));
        else sink.error(cause);
      };
      leave = client.subscribe({ ...request, variables }, {
        next(result) {
          if (ended) return;
          if (!result.data) return fail(result.errors); // the last event over SSE
          tries = 0;
          variables.after = Object.values(result.data)[0].seq ?? variables.after;
          sink.next(result);
        },
        error: (cause) => ended || fail(cause),
        complete: () => ended || sink.complete(),
      });
    };
    start();
    return () => {
      clearTimeout(again);
      leave();
    };
  };
  return { ...client, subscribe };
}
