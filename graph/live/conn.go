package live

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

type connKey struct{}

// WithConn gives a context of a connection's requests that knows the connection; see
// http.Server.ConnContext. Event streams need it, to notice that the other end has gone.
func WithConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// connOf gives the connection that a request came on; nil where it is not known.
func connOf(ctx context.Context) net.Conn {
	conn, _ := ctx.Value(connKey{}).(net.Conn)
	return conn
}

// tcpOf gives what carries a connection; nil where that is not TCP.
func tcpOf(conn net.Conn) *net.TCPConn {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	carrier, _ := conn.(*net.TCPConn)
	return carrier
}

// bound bounds what the kernel keeps for a reader that stops.
func bound(conn net.Conn, bytes int) {
	if carrier := tcpOf(conn); carrier != nil {
		_ = carrier.SetWriteBuffer(bytes) // it has some bound anyway
	}
}

// vanished tells whether the machine at the other end has confirmed nothing for so long
// of what was sent to it. One whose program reads nothing still does.
func vanished(conn net.Conn, after time.Duration) bool {
	carrier := tcpOf(conn)
	if carrier == nil {
		return false
	}
	raw, err := carrier.SyscallConn()
	return err == nil && unconfirmed(raw) >= after
}
