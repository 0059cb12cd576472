package topics

import "math/rand/v2"

// height is how many lists an order has at most, enough for 4^height items.
const height = 14

// order is a skip list of items, by topic name. Names that begin alike stand side
// by side in it, so what a filter cannot match is passed over at once.
type order[M any] struct {
	head item[M]
}

// before is the last item before topic in each of the lists.
func (o *order[M]) before(topic string) (all [height]*item[M]) {
	x := &o.head
	for h := height - 1; h >= 0; h-- {
		for x.next[h] != nil && x.next[h].topic < topic {
			x = x.next[h]
		}
		all[h] = x
	}
	return all
}

// seek is the first item that is not before topic, or nil.
func (o *order[M]) seek(topic string) *item[M] { return o.before(topic)[0].next[0] }

// after is the same for a topic behind x.
func (o *order[M]) after(x *item[M], topic string) *item[M] {
	if x = x.next[0]; x == nil || x.topic >= topic {
		return x
	}
	return o.seek(topic)
}

func (o *order[M]) insert(x *item[M]) {
	n := 1
	for n < height && rand.Uint32()%4 == 0 {
		n++
	}
	x.next = make([]*item[M], n)
	before := o.before(x.topic)
	for h := range x.next {
		x.next[h], before[h].next[h] = before[h].next[h], x
	}
}

func (o *order[M]) remove(x *item[M]) {
	before := o.before(x.topic)
	for h := range x.next {
		before[h].next[h] = x.next[h]
	}
}

// expirer is a heap of the items that expire, the first to do so on top.
type expirer[M any] []*item[M]

func (e expirer[M]) Len() int           { return len(e) }
func (e expirer[M]) Less(i, j int) bool { return e[i].expires.Before(e[j].expires) }

func (e expirer[M]) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].index, e[j].index = i, j
}

// Push is for package heap.
func (e *expirer[M]) Push(x any) {
	i := x.(*item[M])
	i.index = len(*e)
	*e = append(*e, i)
}

// Pop is for package heap.
func (e *expirer[M]) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return x
}
