// Package servers tests package client with the servers of others: Mosquitto, which
// ../install.sh installs, nats-server and, with -mochi, mochi-mqtt, which deadlocks at
// times; and with both engines of Fletch, to see that what it expects is not only so
// elsewhere. It is a module of its own, so
// that nobody who imports Fletch gets those servers.
//
// There is nothing here but tests. They are no part of ./... above; make test and
// make race run them as well. Where a server does not do what the standard says, the
// test that meets it says so.
package servers
