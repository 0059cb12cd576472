package listener

import (
	"context"
	"net"
	"net/url"
)

func listenTCP(ctx context.Context, where *url.URL, o *Options) (net.Listener, error) {
	return ready(ctx, where, o)
}

// ready listens on TCP for connections that have taken steps before they are
// accepted. Where there are none, Accept gives the *net.TCPConn itself.
func ready(ctx context.Context, where *url.URL, o *Options, steps ...step) (net.Listener, error) {
	l, err := o.listen(ctx, "tcp", where.Host)
	if err != nil {
		return nil, err
	}
	if o.Delay {
		l = delayed{l}
	}
	if len(o.TrustedProxies) > 0 {
		steps = append([]step{unproxy(o.TrustedProxies)}, steps...)
	}
	if len(steps) > 0 {
		l = prepare(l, o, steps)
	}
	return l, nil
}

// delayed turns off what Go turns on for each TCP connection.
type delayed struct{ net.Listener }

func (l delayed) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetNoDelay(false)
	}
	return conn, err
}
