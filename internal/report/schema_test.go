package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

// schema is the part of JSON Schema that the published schemas use.
type schema struct {
	Schema           string            `json:"$schema"`
	Title            string            `json:"title"`
	Description      string            `json:"description"`
	Type             any               `json:"type"` // a name or a list of names
	Required         []string          `json:"required"`
	Properties       map[string]schema `json:"properties"`
	Additional       bool              `json:"additionalProperties"`
	Items            *schema           `json:"items"`
	Enum             []any             `json:"enum"`
	Const            any               `json:"const"`
	Minimum          *float64          `json:"minimum"`
	ExclusiveMinimum *float64          `json:"exclusiveMinimum"`
	MinLength        int               `json:"minLength"`
	Pattern          string            `json:"pattern"`
}

func readSchema(t *testing.T, name string) *schema {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	var s schema
	if err := d.Decode(&s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &s
}

// check lists what is wrong with a value. Keys that the schema does not name
// are wrong as well: the schema must be complete.
func (s *schema) check(at string, v any) (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	if names := s.types(); len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return isType(v, n) }) {
		add("%T, want %v", v, names)
		return wrong
	}
	if s.Const != nil && v != s.Const {
		add("%v, want %v", v, s.Const)
	}
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		add("%v, want one of %v", v, s.Enum)
	}
	switch v := v.(type) {
	case float64:
		if s.Minimum != nil && v < *s.Minimum || s.ExclusiveMinimum != nil && v <= *s.ExclusiveMinimum {
			add("%v is too small", v)
		}
	case string:
		if len(v) < s.MinLength || s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v) {
			add("%q does not match", v)
		}
	case []any:
		for i, x := range v {
			wrong = append(wrong, s.Items.check(fmt.Sprintf("%s[%d]", at, i), x)...)
		}
	case map[string]any:
		for _, key := range s.Required {
			if _, ok := v[key]; !ok {
				add("lacks %s", key)
			}
		}
		for key, x := range v {
			if p, ok := s.Properties[key]; ok {
				wrong = append(wrong, p.check(at+"."+key, x)...)
			} else {
				add("has %s, which the schema does not describe", key)
			}
		}
	}
	return wrong
}

func (s *schema) types() []string {
	switch t := s.Type.(type) {
	case string:
		return []string{t}
	case []any:
		var names []string
		for _, n := range t {
			names = append(names, n.(string))
		}
		return names
	}
	return nil
}

func isType(v any, name string) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case []any:
		return name == "array"
	default:
		return name == "object"
	}
}

// The JSON of every machine and request has exactly what the published schemas
// say.
func TestJSONMatchesSchema(t *testing.T) {
	topo, plan := readSchema(t, "topology.schema.json"), readSchema(t, "plan.schema.json")
	machines := map[string]*topology.Topology{"none": nil, "grid": regular(2, 2, 2, 2)}
	conditions := map[string]*topology.Conditions{"grid": {}}
	for _, name := range trees {
		r := withConditions(t, name, topology.Request{})
		machines[name], conditions[name] = r.Topology, r.Conditions
	}
	for name, top := range machines {
		for _, q := range []topology.Request{{}, {Placement: topology.Unpinned}, {Workers: 99, GOMAXPROCS: 4}, {CPUs: []int{1, 7000}}} {
			r := New(top, q)
			r.Conditions = conditions[name]
			for _, c := range []struct {
				schema *schema
				write  func(io.Writer) error
			}{{topo, r.JSON}, {plan, r.PlanJSON}} {
				var v any
				if err := json.Unmarshal(render(t, c.write), &v); err != nil {
					t.Fatal(err)
				}
				for _, s := range c.schema.check(name, v) {
					t.Errorf("%s: %s", c.schema.Title, s)
				}
			}
		}
	}
}
