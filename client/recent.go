package client

// What is kept of the topics that have come, so that a message of one of them
// needs neither a search nor a string of its own.
const (
	recentTopics = 4096    // at most; the last half as many are always there
	recentSize   = 1 << 20 // bytes at most, of topics and of queues in their routes
	recentLength = 1 << 10 // bytes of the longest topic kept
	queueSize    = 8       // bytes of a queue in a route
)

// recent is the routes of the topics that came last, in two generations: when the
// young are half of what may be kept, the old go and the young are old.
type recent struct {
	young, old map[string]*route
	size       int // of the young
}

// get is the route of a topic, or nil.
func (c *recent) get(topic []byte) *route {
	if m := c.young[string(topic)]; m != nil {
		return m
	}
	m := c.old[string(topic)]
	if m != nil {
		c.put(m)
	}
	return m
}

// put keeps a route, unless its topic is too long.
func (c *recent) put(m *route) {
	if len(m.topic) > recentLength {
		return
	}
	size := len(m.topic) + queueSize*len(m.queues)
	if len(c.young) == recentTopics/2 || c.size+size > recentSize/2 {
		c.young, c.old, c.size = c.old, c.young, 0
		clear(c.young)
	}
	if c.young == nil {
		c.young = make(map[string]*route)
	}
	c.young[m.topic] = m
	c.size += size
}

func (c *recent) forget() {
	clear(c.young)
	clear(c.old)
	c.size = 0
}
