package client

import "runtime/debug"

// call calls a handler, with the hook around it.
func (c *Client) call(handler Handler, m *Message) error {
	hook := c.cfg.Hooks.Handle
	if hook == nil {
		return c.callAlone(handler, m)
	}
	return c.callAlone(func(m *Message) error {
		err := errHandler // unless the handler returns
		if done := hook(m); done != nil {
			defer func() { done(err) }()
		}
		err = c.callAlone(handler, m)
		return err
	}, m)
}

// callAlone turns a panic into an error.
func (c *Client) callAlone(handler Handler, m *Message) (err error) {
	topic, returned := m.Topic, false
	defer func() {
		if !returned {
			reason := recover() // nil after runtime.Goexit
			c.cfg.Logger.Error("handler panics", "topic", topic, "panic", reason, "stack", string(debug.Stack()))
			err = errHandler
		}
	}()
	err = handler(m)
	returned = true
	return err
}
