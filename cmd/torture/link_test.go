package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	testkit "github.com/omarty/chat/internal/testkit/process"
)

// echo gives a link to a server that sends back what it gets, and a connection by it.
func echo(t *testing.T) (*link, *net.TCPConn) {
	t.Helper()
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	l, err := newLink("a link", localhost, server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	conn, err := net.Dial("tcp4", l.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return l, conn.(*net.TCPConn)
}

// said sends a text and gives what comes back within a while.
func said(t *testing.T, conn net.Conn, text string, within time.Duration) string {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return heard(t, conn, len(text), within)
}

func heard(t *testing.T, conn net.Conn, n int, within time.Duration) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, n)
	n, _ = io.ReadFull(conn, got)
	return string(got[:n])
}

const soon = 10 * time.Second

func TestFairLink(t *testing.T) {
	_, conn := echo(t)
	long := string(bytes.Repeat([]byte("0123456789"), 20_000))
	if got := said(t, conn, long, soon); got != long {
		t.Errorf("%d bytes came back of %d", len(got), len(long))
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %d bytes, %v", n, err)
	}
}

func TestLossyLink(t *testing.T) {
	for name, lost := range map[string][2]bool{"both": {true, true}, "there": {true, false}, "back": {false, true}} {
		l, conn := echo(t)
		if got := said(t, conn, "before", soon); got != "before" {
			t.Fatalf("%s: got %q before", name, got)
		}
		end := l.spoil(&weather{lost: lost})
		if got := said(t, conn, "lost", 100*time.Millisecond); got != "" {
			t.Errorf("%s: %q got through", name, got)
		}
		end()
		if got := heard(t, conn, len("lost"), soon); got != "lost" {
			t.Errorf("%s: %q came afterwards", name, got)
		}
	}
}

func TestLateAndSlowLink(t *testing.T) {
	for name, w := range map[string]*weather{"late": {delay: 50 * time.Millisecond}, "slow": {trickle: true}} {
		l, conn := echo(t)
		end := l.spoil(w)
		const text = "a text that is long enough to come in some pieces, and not in one"
		began := time.Now()
		if got := said(t, conn, text, soon); got != text {
			t.Errorf("%s: got %q", name, got)
		}
		if took := time.Since(began); took < 10*time.Millisecond {
			t.Errorf("%s: it took %v", name, took)
		}
		end()
	}
}

func TestCutLink(t *testing.T) {
	for _, rudely := range []bool{false, true} {
		l, conn := echo(t)
		if got := said(t, conn, "before", soon); got != "before" {
			t.Fatalf("got %q before", got)
		}
		l.cut(rudely)
		if err := conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(make([]byte, 1))
		if err == nil || errors.Is(err, io.EOF) == rudely {
			t.Errorf("cut rudely %t: %d bytes, %v", rudely, n, err)
		}
	}
}

// Where nobody listens behind it, who connects is cut off.
func TestLinkToNobody(t *testing.T) {
	port, err := testkit.QuietPort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLink("a link", localhost, (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	conn, err := net.Dial("tcp4", l.address())
	if err != nil {
		return // it was already
	}
	defer conn.Close()
	if got := heard(t, conn, 1, soon); got != "" {
		t.Errorf("got %q of nobody", got)
	}
}
