package packets_test

import (
	"fmt"
	"slices"

	"github.com/fletchmq/fletch/packets"
)

func ExampleMatchTopic() {
	fmt.Println(packets.MatchTopic("sport/#", "sport"))
	fmt.Println(packets.MatchTopic("sport/+", "sport/tennis/player1"))
	fmt.Println(packets.MatchTopic("#", "$SYS/uptime"))
	// Output:
	// true
	// false
	// false
}

func ExampleValidTopicFilter() {
	fmt.Println(packets.ValidTopicFilter("sport/+/player1"))
	fmt.Println(packets.ValidTopicFilter("sport+"))
	fmt.Println(packets.ValidTopicFilter("$share/workers/jobs/#"))
	// Output:
	// true
	// false
	// true
}

func ExampleCompareFilters() {
	filters := []string{"#", "sport/#", "+/tennis", "sport/tennis"}
	slices.SortFunc(filters, packets.CompareFilters)
	fmt.Println(filters)
	// Output: [sport/tennis sport/# +/tennis #]
}

func ExampleSplitShared() {
	group, filter, shared := packets.SplitShared("$share/workers/jobs/#")
	fmt.Println(group, filter, shared)
	// Output: workers jobs/# true
}
