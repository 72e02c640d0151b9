package main

import (
	"context"
	"encoding/json"
	"errors"
)

// door is a way to listen to a server: a WebSocket, or event streams. It is for
// one goroutine, and holds one subscription at a time.
type door interface {
	// subscribe asks for a subscription. What is wrong with it may come as an error
	// here or as that of the first update.
	subscribe(ctx context.Context, document string, v variables) (subscription, error)
	// close ends whatever is open.
	close()
}

// subscription is what a door holds.
type subscription interface {
	// next waits for an update. errComplete says that the server completed the
	// subscription, a *failure that it ended it with an error; every other error
	// that the connection ended, except that of ctx.
	next(ctx context.Context) (json.RawMessage, error)
	// node is the number of the node that serves it.
	node() int
	// leave ends the subscription. It may not be used after that.
	leave()
}

// errComplete says that the server completed a subscription, without an error.
var errComplete = errors.New("the subscription is complete")

// update is what a reading goroutine hands over: data, or what ended it.
type update struct {
	data json.RawMessage
	err  error
}

// payload reads a response: its data, or the error that it has.
func payload(text []byte) update {
	var response struct {
		Data   json.RawMessage `json:"data"`
		Errors graphQLErrors   `json:"errors"`
	}
	if err := json.Unmarshal(text, &response); err != nil {
		return update{err: err}
	}
	if f := response.Errors.first(); f != nil {
		return update{err: f}
	}
	return update{data: response.Data}
}
