// Raw is the server that says what a machine can do: what is sent becomes the bytes
// of a frame once, by hand, and each connection is handed those. Nothing is parsed
// that need not be, stored, or asked for. Frames that wait for a connection are
// written together, as the product does.
//
// It prints where it listens, its rooms and a token, as JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/omarty/chat/internal/bench/told"
)

func main() {
	count := flag.Int("rooms", 1, "how many rooms there are")
	flag.Parse()
	t := told.Place{Token: "nobody asks"}
	rooms := map[string]*room{}
	for i := range *count {
		id := fmt.Sprintf("room_%026d", i)
		t.Rooms = append(t.Rooms, id)
		rooms[id] = &room{}
	}
	http.HandleFunc("POST /graphql", func(w http.ResponseWriter, r *http.Request) { post(w, r, rooms) })
	http.HandleFunc("GET /graphql", func(w http.ResponseWriter, r *http.Request) {
		upgrader := ws.HTTPUpgrader{Protocol: func(string) bool { return true }}
		if socket, _, _, err := upgrader.Upgrade(r, w); err == nil {
			go (&conn{Conn: socket}).serve(rooms)
		}
	})
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	t.URL = "http://" + listener.Addr().String()
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, nil))
}

// post sends a message to a room.
func post(w http.ResponseWriter, r *http.Request, rooms map[string]*room) {
	var body struct {
		Variables struct{ Input struct{ Room, Text string } }
	}
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	to := rooms[body.Variables.Input.Room]
	if err != nil || to == nil {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	seq := to.broadcast(body.Variables.Input.Text)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"data":{"sendMessage":{"message":{"seq":%d}}}}`, seq)
}

// room is the connections that are handed what comes.
type room struct {
	mu    sync.Mutex
	seq   int
	conns []*conn
}

func (r *room) broadcast(text string) (seq int) {
	quoted, _ := json.Marshal(text) // a string always can be
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	now := time.Now().UTC().Format("2006-01-02T15:04:05.999999Z")
	frame := compiled(fmt.Sprintf(`{"type":"next","id":"1","payload":{"data":{"roomEvents":{"seq":%d,"message":{"text":%s,"id":"msg_%026d","createdAt":"%s","author":{"id":"user_%026d","name":"Publisher One"}},"at":"%s","kind":"MESSAGE_POSTED"}}}}`,
		r.seq, quoted, r.seq, now, 1, now))
	for _, c := range r.conns {
		c.send(frame)
	}
	return r.seq
}

func compiled(text string) []byte { return ws.MustCompileFrame(ws.NewTextFrame([]byte(text))) }

// conn is a connection, and what waits for it.
type conn struct {
	net.Conn
	mu      sync.Mutex
	waiting []byte
	writing bool
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func (c *conn) send(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.waiting = *buffers.Get().(*[]byte)
	}
	c.waiting = append(c.waiting, frame...)
	if !c.writing {
		c.writing = true
		go c.write()
	}
}

func (c *conn) write() {
	for {
		c.mu.Lock()
		batch := c.waiting
		c.waiting, c.writing = nil, len(batch) > 0
		c.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		_, err := c.Write(batch)
		batch = batch[:0]
		buffers.Put(&batch)
		if err != nil {
			return
		}
	}
}

// maxText is how long what a client says may be.
const maxText = 1 << 20

// serve reads what a client says, as far as that matters.
func (c *conn) serve(rooms map[string]*room) {
	defer c.Close()
	var in *room
	defer func() {
		if in != nil {
			in.mu.Lock()
			defer in.mu.Unlock()
			i := slices.Index(in.conns, c)
			in.conns = slices.Delete(in.conns, i, i+1)
		}
	}()
	for {
		h, err := ws.ReadHeader(c.Conn)
		if err != nil || h.Length > maxText {
			return
		}
		text := make([]byte, h.Length)
		if _, err := io.ReadFull(c.Conn, text); err != nil {
			return
		}
		ws.Cipher(text, h.Mask, 0)
		var m struct {
			Type    string
			Payload struct{ Variables struct{ Room string } }
		}
		switch {
		case h.OpCode != ws.OpText || json.Unmarshal(text, &m) != nil:
		case m.Type == "connection_init":
			c.send(compiled(`{"type":"connection_ack"}`))
		case m.Type == "subscribe":
			if in = rooms[m.Payload.Variables.Room]; in == nil {
				return
			}
			in.mu.Lock()
			c.send(compiled(fmt.Sprintf(`{"type":"next","id":"1","payload":{"data":{"roomEvents":{"position":%d}}}}`, in.seq)))
			in.conns = append(in.conns, c)
			in.mu.Unlock()
		}
	}
}
