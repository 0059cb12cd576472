package client_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// outcome is what Request returns.
type outcome struct {
	response *client.Message
	err      error
}

func request(ctx context.Context, c *client.Client, m client.Message) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		response, err := c.Request(ctx, m)
		done <- outcome{response, err}
	}()
	return done
}

// requester is a client of 5.0 whose first request is published.
func requester(t *testing.T, cfg client.Config) (*client.Client, *clienttest.Peer, <-chan outcome) {
	t.Helper()
	cfg.Version, cfg.ClientID = packets.V5, "x"
	c, peer := connect(t, cfg, nil)
	done := request(t.Context(), c, client.Message{Topic: "add", Payload: []byte("1+1")})
	peer.Expect("SUBSCRIBE packet-id=1 subscription-identifier=1 filter=fletch/reply/x qos=2 retain-handling=2")
	peer.Send(&packets.Suback{PacketID: 1, Reasons: []packets.ReasonCode{packets.GrantedQoS2}})
	return c, peer, done
}

// answer responds to the next PUBLISH that peer gets.
func answer(t *testing.T, peer *clienttest.Peer, payload string) *packets.Publish {
	t.Helper()
	asked, ok := peer.Next().(*packets.Publish)
	if !ok {
		t.Fatal("want a PUBLISH")
	}
	p := response(t, asked, payload)
	peer.Send(p)
	return p
}

func response(t *testing.T, asked *packets.Publish, payload string) *packets.Publish {
	t.Helper()
	topic, _ := asked.Props.ResponseTopic()
	correlation, ok := asked.Props.CorrelationData()
	if !ok {
		t.Fatal("a request without Correlation Data")
	}
	p := message(0, 0, string(topic), payload)
	p.Props.SetCorrelationData([]byte(string(correlation)))
	return p
}

func wantResponse(t *testing.T, got outcome, payload string) {
	t.Helper()
	if got.err != nil {
		t.Fatal(got.err)
	}
	want(t, "response", string(got.response.Payload), payload)
}

func TestRequest(t *testing.T) {
	c, peer, done := requester(t, client.Config{})
	answer(t, peer, "2")
	wantResponse(t, <-done, "2")

	done = request(t.Context(), c, client.Message{Topic: "add"}) // subscribes no second time
	answer(t, peer, "3")
	wantResponse(t, <-done, "3")
	want(t, "unasked", c.Stats().Unasked, uint64(0))
}

// Responses come in any order, twice, late, and from anyone.
func TestResponsesFindTheirRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer, first := requester(t, client.Config{})
		one := response(t, peer.Next().(*packets.Publish), "one")
		second := request(t.Context(), c, client.Message{Topic: "add"})
		two := response(t, peer.Next().(*packets.Publish), "two")
		ctx, cancel := context.WithCancel(t.Context())
		third := request(ctx, c, client.Message{Topic: "add"})
		three := response(t, peer.Next().(*packets.Publish), "three")
		synctest.Wait()
		cancel()
		got := <-third
		wantError(t, got.err, client.ErrUnknown, context.Canceled)

		foreign := message(0, 0, "fletch/reply/x", "without Correlation Data")
		strange := message(0, 0, "fletch/reply/x", "with that of another")
		strange.Props.SetCorrelationData(make([]byte, 16))
		peer.Send(foreign, strange, two, two, three, one)
		wantResponse(t, <-first, "one")
		wantResponse(t, <-second, "two")
		want(t, "unasked", c.Stats().Unasked, uint64(4))
	})
}

// A request goes on with the next connection, where the subscription is asked for
// again if the session is lost.
func TestRequestAcrossConnections(t *testing.T) {
	for _, present := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c, peers := reconnecting(t, client.Config{Version: packets.V5})
			peer := <-peers
			peer.Accept(nil)
			done := request(t.Context(), c, client.Message{Topic: "add", QoS: 1})
			granted(peer, packets.GrantedQoS2)
			answered := request(t.Context(), c, client.Message{Topic: "add"})
			var asked *packets.Publish
			for range 2 { // one of them is acknowledged, and not answered
				p := peer.Next().(*packets.Publish)
				if p.QoS == 1 {
					asked = response(t, p, "1")
					peer.Send(&packets.Puback{PacketID: p.PacketID})
				} else {
					peer.Send(response(t, p, "0"))
				}
			}
			wantResponse(t, <-answered, "0")
			again := request(t.Context(), c, client.Message{Topic: "add", QoS: 1})
			peer.Next()
			peer.Close()

			peer = <-peers
			peer.Accept(&packets.Connack{SessionPresent: present})
			if !present {
				granted(peer, packets.GrantedQoS2)
			}
			p := peer.Next().(*packets.Publish)
			peer.Send(&packets.Puback{PacketID: p.PacketID}, response(t, p, "2"), asked)
			wantResponse(t, <-again, "2")
			wantResponse(t, <-done, "1")
			go peer.Ignore()
			c.Close()
		})
	}
}

// A server may say no to the subscription, and the next request asks again.
func TestRequestWithoutSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5, ClientID: "a/+#%", ResponsePrefix: "mine/"}, nil)
		first := request(t.Context(), c, client.Message{Topic: "add"})
		synctest.Wait()
		second := request(t.Context(), c, client.Message{Topic: "add"})
		ctx, cancel := context.WithCancel(t.Context())
		third := request(ctx, c, client.Message{Topic: "add"})
		peer.Expect("SUBSCRIBE packet-id=1 subscription-identifier=1 filter=\"mine/a%2F%2B%23%25\" qos=2 retain-handling=2")
		synctest.Wait()
		cancel()
		got := <-third
		wantError(t, got.err, client.ErrNotSent, context.Canceled)
		peer.Send(&packets.Suback{PacketID: 1, Reasons: []packets.ReasonCode{packets.NotAuthorized}})
		got = <-first
		wantRefused(t, got.err, packets.TypeSuback, packets.NotAuthorized)
		granted(peer, packets.GrantedQoS2)
		answer(t, peer, "2")
		wantResponse(t, <-second, "2")
	})
}

func TestResponseInformation(t *testing.T) {
	ack := new(packets.Connack)
	ack.Props.SetResponseInformation([]byte("from/server"))
	cfg := client.Config{Version: packets.V5, ClientID: "x"}
	cfg.Props.SetRequestResponseInformation(true)
	c, peer := connect(t, cfg, ack)
	done := request(t.Context(), c, client.Message{Topic: "add"})
	granted(peer, packets.GrantedQoS2)
	want(t, "topic", string(answer(t, peer, "2").Topic), "from/server/x")
	wantResponse(t, <-done, "2")
}

func TestRequestThatCannotBe(t *testing.T) {
	for _, v := range []packets.Version{packets.V31, packets.V311} {
		c, _ := connect(t, client.Config{Version: v}, nil)
		_, err := c.Request(t.Context(), client.Message{Topic: "a"})
		wantError(t, err, client.ErrInvalid)
		if !strings.Contains(err.Error(), "5.0") {
			t.Errorf("%v: does not say that it needs 5.0", err)
		}
		wantError(t, c.Reply(t.Context(), &client.Message{Topic: "a"}, client.Message{}), client.ErrInvalid)
	}
	c, peer, done := requester(t, client.Config{})
	answer(t, peer, "2")
	<-done
	m := client.Message{Topic: "a"}
	m.Props.SetResponseTopic([]byte("b"))
	_, err := c.Request(t.Context(), m)
	wantError(t, err, client.ErrInvalid)
	wantError(t, c.Reply(t.Context(), &m, client.Message{Topic: "c"}), client.ErrInvalid)
	wantError(t, c.Reply(t.Context(), &client.Message{Topic: "a"}, client.Message{}), client.ErrInvalid)
	_, err = c.Request(t.Context(), client.Message{Topic: "a/+"})
	wantError(t, err, client.ErrInvalid)
	_, err = client.New(t.Context(), new(net.TCPConn), client.Config{ResponsePrefix: "a/#"})
	wantError(t, err, client.ErrInvalid)
}

func TestRequestWhenTheServerGoes(t *testing.T) {
	c, peer, done := requester(t, client.Config{})
	peer.Next()
	peer.Close()
	got := <-done
	wantError(t, got.err, client.ErrUnknown, client.ErrClosed)
	_, err := c.Request(t.Context(), client.Message{Topic: "add"})
	wantError(t, err, client.ErrNotSent, client.ErrClosed)
}

// inBroker is a client of a broker in the same program, over a pipe.
func inBroker(t *testing.T, b *broker.Broker, cfg client.Config) *client.Client {
	t.Helper()
	conn, err := b.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(t.Context(), conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Handlers that reply by asking others, who ask others: at each QoS, many at once.
func TestRequestsInHandlers(t *testing.T) {
	b, stop := start(broker.Config{})
	t.Cleanup(stop)
	c := inBroker(t, b, client.Config{Version: packets.V5})
	const depth, callers = 4, 20
	for level := range depth {
		err := c.Subscribe(t.Context(), fmt.Sprint("level/", level), 2, func(m *client.Message) error {
			reply := client.Message{Payload: m.Payload}
			if level+1 < depth {
				below, err := c.Request(t.Context(), client.Message{Topic: fmt.Sprint("level/", level+1), Payload: m.Payload, QoS: m.QoS})
				if err != nil {
					return err
				}
				reply.Payload = append(below.Payload, byte('0'+level))
			}
			return c.Reply(t.Context(), m, reply)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var all []<-chan outcome
	for i := range callers {
		m := client.Message{Topic: "level/0", Payload: []byte(fmt.Sprint(i, ":")), QoS: packets.QoS(i % 3)}
		all = append(all, request(t.Context(), c, m))
	}
	for i, done := range all {
		wantResponse(t, <-done, fmt.Sprint(i, ":210"))
	}
}

// A handler that waits for its response is not held up by what has come behind its own
// message, though that is enough to hold back the transport.
func TestResponseBehindAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5, ClientID: "x"}, nil)
		got := make(chan outcome, 1)
		first := true
		subscribe(t, c, peer, "flood", calls(func() {
			if first {
				first = false
				got <- <-request(t.Context(), c, client.Message{Topic: "add"})
			}
		}))
		peer.Send(message(0, 0, "flood", ""))
		granted(peer, packets.GrantedQoS2)
		p := response(t, peer.Next().(*packets.Publish), "2")
		for range 5 {
			peer.Send(message(0, 0, "flood", string(make([]byte, 300<<10))))
		}
		time.Sleep(time.Second)
		peer.Send(p)
		wantResponse(t, <-got, "2")
	})
}
