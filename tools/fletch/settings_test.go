package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/fletchmq/fletch/broker"
)

// noSetting are the keys of broker.Config that are not settings, and why.
var noSetting = map[string]string{
	"Logger":           "--log-level",
	"Store":            "--data",
	"Authenticate":     "--users",
	"Methods":          "--users",
	"AllowAnonymous":   "--allow-anonymous, of each listener",
	"Hooks":            "code",
	"Authorize":        "code",
	"AuthorizeTimeout": "code",
	"SharingOf":        "one way for all share names",
}

func TestEachKeyHasAFlag(t *testing.T) {
	config, flags := reflect.TypeFor[broker.Config](), reflect.TypeFor[settings]()
	for key := range config.Fields() {
		_, has := flags.FieldByName(key.Name)
		if _, not := noSetting[key.Name]; has == not {
			t.Errorf("%s: make it a flag in settings, or say in noSetting why not", key.Name)
		}
	}
	for flag := range flags.Fields() {
		if _, ok := config.FieldByName(flag.Name); !ok {
			t.Errorf("%s is no key of broker.Config", flag.Name)
		}
	}
}

func parseSettings(t *testing.T, args ...string) (s settings) {
	t.Helper()
	p, err := kong.New(&s, kong.Groups(groups))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return s
}

// What no flag changes is as Config has it, and each flag sets its key.
func TestSettings(t *testing.T) {
	var none, all broker.Config
	parseSettings(t).apply(&none)
	if want := (broker.Config{}); !reflect.DeepEqual(none, want) {
		t.Errorf("without flags: %+v", none)
	}
	var args []string
	values := map[reflect.Type]string{reflect.TypeFor[int](): "7", reflect.TypeFor[time.Duration](): "7s"}
	for f := range reflect.TypeFor[settings]().Fields() {
		value := values[f.Type]
		if words := strings.Split(f.Tag.Get("enum"), ", "); len(words) > 1 {
			value = words[len(words)-1]
		}
		args = append(args, "--"+dashed(f.Name)+"="+value)
	}
	parseSettings(t, args...).apply(&all)
	v := reflect.ValueOf(all)
	for f := range reflect.TypeFor[settings]().Fields() {
		if v.FieldByName(f.Name).IsZero() {
			t.Errorf("--%s does not set %s", dashed(f.Name), f.Name)
		}
	}
	if all.ConnectRate != 7 || all.WriteTimeout != 7*time.Second || all.Overflow != broker.RefusePublish || all.Without != broker.SubscriptionIdentifiers {
		t.Errorf("%+v", all)
	}
}

// The words of a flag are the constants of package broker.
func TestWords(t *testing.T) {
	for _, test := range []struct {
		flag  string
		words map[string]string
	}{
		{"Overflow", constants(overflows)},
		{"Sharing", constants(sharings)},
	} {
		f, _ := reflect.TypeFor[settings]().FieldByName(test.flag)
		for word := range strings.SplitSeq(f.Tag.Get("enum"), ", ") {
			if name := dashed(test.words[word]); name != word {
				t.Errorf("%s: %s is %s", test.flag, word, name)
			}
			delete(test.words, word)
		}
		if len(test.words) > 0 {
			t.Errorf("%s: the enum tag lacks %v", test.flag, test.words)
		}
	}
	s := parseSettings(t, "--without=qos1,qos2,retained-messages", "--without=wildcard-subscriptions,shared-subscriptions,subscription-identifiers")
	var c broker.Config
	if s.apply(&c); c.Without.String() != "QoS1|QoS2|RetainedMessages|WildcardSubscriptions|SharedSubscriptions|SubscriptionIdentifiers" {
		t.Errorf("--without gives %s", c.Without)
	}
}

func constants[T interface{ String() string }](m map[string]T) map[string]string {
	names := map[string]string{}
	for word, value := range m {
		names[word] = value.String()
	}
	return names
}

// --help and Config tell the same numbers.
func TestDefaultsInHelp(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../broker/config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	numbers := regexp.MustCompile(`Default:? (\d[\d ]*)`)
	number := func(text string) string {
		if m := numbers.FindStringSubmatch(strings.Join(strings.Fields(text), " ")); m != nil {
			return strings.ReplaceAll(m[1], " ", "")
		}
		return ""
	}
	var seen []string
	ast.Inspect(file, func(n ast.Node) bool {
		if key, ok := n.(*ast.Field); ok && len(key.Names) == 1 {
			f, ok := reflect.TypeFor[settings]().FieldByName(key.Names[0].Name)
			if in, doc := number(f.Tag.Get("help")), number(key.Doc.Text()); ok && in != doc {
				t.Errorf("--%s has default %s, Config.%s %s", dashed(f.Name), in, f.Name, doc)
			} else if ok && in != "" {
				seen = append(seen, f.Name)
			}
		}
		return true
	})
	if !slices.Contains(seen, "MaximumQueuedTotal") || len(seen) < 20 {
		t.Errorf("only %v have numbers", seen)
	}
}
