package listener

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

func listenWebSocket(ctx context.Context, where *url.URL, o *Options) (net.Listener, error) {
	return ready(ctx, where, o, upgrade(where.Path, o.Origins))
}

func listenWebSocketTLS(ctx context.Context, where *url.URL, o *Options) (net.Listener, error) {
	secure, err := encrypt(o)
	if err != nil {
		return nil, err
	}
	return ready(ctx, where, o, secure, upgrade(where.Path, o.Origins))
}

// upgrade is the WebSocket handshake, RFC 6455 section 4.2.
func upgrade(path string, origins []string) step {
	return func(conn net.Conn) (net.Conn, error) {
		request, err := readRequest(conn)
		if err != nil {
			return nil, fmt.Errorf("WebSocket handshake: %w", err)
		}
		handshake := struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(request), conn}
		if _, err := upgrader(path, origins).Upgrade(handshake); err != nil {
			return nil, fmt.Errorf("WebSocket handshake: %w", err)
		}
		return &webSocket{Conn: conn}, nil
	}
}

// maxRequest is how long the HTTP request may be, in bytes.
const maxRequest = 16 << 10

var endOfRequest = []byte("\r\n\r\n")

// readRequest reads the head of the request, behind which a client waits for the
// answer, RFC 6455 section 4.1.
func readRequest(conn net.Conn) ([]byte, error) {
	request := make([]byte, 0, 1<<10)
	for {
		n, err := conn.Read(request[len(request):cap(request)])
		request = request[:len(request)+n]
		end := bytes.Index(request, endOfRequest)
		switch {
		case end >= 0 && end+len(endOfRequest) == len(request):
			return request, nil
		case end >= 0:
			return nil, refuse(conn, http.StatusBadRequest, "bytes behind the request, before the answer to it")
		case err != nil:
			return nil, err
		case len(request) == maxRequest:
			return nil, refuse(conn, http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("a request of more than %d bytes", maxRequest))
		}
		request = slices.Grow(request, min(len(request)+1, maxRequest-len(request)))
		request = request[:len(request):min(cap(request), maxRequest)]
	}
}

func refuse(conn net.Conn, status int, reason string) error {
	fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), len(reason), reason)
	return fmt.Errorf("%d %s: %s", status, http.StatusText(status), reason)
}

// upgrader says what this side wants of the request beyond RFC 6455.
func upgrader(path string, origins []string) ws.Upgrader {
	found := false
	return ws.Upgrader{
		OnRequest: func(uri []byte) error {
			if asked, _, _ := strings.Cut(string(uri), "?"); asked != path {
				return rejection(http.StatusNotFound, "nothing here: MQTT is at "+path)
			}
			return nil
		},
		OnHeader: func(key, value []byte) error {
			if len(origins) > 0 && string(key) == "Origin" && !slices.Contains(origins, string(value)) {
				return rejection(http.StatusForbidden, "this Origin is not allowed")
			}
			return nil
		},
		Protocol: func(offered []byte) bool { // [MQTT-6.0.0-4] [MQTT3-6.0.0-4]
			ok := string(offered) == "mqtt" || string(offered) == "mqttv3.1" // the second by clients of 3.1, which names none
			found = found || ok
			return ok
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			if !found { // [MQTT-6.0.0-3] [MQTT3-6.0.0-3]
				return nil, rejection(http.StatusBadRequest, "expected Sec-WebSocket-Protocol: mqtt")
			}
			return nil, nil
		},
	}
}

func rejection(status int, reason string) error {
	return ws.RejectConnectionError(
		ws.RejectionStatus(status), ws.RejectionReason(reason), ws.RejectionHeader(ws.HandshakeHeaderString("Connection: close\r\n")),
	)
}
