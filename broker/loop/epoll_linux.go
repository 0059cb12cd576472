package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

// epoll is a Poller for the sockets of Linux. They are edge-triggered: what is
// ready is reported once.
type epoll struct {
	fd, wake int
	handlers []Handler // by place
	free     []int32   // places
	events   [256]unix.EpollEvent
	ready    int // events
}

// NewPoller makes a Poller for each FD.
func NewPoller() (Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &epoll{fd: fd, wake: wake}
	if err := p.control(unix.EPOLL_CTL_ADD, &FD{fd: int32(wake), place: awake}, unix.EPOLLIN); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// awake is the place of what Wake writes to.
const awake = -1

const (
	readable = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	writable = unix.EPOLLOUT | unix.EPOLLHUP | unix.EPOLLERR
)

// control says what is reported, once for each change.
func (p *epoll) control(op int, f *FD, events uint32) error {
	return unix.EpollCtl(p.fd, op, int(f.fd), &unix.EpollEvent{Events: events | unix.EPOLLET, Fd: f.place})
}

// Add is of Poller, as what follows is.
func (p *epoll) Add(s Socket, h Handler) error {
	f := s.(*FD)
	if n := len(p.free); n > 0 {
		f.place, p.free = p.free[n-1], p.free[:n-1]
		p.handlers[f.place] = h
	} else {
		f.place = int32(len(p.handlers))
		p.handlers = append(p.handlers, h)
	}
	err := p.control(unix.EPOLL_CTL_ADD, f, unix.EPOLLIN|unix.EPOLLRDHUP)
	if err != nil {
		p.Forget(s)
	}
	return err
}

// Watch is reported at once when there is room already: that is what the system
// does for each change.
func (p *epoll) Watch(s Socket) error {
	return p.control(unix.EPOLL_CTL_MOD, s.(*FD), unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP)
}

func (p *epoll) Forget(s Socket) {
	place := s.(*FD).place
	p.handlers[place] = nil
	p.free = append(p.free, place)
}

func (p *epoll) Wait(timeout time.Duration) error {
	n, err := p.wait(timeout)
	p.ready = max(n, 0)
	if err == unix.EINTR {
		return nil
	}
	return err
}

// wait asks first without waiting: a system call that waits costs a busy loop
// its place among the goroutines.
func (p *epoll) wait(timeout time.Duration) (int, error) {
	n, err := unix.EpollWait(p.fd, p.events[:], 0)
	if n != 0 || err != nil || timeout == 0 {
		return n, err
	}
	ms := -1
	if timeout > 0 {
		ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, 1<<31-1))
	}
	return unix.EpollWait(p.fd, p.events[:], ms)
}

func (p *epoll) Report() {
	for _, e := range p.events[:p.ready] {
		p.report(e.Fd, e.Events)
	}
}

func (p *epoll) report(place int32, events uint32) {
	if place == awake {
		var b [8]byte
		unix.Read(p.wake, b[:])
		return
	}
	// One may close another.
	if h := p.handlers[place]; h != nil && events&writable != 0 {
		h.Writable()
	}
	if h := p.handlers[place]; h != nil && events&readable != 0 {
		h.Readable(events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
	}
}

func (p *epoll) Wake() { unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (p *epoll) Close() error {
	unix.Close(p.wake)
	return unix.Close(p.fd)
}
