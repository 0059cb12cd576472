package store

// Small makes the segments small, so that little work is enough to see many.
func (o DirOptions) Small() DirOptions {
	o.segmentSize = 8 << 10
	return o
}

// LogFile is logFile.
type LogFile = logFile

// Wrap puts something between the store and its files.
func (o DirOptions) Wrap(wrap func(LogFile) LogFile) DirOptions {
	o.wrap = wrap
	return o
}

// SegmentHead is how long the head of a segment is.
const SegmentHead = segmentHead
