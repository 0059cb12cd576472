// Package auth has ways to authenticate for package broker: SCRAM-SHA-256, a method
// of enhanced authentication, section 4.12 of MQTT 5.0, and users with passwords in
// a file, for that and for CONNECT alone. It needs nothing of a broker, and can be
// tried without one.
package auth
