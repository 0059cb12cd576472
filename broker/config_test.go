package broker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the docs say is the default is what New puts in.
func TestDefaultsAreAsDocumented(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Shutdown(t.Context())
	config, found := reflect.ValueOf(b.config), 0
	numbers := regexp.MustCompile(`Default (\d[\d ]*)`)
	ast.Inspect(file, func(n ast.Node) bool {
		key, ok := n.(*ast.Field)
		if !ok || len(key.Names) != 1 {
			return true
		}
		says := numbers.FindStringSubmatch(strings.Join(strings.Fields(key.Doc.Text()), " "))
		value, limit := config.FieldByName(key.Names[0].Name), strings.HasPrefix(key.Names[0].Name, "Maximum")
		switch {
		case says != nil:
			found++
			want, _ := strconv.ParseInt(strings.ReplaceAll(says[1], " ", ""), 10, 64)
			if value.Type() == reflect.TypeFor[time.Duration]() {
				want *= int64(time.Second)
			}
			if value.Int() != want {
				t.Errorf("%s is %d, documented as %d", key.Names[0], value.Int(), want)
			}
		case limit:
			t.Errorf("%s has no documented default", key.Names[0])
		}
		return true
	})
	if found < 20 {
		t.Errorf("only %d keys have a documented default", found)
	}
}
