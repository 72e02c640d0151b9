package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Client asks a server by HTTP. It is safe for concurrent use.
type Client struct {
	// Server is the URL that the server says at its start, without a path.
	Server string
	http   *http.Client
}

// requestTime bounds a request.
const requestTime = time.Minute

// NewClient gives a client that keeps up to so many connections.
func NewClient(server string, connections int) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = connections, connections
	transport.DisableCompression = true
	return &Client{strings.TrimSuffix(server, "/"), &http.Client{Transport: transport, Timeout: requestTime}}
}

// Refused is what a server answers instead of what was asked for.
type Refused struct {
	Message string
	Code    string
	// After is how many seconds to wait, where the server says so.
	After float64
}

func (r Refused) Error() string {
	if r.Code == "RATE_LIMITED" {
		return fmt.Sprintf("the server refuses so many attempts (%s): start it with OMARTY_RATE_LIMITS=off for a test of load, or wait %.0f s", r.Code, r.After)
	}
	return fmt.Sprintf("the server refuses: %s %s", r.Code, r.Message)
}

// Ask runs an operation for who has a token, and reads its data into answer.
func (c *Client) Ask(ctx context.Context, token, query string, variables map[string]any, answer any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	text, err := c.Post(ctx, token, body)
	if err != nil {
		return err
	}
	return read(text, answer)
}

// Post posts a body, and gives the answer's.
func (c *Client) Post(ctx context.Context, token string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Server+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s: %.200s", response.Status, text)
	}
	return text, nil
}

// read reads the data of a response, or why there is none.
func read(response []byte, answer any) error {
	var r struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct {
				Code       string
				RetryAfter float64
			}
		}
	}
	if err := json.Unmarshal(response, &r); err != nil {
		return fmt.Errorf("the answer is no GraphQL: %.200s", response)
	}
	if len(r.Errors) > 0 {
		e := r.Errors[0]
		return Refused{e.Message, e.Extensions.Code, e.Extensions.RetryAfter}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(r.Data, answer)
}
