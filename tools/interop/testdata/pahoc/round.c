// A round with libpaho-mqtt: arguments are the URL of a broker, the file of who
// signed its certificate, and the version of MQTT as MQTTClient.h has it. With
// another behind them it is a client with a will that dies.

#include "client.h"

enum { IDLE = 5000 }; // ms, longer than one and a half times KEEP_ALIVE

enum { LARGE = 300000, QUEUED = 8 }; // bytes, messages, of which 10 may be in flight

// Over WebSocket the library has one buffer for all connections of a process, and
// mixes what they get while a frame comes in several pieces, as TLS makes of one
// that is not this small.
enum { LARGE_IN_FRAME = 1000 };

static long now(void) // ms
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void exchange(void)
{
	static char large[LARGE];
	int size = strncmp(url, "ws", 2) == 0 ? LARGE_IN_FRAME : LARGE;
	struct client *sub = dial("sub", (struct options){0}), *pub = dial("pub", (struct options){0});
	subscribe(sub, "t/+", 2);
	for (int qos = 0; qos <= 2; qos++) {
		for (char n = 0; n < 20; n++) {
			char payload[] = {qos, n, 0, (char)255};
			publish_bytes(pub, "t/1", payload, sizeof payload, qos, 0, NULL);
			want_bytes(sub, "t/1", payload, sizeof payload, qos, 0);
		}
		memset(large, 'a' + qos, size);
		publish_bytes(pub, "t/large", large, size, qos, 0, NULL);
		want_bytes(sub, "t/large", large, size, qos, 0);
	}
	unsubscribe(sub, "t/+");
	subscribe(sub, "other", 0);
	publish(pub, "t/1", "to nobody", 1, 0);
	publish(pub, "other", "", 1, 0);
	want(sub, "other", "", 0, 0);
	leave(sub);
	leave(pub);
}

static void retained_and_will(void)
{
	const char *kept = name("kept"), *will = name("will");
	struct client *c = dial("c", (struct options){0});
	publish(c, kept, "old", 1, 1);
	subscribe(c, kept, 1);
	want(c, kept, "old", 1, 1);
	publish(c, kept, "", 1, 1);
	want(c, kept, "", 1, 0);
	subscribe(c, will, 1);
	char command[1024];
	snprintf(command, sizeof command, "'%s' '%s' '%s' %d dies", program, url, authority, version);
	check(system(command) == 0, "%s", command);
	want(c, will, "gone", 1, 0);
	leave(c);
}

static void session(void)
{
	const char *topic = name("session");
	char payload[8];
	struct options staying = {.stays = 1};
	struct client *stays = dial("stays", staying);
	subscribe(stays, topic, 1);
	leave(stays);
	struct client *pub = dial("pub", (struct options){0});
	for (int n = 0; n < QUEUED; n++) {
		snprintf(payload, sizeof payload, "%d", n);
		publish(pub, topic, payload, 1 + n % 2, 0);
	}
	settle(pub);
	stays = dial("stays", staying);
	for (int n = 0; n < QUEUED; n++) {
		snprintf(payload, sizeof payload, "%d", n);
		want(stays, topic, payload, 1, 0);
	}
	publish(pub, topic, "live", 2, 0);
	want(stays, topic, "live", 1, 0);
	leave(pub);
	leave(stays);
	leave(dial("stays", (struct options){0}));
}

static void takeover(void)
{
	struct client *first = dial("one", (struct options){0});
	subscribe(first, "x", 0);
	struct client *second = dial("one", (struct options){0});
	for (long until = now() + PATIENCE * 1000; MQTTClient_isConnected(first->handle); quiet(first, 100))
		check(now() < until, "the first is still connected");
	subscribe(second, "x", 0);
	publish(second, "x", "mine", 0, 0);
	want(second, "x", "mine", 0, 0);
	MQTTClient_destroy(&first->handle);
	free(first);
	leave(second);
}

// take counts the messages of a member until the last one.
static int take(struct client *member, int *seen)
{
	for (int n = 0;; n++) {
		MQTTClient_message *m = next(member, "shared");
		char *payload = m->payload;
		int index = payload[0] - 'a', last = m->payloadlen == 0;
		MQTTClient_freeMessage(&m);
		if (last)
			return n;
		seen[index]++;
	}
}

static void shared(void)
{
	enum { SENT = 8 };
	int seen[SENT] = {0};
	struct client *members[] = {dial("member-0", (struct options){0}), dial("member-1", (struct options){0})};
	struct client *pub = dial("pub", (struct options){0});
	for (int i = 0; i < 2; i++)
		subscribe(members[i], "$share/group/shared", 1);
	for (int n = 0; n < SENT; n++)
		publish(pub, "shared", (char[]){'a' + n, 0}, 1, 0);
	settle(pub);
	for (int i = 0; i < 2; i++) {
		unsubscribe(members[i], "$share/group/shared");
		subscribe(members[i], "shared", 1);
	}
	publish(pub, "shared", "", 1, 0);
	for (int i = 0; i < 2; i++) {
		check(take(members[i], seen) > 0, "member %d gets nothing", i);
		leave(members[i]);
	}
	for (int n = 0; n < SENT; n++)
		check(seen[n] == 1, "message %d comes %d times", n, seen[n]);
	leave(pub);
}

static void properties(void)
{
	static const enum MQTTPropertyCodes texts[] = {MQTTPROPERTY_CODE_CONTENT_TYPE, MQTTPROPERTY_CODE_RESPONSE_TOPIC, MQTTPROPERTY_CODE_CORRELATION_DATA};
	struct client *sub = dial("sub", (struct options){0}), *pub = dial("pub", (struct options){0});
	MQTTSubscribe_options options = MQTTSubscribe_options_initializer;
	options.noLocal = 1;
	options.retainAsPublished = 1;
	options.retainHandling = 2;
	MQTTProperties identified = MQTTProperties_initializer, all = MQTTProperties_initializer;
	number(&identified, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, 7);
	publish(pub, "p", "old", 1, 1);
	settle(pub);
	MQTTResponse answer = MQTTClient_subscribe5(sub->handle, "p", 2, &options, &identified);
	check(answer.reasonCode == 2, "subscribe: %d", answer.reasonCode);
	MQTTResponse_free(answer);
	publish(sub, "p", "own", 1, 0);

	number(&all, MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, 1);
	number(&all, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, 1000);
	number(&all, MQTTPROPERTY_CODE_TOPIC_ALIAS, 1);
	for (int i = 0; i < 3; i++) {
		MQTTProperty p = {.identifier = texts[i], .value.data = text("some/text")};
		MQTTProperties_add(&all, &p);
	}
	MQTTProperty user = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY, .value.data = text("key"), .value.value = text("value")};
	MQTTProperties_add(&all, &user);
	MQTTProperties_add(&all, &user);
	publish_bytes(pub, "p", "new", 3, 2, 1, &all);

	MQTTClient_message *m = next(sub, "p"); // not its own, not what was retained
	check(m->payloadlen == 3 && memcmp(m->payload, "new", 3) == 0 && m->retained, "%.*s, RETAIN %d", m->payloadlen, (char *)m->payload, m->retained);
	for (int i = 0; i < 3; i++) {
		MQTTProperty *p = MQTTProperties_getProperty(&m->properties, texts[i]);
		check(p && p->value.data.len == 9 && memcmp(p->value.data.data, "some/text", 9) == 0, "property %d", texts[i]);
	}
	check(MQTTProperties_propertyCount(&m->properties, MQTTPROPERTY_CODE_USER_PROPERTY) == 2, "user properties");
	check(MQTTProperties_getNumericValue(&m->properties, MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR) == 1, "payload format");
	check(MQTTProperties_getNumericValue(&m->properties, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER) == 7, "subscription identifier");
	int expiry = MQTTProperties_getNumericValue(&m->properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL);
	check(expiry > 990 && expiry <= 1000, "message expiry %d", expiry);
	MQTTClient_freeMessage(&m);
	publish_bytes(pub, "", "by alias", 8, 1, 1, &all);
	want(sub, "p", "by alias", 1, 1);
	publish(pub, "p", "", 1, 1);
	MQTTProperties_free(&identified);
	MQTTProperties_free(&all);
	leave(sub);
	leave(pub);
}

// away has a message wait that expires, and one that does not.
static void away(void)
{
	struct client *stays = dial("away", (struct options){.stays = 1}), *pub = dial("pub", (struct options){0});
	MQTTProperties all = MQTTProperties_initializer;
	subscribe(stays, "away", 1);
	leave(stays);
	number(&all, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, 1);
	publish_bytes(pub, "away", "expires", 7, 1, 0, &all);
	publish(pub, "away", "does not", 1, 0);
	MQTTProperties_free(&all);
	leave(pub);
}

static void back(void)
{
	struct client *stays = dial("away", (struct options){.stays = 1});
	MQTTClient_message *m = next(stays, "away");
	while (m->dup) { // it came before the end of the connection, and so does not expire
		MQTTClient_freeMessage(&m);
		m = next(stays, "away");
	}
	check(m->payloadlen == 8, "what was to expire");
	MQTTClient_freeMessage(&m);
	leave(stays);
}

int main(int argc, char **argv)
{
	check(argc >= 4, "expected URL, file and version");
	program = argv[0], url = argv[1], authority = argv[2], version = atoi(argv[3]);
	if (argc > 4) {
		dial("dies", (struct options){.will = name("will")});
		_exit(0);
	}
	struct client *idle = dial("idle", (struct options){0});
	subscribe(idle, "idle", 1);
	long until = now() + IDLE;
	if (version == MQTTVERSION_5)
		away();
	exchange();
	retained_and_will();
	session();
	takeover();
	shared();
	if (version == MQTTVERSION_5)
		properties();

	long left = until - now();
	if (left > 0)
		quiet(idle, left);
	if (version == MQTTVERSION_5)
		back();
	check(MQTTClient_isConnected(idle->handle), "an idle connection has ended");
	publish(idle, "idle", "awake", 1, 0);
	want(idle, "idle", "awake", 1, 0);
	leave(idle);
	return 0;
}
