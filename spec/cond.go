package spec

// Op is the comparison of a Cond.
type Op uint8

// Comparisons. They come in pairs of opposites, and the lowest bit tells the two
// of a pair apart: a broken Must is the Op with that bit flipped.
const (
	Always Op = iota
	Never
	IsSet // a flag
	IsClear
	Above // a number
	AtMost
	Equals
	Differs
	Nonempty // a text, binary or list
	IsEmpty
	NoWildcard // a topic name
	Wildcard
	HashLast // a topic filter: # only as its last level
	HashElsewhere
	PlusAlone // a topic filter: + only as a whole level
	PlusInside
	ShareNamed // a topic filter: behind $share/ a name of one character or more
	ShareNameless
	ShareFilter // a topic filter: behind the share name a / and a topic filter
	ShareOpen
	NotShared // a topic filter without $share/
	Shared
	HasProperty
	NoProperty
	AnyProperty // a property block that is not empty
	NoProperties
	ReasonOK // a code that this packet may carry in the version at hand
	ReasonBad
)

// Cond is a condition on one field. The zero Cond always holds. Property
// conditions name the Props field in Field and the property in Prop.
type Cond struct {
	Field string
	Prop  string
	Op    Op
	Value int
}

// These make the packet files readable.
func set(f string) Cond          { return Cond{Field: f, Op: IsSet} }
func unset(f string) Cond        { return Cond{Field: f, Op: IsClear} }
func over(f string, n int) Cond  { return Cond{Field: f, Op: Above, Value: n} }
func is(f string, n int) Cond    { return Cond{Field: f, Op: Equals, Value: n} }
func some(f string) Cond         { return Cond{Field: f, Op: Nonempty} }
func none(f string) Cond         { return Cond{Field: f, Op: IsEmpty} }
func plain(f string) Cond        { return Cond{Field: f, Op: NoWildcard} }
func field(f string, op Op) Cond { return Cond{Field: f, Op: op} }
func listed(f string) Cond       { return Cond{Field: f, Op: ReasonOK} }
func has(props, p string) Cond   { return Cond{Field: props, Prop: p, Op: HasProperty} }
func lacks(props, p string) Cond { return Cond{Field: props, Prop: p, Op: NoProperty} }
