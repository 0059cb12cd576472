// Package session is what the broker keeps for one client: the messages on their
// way to it, and the exchanges that deliver them.
//
// A session lives as long as its connection: nothing of it survives, and nothing
// is sent a second time.
package session
