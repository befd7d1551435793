package bench

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestSchema checks that the published schema names the fields of the types,
// no more and no fewer.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile("../../../docs/bench.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Required   []string
		Properties map[string]struct{ Const *int }
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if c := schema.Properties["schema"].Const; c == nil || *c != Schema {
		t.Errorf("the published schema is not number %d", Schema)
	}
	for of, o := range map[reflect.Type]object{
		reflect.TypeFor[Report]():      schema.object,
		reflect.TypeFor[Result]():      schema.Defs["result"],
		reflect.TypeFor[Sample]():      schema.Defs["sample"],
		reflect.TypeFor[MemoryUse]():   schema.Defs["memory"],
		reflect.TypeFor[PeerInfo]():    schema.Defs["peer"],
		reflect.TypeFor[Percentiles](): schema.Defs["percentiles"],
		reflect.TypeFor[Spread]():      schema.Defs["spread"],
		reflect.TypeFor[Ratio]():       schema.Defs["ratio"],
	} {
		all, required := fields(of)
		slices.Sort(o.Required)
		if got := slices.Sorted(maps.Keys(o.Properties)); !slices.Equal(got, all) {
			t.Errorf("%v: the schema has %v, the type %v", of, got, all)
		}
		if !slices.Equal(o.Required, required) {
			t.Errorf("%v: the schema requires %v, the type always writes %v", of, o.Required, required)
		}
	}
}

// fields returns the names of a type's JSON fields, sorted.
func fields(t reflect.Type) (all, required []string) {
	for _, f := range reflect.VisibleFields(t) {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		all = append(all, name)
		if option != "omitempty" {
			required = append(required, name)
		}
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}
