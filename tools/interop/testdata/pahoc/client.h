// A client of libpaho-mqtt for tests: what fails ends the program. There is but one
// thread, which is the library's as long as it waits: with one of its own, 1.3
// crashes now and then where connections come and go.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <MQTTClient.h>

enum { PATIENCE = 10 }; // s

// The library looks every so often whether to send PINGREQ: at intervals of a tenth
// of what the last connection has asked for, and not below a second, which is too
// late for a keep alive of 1 or 2 s.
enum { KEEP_ALIVE = 3 }; // s

static const char *program, *url, *authority;
static int version; // of MQTT

static void check(int ok, const char *format, ...)
{
	if (ok)
		return;
	va_list args;
	va_start(args, format);
	fprintf(stderr, "version %d: ", version);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

static const char *name(const char *what)
{
	static char names[8][64];
	static int next;
	char *s = names[next++ % 8];
	snprintf(s, sizeof names[0], "%s/%d", what, version);
	return s;
}

static void number(MQTTProperties *all, enum MQTTPropertyCodes code, unsigned value)
{
	MQTTProperty p = {.identifier = code, .value.integer4 = value};
	if (code == MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR)
		p.value.byte = value;
	if (code == MQTTPROPERTY_CODE_TOPIC_ALIAS)
		p.value.integer2 = value;
	check(MQTTProperties_add(all, &p) == 0, "property %d", code);
}

static MQTTLenString text(const char *s)
{
	return (MQTTLenString){strlen(s), (char *)s};
}

struct options {
	const char *will; // topic, or NULL
	int stays;        // has a session that does
};

struct client {
	MQTTClient handle;
	MQTTClient_deliveryToken last; // of a PUBLISH at QoS 1 or 2, or 0
};

static struct client *dial(const char *id, struct options options)
{
	struct client *c = calloc(1, sizeof *c);
	MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
	create.MQTTVersion = version;
	int rc = MQTTClient_createWithOptions(&c->handle, url, name(id), MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
	check(rc == 0, "create: %s", MQTTClient_strerror(rc));

	MQTTClient_connectOptions before = MQTTClient_connectOptions_initializer, since = MQTTClient_connectOptions_initializer5;
	MQTTClient_connectOptions o = version < MQTTVERSION_5 ? before : since;
	MQTTClient_SSLOptions ssl = MQTTClient_SSLOptions_initializer;
	MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
	o.MQTTVersion = version;
	o.keepAliveInterval = KEEP_ALIVE;
	if (strncmp(url, "ssl:", 4) == 0 || strncmp(url, "wss:", 4) == 0) {
		ssl.trustStore = authority;
		o.ssl = &ssl;
	}
	if (options.will) {
		will.topicName = options.will;
		will.message = "gone";
		will.qos = 1;
		o.will = &will;
	}
	if (version < MQTTVERSION_5) {
		o.cleansession = !options.stays;
		rc = MQTTClient_connect(c->handle, &o);
	} else {
		o.cleanstart = !options.stays;
		MQTTProperties all = MQTTProperties_initializer;
		number(&all, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, options.stays ? 100 : 0);
		MQTTResponse answer = MQTTClient_connect5(c->handle, &o, &all, NULL);
		rc = answer.reasonCode;
		MQTTResponse_free(answer);
		MQTTProperties_free(&all);
	}
	check(rc == 0, "connect %s: %d, %s", id, rc, MQTTClient_strerror(rc));
	return c;
}

// settle waits until what was published is acknowledged. The library looks for that
// ten times a second.
static void settle(struct client *c)
{
	if (c->last)
		check(MQTTClient_waitForCompletion(c->handle, c->last, PATIENCE * 1000) == 0, "no end of a publish");
	c->last = 0;
}

// quiet lets the library work for a while in which c gets no message.
static void quiet(struct client *c, long ms)
{
	char *topic = NULL;
	int len;
	MQTTClient_message *m = NULL;
	MQTTClient_receive(c->handle, &topic, &len, &m, ms);
	check(m == NULL, "a message for %s", topic);
}

static void leave(struct client *c)
{
	settle(c);
	int rc = version < MQTTVERSION_5 ? MQTTClient_disconnect(c->handle, 0) : MQTTClient_disconnect5(c->handle, 0, MQTTREASONCODE_SUCCESS, NULL);
	check(rc == 0, "disconnect: %d", rc);
	MQTTClient_destroy(&c->handle);
	free(c);
}

static void subscribe(struct client *c, const char *filter, int qos)
{
	if (version < MQTTVERSION_5) {
		int rc = MQTTClient_subscribe(c->handle, filter, qos);
		check(rc == 0, "subscribe to %s: %d", filter, rc);
		return;
	}
	MQTTResponse answer = MQTTClient_subscribe5(c->handle, filter, qos, NULL, NULL);
	check((int)answer.reasonCode == qos, "subscribe to %s: %d", filter, answer.reasonCode);
	MQTTResponse_free(answer);
}

static void unsubscribe(struct client *c, const char *filter)
{
	if (version < MQTTVERSION_5) {
		check(MQTTClient_unsubscribe(c->handle, filter) == 0, "unsubscribe from %s", filter);
		return;
	}
	MQTTResponse answer = MQTTClient_unsubscribe5(c->handle, filter, NULL);
	check(answer.reasonCode == 0, "unsubscribe from %s: %d", filter, answer.reasonCode);
	MQTTResponse_free(answer);
}

static void publish_bytes(struct client *c, const char *topic, const void *payload, int len, int qos, int retained, MQTTProperties *all)
{
	MQTTClient_message m = MQTTClient_message_initializer;
	MQTTClient_deliveryToken token;
	int rc;
	m.payload = (void *)payload;
	m.payloadlen = len;
	m.qos = qos;
	m.retained = retained;
	if (all)
		m.properties = *all;
	if (version < MQTTVERSION_5) {
		rc = MQTTClient_publishMessage(c->handle, topic, &m, &token);
	} else {
		MQTTResponse answer = MQTTClient_publishMessage5(c->handle, topic, &m, &token);
		rc = answer.reasonCode;
		MQTTResponse_free(answer);
	}
	check(rc == 0, "publish to %s: %d", topic, rc);
	if (qos > 0)
		c->last = token;
}

static void publish(struct client *c, const char *topic, const char *payload, int qos, int retained)
{
	publish_bytes(c, topic, payload, strlen(payload), qos, retained, NULL);
}

// next is a message, for MQTTClient_freeMessage. Its topic has to be the one given.
static MQTTClient_message *next(struct client *c, const char *topic)
{
	char *got = NULL;
	int len;
	MQTTClient_message *m = NULL;
	int rc = MQTTClient_receive(c->handle, &got, &len, &m, PATIENCE * 1000);
	check(m != NULL, "no message for %s: %d", topic, rc);
	check(strcmp(got, topic) == 0, "a message for %s, not %s", got, topic);
	MQTTClient_free(got);
	return m;
}

static void want_bytes(struct client *c, const char *topic, const void *payload, int len, int qos, int retained)
{
	MQTTClient_message *m = next(c, topic);
	check(m->qos == qos && m->retained == retained, "%s: QoS %d, RETAIN %d, not %d, %d", topic, m->qos, m->retained, qos, retained);
	check(m->payloadlen == len && memcmp(m->payload, payload, len) == 0, "%s: payload of %d bytes, not the %d", topic, m->payloadlen, len);
	MQTTClient_freeMessage(&m);
}

static void want(struct client *c, const char *topic, const char *payload, int qos, int retained)
{
	want_bytes(c, topic, payload, strlen(payload), qos, retained);
}
