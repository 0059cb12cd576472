// Package journal is what a broker has to keep, on its way to a store: the records
// that there are, and the commits, each for as much as has come together while the
// one before it was under way.
//
// All keys begin with the kind of the record, and those of a session go on with its
// number, so that what belongs together stands together. Numbers in keys are big
// endian, so that keys are in their order.
package journal
