'use strict';

// By this name GraphiQL asks for the nonce of the styles that it makes.
globalThis.__webpack_nonce__ = document.currentScript.nonce;

{
  const endpoint = '/graphql';
  const storage = openStorage();
  // The token of the last LogIn. It is kept nowhere else.
  let signedIn = '';

  // GraphiQL opens the examples where it has stored no tabs, but takes what is
  // in the editors from its storage: without this the first tab would come
  // without its variables, and a reload would add an empty tab.
  if (storage && !storage.getItem('graphiql:tabState')) {
    storage.setItem('graphiql:query', examples[0].query);
    storage.setItem('graphiql:variables', examples[0].variables);
  }

  const { createElement } = React;
  ReactDOM.createRoot(document.getElementById('playground')).render(
    createElement(
      GraphiQL,
      {
        fetcher,
        storage,
        // Off for good: this GraphiQL would forget on reload that a visitor had
        // turned it on.
        shouldPersistHeaders: false,
        defaultTabs: examples,
        defaultHeaders: '{\n  "Authorization": "Bearer "\n}',
        defaultQuery: '# Ctrl+Space completes, Ctrl+Enter runs.\n\n',
        defaultEditorToolsVisibility: true,
        plugins: [GraphiQLPluginExplorer.explorerPlugin()],
      },
      createElement(GraphiQL.Logo, null, 'Omarty Chat'),
    ),
  );

  // Sends an operation: subscriptions over a socket, all others over HTTP.
  async function fetcher(operation, options) {
    const headers = { ...options?.headers };
    const name = Object.keys(headers).find((key) => key.toLowerCase() === 'authorization');
    let token = name ? String(headers[name]).replace(/^\s*bearer\b/i, '').trim() : '';
    // The prepared header, not filled in, is that of who signed in last; of nobody,
    // it is the same as none.
    if (name && !token) {
      token = signedIn;
      if (token) headers[name] = `Bearer ${token}`;
      else delete headers[name];
    }

    const send = GraphiQL.createFetcher({
      url: endpoint,
      headers: { Accept: 'application/graphql-response+json, application/json' },
      // The schema has no @defer: there is nothing to ask for in parts.
      enableIncrementalDelivery: false,
      // A socket to each subscription, opened when it is run: the token may be
      // another than last time. It is not tried again, so that the reason for
      // which the server closed it can be read.
      wsClient: showingErrors(graphqlWs.createClient({
        url: new URL(endpoint, location.href).href.replace(/^http/, 'ws'),
        connectionParams: token ? { token } : undefined,
        retryAttempts: 0,
      })),
    });
    const answer = await send(operation, { ...options, headers });
    signedIn = answer?.data?.logIn?.token ?? signedIn;
    return answer;
  }

  // What a subscription fails with comes as its last result: the errors of a
  // refusal, or how the socket closed. GraphiQL shows results alone.
  function showingErrors(client) {
    return {
      ...client,
      subscribe: (operation, sink) =>
        client.subscribe(operation, {
          ...sink,
          error(cause) {
            const closed = cause?.code ? `The socket was closed with ${cause.code} ${cause.reason}` : cause?.message;
            sink.next({ errors: Array.isArray(cause) ? cause : [{ message: closed }] });
            sink.complete();
          },
        }),
    };
  }

  // What GraphiQL keeps in the browser; null where that is denied. It never
  // includes the headers, and so the token: GraphiQL leaves them out of its
  // tabs, but would write them down in its history.
  function openStorage() {
    let local;
    try {
      local = window.localStorage;
    } catch {
      return null;
    }
    const histories = ['graphiql:queries', 'graphiql:favorites'];
    const withoutHeaders = (json) =>
      JSON.stringify(JSON.parse(json), (key, value) => (key === 'headers' ? undefined : value));

    return {
      getItem: (key) => local.getItem(key),
      setItem: (key, value) => local.setItem(key, histories.includes(key) ? withoutHeaders(value) : value),
      removeItem: (key) => local.removeItem(key),
      get length() {
        return local.length;
      },
      // "Clear data" in the settings. The origin may store other things as well.
      clear() {
        for (const key of Object.keys(local)) {
          if (key.startsWith('graphiql:')) local.removeItem(key);
        }
      },
    };
  }
}
