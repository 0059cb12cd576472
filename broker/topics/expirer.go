package topics

// expirer is a heap of the items that expire, the first to do so on top.
type expirer[M any] []*item[M]

func (e expirer[M]) Len() int           { return len(e) }
func (e expirer[M]) Less(i, j int) bool { return e[i].expires < e[j].expires }

func (e expirer[M]) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].index, e[j].index = int32(i), int32(j)
}

// Push is for package heap.
func (e *expirer[M]) Push(x any) {
	i := x.(*item[M])
	i.index = int32(len(*e))
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
