"""A round with paho in each version: argument is the URL of a broker, and where
that is of TLS the file of who signed its certificate."""

import queue
import sys
import time
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PATIENCE = 10
KEEP_ALIVE = 4
IDLE = 7  # seconds, longer than one and a half times that
URL = urlsplit(sys.argv[1])
VERSIONS = (("v31", mqtt.MQTTv31), ("v311", mqtt.MQTTv311), ("v5", mqtt.MQTTv5))


class Client:
    def __init__(self, version, name, will=None, stays=False, keepalive=60):
        self.queue = queue.Queue()
        self.acks = queue.Queue()
        self.ends = queue.Queue()
        self.five = version == mqtt.MQTTv5
        clean = {} if self.five else {"clean_session": not stays}
        transport = "websockets" if URL.scheme.startswith("ws") else "tcp"
        self.mqtt = mqtt.Client(client_id=name, protocol=version, transport=transport, **clean)
        if URL.scheme in ("mqtts", "wss"):
            self.mqtt.tls_set(ca_certs=sys.argv[2])
        self.mqtt.on_connect = lambda *args: self.acks.put(("connect", args[3], args[2]["session present"]))
        self.mqtt.on_subscribe = lambda *args: self.acks.put(("subscribe", [int(getattr(q, "value", q)) for q in args[3]]))
        self.mqtt.on_unsubscribe = lambda *args: self.acks.put(("unsubscribe", None))
        self.mqtt.on_message = lambda client, data, m: self.queue.put(m)
        self.mqtt.on_disconnect = self.ended
        if will:
            self.mqtt.will_set(will, b"gone", qos=1)
        five = {}
        if self.five:
            p = Properties(PacketTypes.CONNECT)
            p.SessionExpiryInterval = 100 if stays else 0
            five = {"clean_start": not stays, "properties": p}
        self.mqtt.connect(URL.hostname, URL.port, keepalive, **five)
        self.mqtt.loop_start()
        kind, code, self.present = self.acks.get(timeout=PATIENCE)
        same("connect", (kind, int(getattr(code, "value", code))), ("connect", 0))

    def ended(self, client, data, reason, properties=None):
        self.ends.put(reason)
        client.disconnect()  # or it would connect again

    def subscribe(self, topic, qos, **more):
        self.mqtt.subscribe(topic, qos, **more)
        same("subscribe to " + topic, self.acks.get(timeout=PATIENCE), ("subscribe", [qos]))

    def unsubscribe(self, topic):
        self.mqtt.unsubscribe(topic)
        same("unsubscribe", self.acks.get(timeout=PATIENCE)[0], "unsubscribe")

    def publish(self, topic, payload, qos, **more):
        message = self.mqtt.publish(topic, payload, qos, **more)
        message.wait_for_publish(PATIENCE)
        same("published", message.is_published(), True)

    def next(self):
        return self.queue.get(timeout=PATIENCE)

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


def same(what, got, want):
    if got != want:
        sys.exit("%s: got %r, want %r" % (what, got, want))


def exchange(version, name):
    sub = Client(version, name + "-sub")
    pub = Client(version, name + "-pub")
    sub.subscribe("t/#", 2)
    for qos in range(3):
        payloads = [bytes([qos, n, 0, 255]) for n in range(20)] + [bytes([qos]) * 300_000]
        for payload in payloads:
            pub.publish("t/%d" % qos, payload, qos)
            m = sub.next()
            same("topic, QoS and RETAIN", (m.topic, m.qos, m.retain), ("t/%d" % qos, qos, False))
            same("payload is as it was", m.payload == payload, True)
    sub.unsubscribe("t/#")
    sub.subscribe("other", 0)
    pub.publish("t/1", b"to nobody", 1)
    pub.publish("other", b"", 1)
    same("after unsubscribe", sub.next().topic, "other")
    sub.close()
    pub.close()


def retained_and_will(version, name):
    pub = Client(version, name + "-pub")
    pub.publish("kept/" + name, b"old", 1, retain=True)
    sub = Client(version, name + "-sub")
    sub.subscribe("kept/" + name, 1)
    m = sub.next()
    same("retained", (m.payload, m.retain), (b"old", True))
    pub.publish("kept/" + name, b"", 1, retain=True)
    same("removed", sub.next().payload, b"")
    sub.subscribe("will/" + name, 1)
    dying = Client(version, name + "-dies", will="will/" + name)
    sock = dying.mqtt.socket()
    getattr(sock, "_socket", sock).shutdown(2)  # paho wraps that of a WebSocket
    same("will", sub.next().payload, b"gone")
    dying.close()
    sub.close()
    pub.close()


def session(version, name):
    sub = Client(version, name + "-stays", stays=True)
    same("no session", sub.present, 0)
    sub.subscribe("s/" + name, 1)
    sub.close()
    pub = Client(version, name + "-pub")
    for n in range(50):
        pub.publish("s/" + name, b"%d" % n, 1 + n % 2)
    sub = Client(version, name + "-stays", stays=True)
    if version != mqtt.MQTTv31:
        same("session", sub.present, 1)
    same("queued", [sub.next().payload for n in range(50)], [b"%d" % n for n in range(50)])
    pub.publish("s/" + name, b"live", 2)
    same("still subscribed", sub.next().payload, b"live")
    pub.close()
    sub.close()
    Client(version, name + "-stays").close()


def takeover(version, name):
    first = Client(version, name + "-one")
    first.subscribe("x", 0)
    second = Client(version, name + "-one")
    first.ends.get(timeout=PATIENCE)  # paho 1.6 reads no reason where no properties follow
    second.subscribe("x", 0)
    second.publish("x", b"mine", 0)
    same("taken over", second.next().payload, b"mine")
    first.close()
    second.close()


def shared(version, name):
    members = [Client(version, name + "-member-%d" % n) for n in range(2)]
    for m in members:
        m.subscribe("$share/group/shared", 1)
    pub = Client(version, name + "-pub")
    for n in range(20):
        pub.publish("shared", b"%d" % n, 1)
    for m in members:
        m.subscribe("end", 1)
    pub.publish("end", b"end", 1)
    got = [list(iter(lambda: m.next().payload, b"end")) for m in members]
    same("each once", sorted(got[0] + got[1], key=int), [b"%d" % n for n in range(20)])
    same("both work", bool(got[0] and got[1]), True)
    for c in members + [pub]:
        c.close()


def properties():
    sub = Client(mqtt.MQTTv5, "p-sub")
    pub = Client(mqtt.MQTTv5, "p-pub")
    sub.subscribe("p", 1)
    p = Properties(PacketTypes.PUBLISH)
    p.ContentType = "text/plain"
    p.ResponseTopic = "r"
    p.CorrelationData = b"\x00\x01"
    p.UserProperty = [("k", "v"), ("k", "w")]
    p.PayloadFormatIndicator = 1
    p.MessageExpiryInterval = 1000
    p.TopicAlias = 1
    pub.publish("p", b"hi", 1, properties=p)
    got = sub.next().properties
    for field in ("ContentType", "ResponseTopic", "CorrelationData", "UserProperty", "PayloadFormatIndicator"):
        same(field, getattr(got, field), getattr(p, field))
    same("expiry", 990 < got.MessageExpiryInterval <= 1000, True)
    pub.publish("", b"by alias", 1, properties=p)
    same("alias", sub.next().topic, "p")
    sub.close()
    pub.close()


def subscription_options():
    sub = Client(mqtt.MQTTv5, "o-sub")
    sub.publish("o/kept", b"kept", 1, retain=True)
    identified = Properties(PacketTypes.SUBSCRIBE)
    identified.SubscriptionIdentifier = 7
    options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
    sub.mqtt.subscribe("o/#", options=options, properties=identified)
    same("subscribe", sub.acks.get(timeout=PATIENCE), ("subscribe", [1]))
    sub.publish("o/own", b"own", 1)
    pub = Client(mqtt.MQTTv5, "o-pub")
    pub.publish("o/kept", b"", 1, retain=True)
    m = sub.next()
    same("not own, not retained, but this", (m.payload, m.retain, m.properties.SubscriptionIdentifier), (b"", True, [7]))
    sub.close()
    pub.close()


class Idle:
    """Does nothing for longer than the keep alive, beside the other tests."""

    def __init__(self, version, name):
        self.name = name
        self.client = Client(version, name + "-idle", keepalive=KEEP_ALIVE)
        self.client.subscribe("idle/" + name, 1)
        self.until = time.monotonic() + IDLE
        pub = Client(version, name + "-pub")
        if self.client.five:
            stays = Client(version, name + "-away", stays=True)
            stays.subscribe("away", 1)
            stays.close()
            p = Properties(PacketTypes.PUBLISH)
            p.MessageExpiryInterval = 1
            pub.publish("away", b"expires", 1, properties=p)
            pub.publish("away", b"does not", 1)
        pub.close()

    def check(self, version):
        time.sleep(max(0, self.until - time.monotonic()))
        same("ends of an idle connection", self.client.ends.qsize(), 0)
        self.client.publish("idle/" + self.name, b"awake", 1)
        same("idle", self.client.next().payload, b"awake")
        self.client.close()
        if self.client.five:
            stays = Client(version, self.name + "-away", stays=True)
            m = stays.next()
            while m.dup:  # it came before the end of the connection, and so does not expire
                m = stays.next()
            same("not expired", m.payload, b"does not")
            stays.close()


def main():
    idle = [(version, Idle(version, name)) for name, version in VERSIONS]
    for name, version in VERSIONS:
        exchange(version, name)
        retained_and_will(version, name)
        session(version, name)
        takeover(version, name)
        shared(version, name)
    properties()
    subscription_options()
    for version, i in idle:
        i.check(version)


main()
