// Package topics holds who subscribes to what, and which messages are retained.
// A [Tree] answers which subscriptions a topic name matches, a [Retained] which
// topic names a filter matches.
//
// Topic names and filters are those package packets has found valid; for others
// the answers are not specified. Shared subscriptions are not known here: what
// begins with $share is a topic filter like any other.
package topics
