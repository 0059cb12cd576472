package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// The clients speak TLS with the flags of mosquitto_pub, and take any address.
func TestClientsByTLS(t *testing.T) {
	cert, key, _ := certificate(t)
	_, where, _ := serving(
		t, "tls://127.0.0.1:0", "--listen", "wss://127.0.0.1:0/broker", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", cert,
	)
	secure, web, _ := strings.Cut(where, " ")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(secure, "tls://"))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	web = strings.Replace(web, "127.0.0.1", "localhost", 1)
	for _, test := range []struct{ args, want string }{
		{"-p " + port + " --cafile " + cert + " --cert " + cert + " --key " + key, ""},
		{"-L " + web + " --cafile " + cert + " --cert " + cert + " --key " + key, ""},
		{"-L mqtts://127.0.0.1:" + port + " --insecure --cafile " + cert + " --cert " + cert + " --key " + key, ""},
		{"-h 127.0.0.1 -p " + port + " --cafile " + cert + " --cert " + cert + " --key " + key, "because it doesn't contain any IP SANs"},
		{"-p " + port + " --insecure --cert " + cert + " --key " + key, "unknown authority"},
		{"-p " + port, "TLS only with --cafile"},
	} {
		r := run(t, strings.Fields("pub -q 1 -t a -m b "+test.args)...)
		if test.want == "" && r != (result{}) {
			t.Errorf("pub %s: %+v", test.args, r)
		} else if !strings.Contains(r.err, test.want) {
			t.Errorf("pub %s: %+v, want %s", test.args, r, test.want)
		}
	}
}

// Sub goes on when the broker comes back, and says so.
func TestSubOutlivesTheBroker(t *testing.T) {
	socket := t.TempDir() + "/s"
	broker, _, _ := serving(t, "unix://"+socket)
	sub := fletch(t, "sub", "--unix", socket, "-t", "a", "-C", "2")
	out, err := sub.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	words, err := sub.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	said, messages := bufio.NewReader(words), bufio.NewReader(out)
	expect := func(from *bufio.Reader, want string) {
		t.Helper()
		for {
			line, err := from.ReadString('\n')
			if err != nil {
				t.Fatalf("%v where %q should be", err, want)
			}
			if strings.HasPrefix(line, want) {
				return
			}
		}
	}
	publish := func(message string) { // until sub is there
		t.Helper()
		if r := run(t, "pub", "--unix", socket, "-r", "-t", "a", "-m", message); r != (result{}) {
			t.Fatalf("pub: %+v", r)
		}
	}
	publish("before")
	expect(messages, "before")
	broker.Process.Signal(syscall.SIGTERM)
	expect(said, "fletch: connection lost: ")
	broker.Wait()
	os.Remove(socket)
	serving(t, "unix://"+socket)
	expect(said, "fletch: connected to unix://"+socket+" again")
	publish("after")
	expect(messages, "after")
	go io.Copy(io.Discard, said)
	if err := sub.Wait(); err != nil {
		t.Error(err)
	}
}

// Pub is for one connection: who starts it has to know soon.
func TestPubIsCutOff(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		peer := clienttest.New(t, conn, packets.V311)
		peer.Accept(nil)
		peer.Next()
		peer.Close()
	}()
	r := run(t, "pub", "-L", "mqtt://ann:secret@"+l.Addr().String(), "-q", "1", "-t", "a", "-m", "b")
	want := "fletch: mqtt://" + l.Addr().String() + ": connection lost: by the server: EOF\n"
	if r != (result{"", want, 7}) {
		t.Errorf("got %+v, want %s", r, want)
	}
}
