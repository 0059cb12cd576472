// Package session is what the broker keeps for one client: the messages on their
// way to it, and the exchanges that deliver them.
//
// An [Outbox] belongs to the session and outlives connections; a [Line] is the
// way out of it to one connection.
package session
