package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// callTime bounds a call. It is longer than the server takes to give up on its
// database.
const callTime = 15 * time.Second

// client calls the nodes as one device of a person, or as a stranger.
type client struct {
	to    *balance
	token string
	http  *http.Client
	// history is told of calls that fail; nil for nobody.
	history *history
}

// newClient gives a client of nodes with connections of its own.
func newClient(urls ...string) *client { return newClientTo(newBalance(urls...)) }

func newClientTo(to *balance) *client {
	return &client{to: to, http: &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
		MaxIdleConnsPerHost: 8,
	}}}
}

// as gives a client of the same nodes with a session's token.
func (c *client) as(token string) *client {
	return &client{to: c.to, token: token, http: c.http, history: c.history}
}

// at gives a client of one of the nodes alone.
func (c *client) at(node int) *client {
	return &client{to: c.to.only(node), token: c.token, http: c.http, history: c.history}
}

// failure is an error that the server answered with.
type failure struct {
	message    string
	code       string
	extensions map[string]any
}

// Error is the code and the message.
func (f *failure) Error() string { return f.code + ": " + f.message }

// number gives a number of the extensions; false where there is none.
func (f *failure) number(name string) (int, bool) {
	n, ok := f.extensions[name].(float64)
	return int(n), ok
}

// codeOf gives the code of a failure; "" for other errors, such as those of a
// connection.
func codeOf(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return ""
}

// passes tells whether the same call may succeed later, so that a client that
// keeps a queue sends it again.
func passes(err error) bool {
	switch codeOf(err) {
	case "", "UNAVAILABLE", "INTERNAL", "RATE_LIMITED":
		return true
	}
	return false
}

// variables are those of an operation.
type variables map[string]any

// graphQLErrors are the errors of a response.
type graphQLErrors []struct {
	Message    string         `json:"message"`
	Extensions map[string]any `json:"extensions"`
}

// first gives the first of them as a failure; nil where there is none.
func (e graphQLErrors) first() *failure {
	if len(e) == 0 {
		return nil
	}
	code, _ := e[0].Extensions["code"].(string)
	if code == "" {
		code = "NO_CODE"
	}
	return &failure{e[0].Message, code, e[0].Extensions}
}

// request makes the HTTP request of an operation to a node.
func (c *client) request(ctx context.Context, node int, document string, v variables) (*http.Request, error) {
	body, err := json.Marshal(map[string]any{"query": document, "variables": v})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to.urls[node]+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return request, nil
}

// call runs a query or a mutation and reads its data into a value. Its error is a
// *failure where the server answered.
func (c *client) call(ctx context.Context, document string, v variables, into any) error {
	_, err := c.callAny(ctx, document, v, into)
	return err
}

// callAny is call, and tells which node it called.
func (c *client) callAny(ctx context.Context, document string, v variables, into any) (node int, err error) {
	node = c.to.pick()
	err = c.callAt(ctx, node, document, v, into)
	if code := codeOf(err); err != nil && (code == "" || code == "UNAVAILABLE") {
		c.to.shun(node)
	}
	return node, err
}

func (c *client) callAt(ctx context.Context, node int, document string, v variables, into any) (err error) {
	if h := c.history; h != nil {
		caller, began := ctx, h.since()
		defer func() { h.noteCall(caller, c.to.first+node, document, began, err) }()
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	request, err := c.request(ctx, node, document, v)
	if err != nil {
		return err
	}
	return c.do(request, into)
}

// do sends the request of an operation, and reads its data into a value.
func (c *client) do(request *http.Request, into any) error {
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var got struct {
		Data   json.RawMessage `json:"data"`
		Errors graphQLErrors   `json:"errors"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("status %d, and no GraphQL: %w", response.StatusCode, err)
	}
	if f := got.Errors.first(); f != nil {
		return f
	}
	return json.Unmarshal(got.Data, into)
}

// insist calls until there is an answer that stays as it is, or ctx ends.
func (c *client) insist(ctx context.Context, document string, v variables, into any) error {
	for {
		err := c.call(ctx, document, v, into)
		if err == nil || !passes(err) || ctx.Err() != nil {
			return err
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

// ready tells whether the only node says that it can serve.
func (c *client) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.to.urls[0]+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	response, err := c.http.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
