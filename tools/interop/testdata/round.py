"""A round with paho in each version: argument is the port of a broker."""

import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE = 10


class Client:
    def __init__(self, port, version, name, will=None):
        self.queue = queue.Queue()
        self.acks = queue.Queue()
        self.mqtt = mqtt.Client(client_id=name, protocol=version)
        self.mqtt.on_connect = lambda *args: self.acks.put(("connect", args[3]))
        self.mqtt.on_subscribe = lambda *args: self.acks.put(("subscribe", [int(getattr(q, "value", q)) for q in args[3]]))
        self.mqtt.on_unsubscribe = lambda *args: self.acks.put(("unsubscribe", None))
        self.mqtt.on_message = lambda client, data, m: self.queue.put(m)
        if will:
            self.mqtt.will_set(will, b"gone", qos=1)
        self.mqtt.connect("127.0.0.1", port)
        self.mqtt.loop_start()
        kind, code = self.acks.get(timeout=PATIENCE)
        same("connect", (kind, int(getattr(code, "value", code))), ("connect", 0))

    def subscribe(self, topic, qos):
        self.mqtt.subscribe(topic, qos)
        same("subscribe to " + topic, self.acks.get(timeout=PATIENCE), ("subscribe", [qos]))

    def unsubscribe(self, topic):
        self.mqtt.unsubscribe(topic)
        same("unsubscribe", self.acks.get(timeout=PATIENCE)[0], "unsubscribe")

    def publish(self, topic, payload, qos, **more):
        self.mqtt.publish(topic, payload, qos, **more).wait_for_publish(PATIENCE)

    def next(self):
        return self.queue.get(timeout=PATIENCE)

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


def same(what, got, want):
    if got != want:
        sys.exit("%s: got %r, want %r" % (what, got, want))


def exchange(port, version, name):
    sub = Client(port, version, name + "-sub")
    pub = Client(port, version, name + "-pub")
    sub.subscribe("t/#", 2)
    for qos in range(3):
        for n in range(20):
            payload = bytes([qos, n, 0, 255])
            pub.publish("t/%d" % qos, payload, qos)
            m = sub.next()
            same("message", (m.topic, m.payload, m.qos, m.retain), ("t/%d" % qos, payload, qos, False))
    sub.unsubscribe("t/#")
    sub.subscribe("other", 0)
    pub.publish("t/1", b"to nobody", 1)
    pub.publish("other", b"", 1)
    same("after unsubscribe", sub.next().topic, "other")
    sub.close()
    pub.close()


def retained_and_will(port, version, name):
    pub = Client(port, version, name + "-pub")
    pub.publish("kept/" + name, b"old", 1, retain=True)
    sub = Client(port, version, name + "-sub")
    sub.subscribe("kept/" + name, 1)
    m = sub.next()
    same("retained", (m.payload, m.retain), (b"old", True))
    pub.publish("kept/" + name, b"", 1, retain=True)
    same("removed", sub.next().payload, b"")
    sub.subscribe("will/" + name, 1)
    dying = Client(port, version, name + "-dies", will="will/" + name)
    dying.mqtt.socket().shutdown(2)
    same("will", sub.next().payload, b"gone")
    dying.close()
    sub.close()
    pub.close()


def properties(port):
    sub = Client(port, mqtt.MQTTv5, "p-sub")
    pub = Client(port, mqtt.MQTTv5, "p-pub")
    sub.subscribe("p", 1)
    p = Properties(PacketTypes.PUBLISH)
    p.ContentType = "text/plain"
    p.ResponseTopic = "r"
    p.CorrelationData = b"\x00\x01"
    p.UserProperty = [("k", "v"), ("k", "w")]
    p.PayloadFormatIndicator = 1
    pub.publish("p", b"hi", 1, properties=p)
    got = sub.next().properties
    for field in ("ContentType", "ResponseTopic", "CorrelationData", "UserProperty", "PayloadFormatIndicator"):
        same(field, getattr(got, field), getattr(p, field))
    sub.close()
    pub.close()


def main():
    port = int(sys.argv[1])
    for name, version in (("v31", mqtt.MQTTv31), ("v311", mqtt.MQTTv311), ("v5", mqtt.MQTTv5)):
        exchange(port, version, name)
        retained_and_will(port, version, name)
    properties(port)


main()
