package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
)

// keptFile is a file of a message that was acknowledged, and stays.
type keptFile struct {
	url     string // without the node's
	content string
	reader  *person
	at      time.Duration
}

const uploadDocument = `mutation($file: Upload!) { uploadAttachment(file: $file) { attachment { id url } } }`

// attach uploads a file and sends it with two messages at once: one of them has it. Who is in
// the room reads it by any node, and nobody else; when its message is deleted, nobody.
func (n *newcomers) attach(ctx context.Context) error {
	var opened struct{ OpenDirectRoom struct{ Room idJSON } }
	if err := n.sure(ctx, n.a.client, directDocument, variables{"user": n.b.id}, &opened); err != nil {
		return err
	}
	content := strings.Repeat(fmt.Sprintf("a file %d ", n.number), 2000)
	id, url, err := n.a.client.upload(ctx, "notes.txt", content)
	if err != nil {
		if passes(err) {
			return errNotKnown
		}
		return err
	}
	var sent [2]struct {
		SendMessage struct{ Message idJSON }
	}
	send := func(i int) func() error {
		return func() error {
			k := sendKey{room: opened.OpenDirectRoom.Room.ID, key: fmt.Sprintf("file %d", i)}
			return n.a.client.call(ctx, sendDocument, variables{"input": k.input("", variables{"attachments": []string{id}})}, &sent[i])
		}
	}
	which, err := n.one("sent one file with two messages", "NOT_FOUND", send(0), send(1))
	if err != nil {
		return err
	}
	expect := func(who *person, want string) {
		if got, err := who.client.fetch(ctx, url); err == nil && got != want {
			n.blame("file: not as it was sent", "%s was sent, and is read as %d bytes, %.20q; wanted were %d", url, len(got), got, len(want))
		}
	}
	expect(n.b, content)
	expect(n.manager, "")
	if n.random.IntN(2) == 0 {
		n.history.mu.Lock()
		defer n.history.mu.Unlock()
		n.history.files = append(n.history.files, keptFile{url, content, n.a, n.history.since()})
		return nil
	}
	var none struct{}
	if err := n.sure(ctx, n.a.client, deleteDocument, variables{"message": sent[which].SendMessage.Message.ID}, &none); err != nil {
		return err
	}
	expect(n.b, "")
	return nil
}

// upload sends a file, and gives its attachment.
func (c *client) upload(ctx context.Context, name, content string) (id, url string, err error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	operation, err := json.Marshal(map[string]any{"query": uploadDocument, "variables": variables{"file": nil}})
	if err != nil {
		return "", "", err
	}
	_ = form.WriteField("operations", string(operation)) // a buffer takes all
	_ = form.WriteField("map", `{"0": ["variables.file"]}`)
	part, err := form.CreateFormFile("0", name)
	if err != nil {
		return "", "", err
	}
	_, _ = io.WriteString(part, content)
	_ = form.Close()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to.urls[c.to.pick()]+"/graphql", &body)
	if err != nil {
		return "", "", err
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Authorization", "Bearer "+c.token)
	var got struct {
		UploadAttachment struct{ Attachment struct{ ID, URL string } }
	}
	err = c.do(request, &got)
	return got.UploadAttachment.Attachment.ID, got.UploadAttachment.Attachment.URL, err
}

// fetch gives what a file is, "" for who may not read it.
func (c *client) fetch(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	for _, door := range []string{"/files/", "/exports/"} {
		if at := strings.Index(path, door); at > 0 {
			path = path[at:]
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.to.urls[c.to.pick()]+path, http.NoBody)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return "", err
	case response.StatusCode == http.StatusOK:
		return string(content), nil
	case response.StatusCode == http.StatusNotFound:
		return "", nil
	}
	return "", fmt.Errorf("status %d", response.StatusCode)
}

// readFiles demands that files that were sent before a copy was begun are there again.
func (a *restored) readFiles(ctx context.Context) {
	for _, f := range a.was.files {
		if f.at > a.began {
			continue
		}
		if got, err := a.at(f.reader).fetch(ctx, f.url); err != nil || got != f.content {
			a.blame("a file is not there", "%s was sent at %v, and is %d bytes, %v", f.url, f.at, len(got), err)
		}
	}
}
