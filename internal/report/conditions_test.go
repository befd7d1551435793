package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

// TestConditionsEverywhere protects the promise that text, picture and page tell
// every condition, and the JSON too.
func TestConditionsEverywhere(t *testing.T) {
	r := withConditions(t, "loaded", topology.Request{})
	facts := []string{
		"in 119 of 3400 periods (3.5%), for 12.3 s in all", "41.5% of the last 10 s", "8.12% of the last 10 s",
		"performance (intel_pstate) on 8 CPUs 0-7", "powersave", "enabled: example_ops",
		"root (sys/fs/cgroup/pods)", "CPUs 12-15", "node 0: eth0, nvme0", "node 1: eth1, nvme1-nvme2",
	}
	flat := func(doc []byte) string { return strings.Join(strings.Fields(string(doc)), " ") }
	text, page := flat(render(t, r.Text)), flat(render(t, r.HTML))
	picture := strings.Join(strings.Fields(checkXML(t, render(t, r.SVG))), " ")
	for _, want := range facts {
		for name, doc := range map[string]string{"text": text, "page": page, "picture": picture} {
			if !strings.Contains(doc, want) {
				t.Errorf("the %s does not say %q", name, want)
			}
		}
	}
	var doc struct {
		Conditions struct {
			Throttling []struct {
				Throttled int `json:"throttled_periods"`
			}
			Devices []struct{ Name string }
		}
	}
	if err := json.Unmarshal(render(t, r.JSON), &doc); err != nil || doc.Conditions.Throttling[0].Throttled != 119 || len(doc.Conditions.Devices) != 5 {
		t.Errorf("JSON: %+v, %v", doc, err)
	}
}

// TestConditionsNotLookedAt protects reports of machines whose conditions nobody
// has read: they say nothing of them, and the JSON says null.
func TestConditionsNotLookedAt(t *testing.T) {
	r := New(read(t, "loaded"), topology.Request{})
	for _, word := range []string{"throttled", "pressure", "governor", "eth0"} {
		if strings.Contains(string(render(t, r.Text)), word) || strings.Contains(string(render(t, r.HTML)), word) {
			t.Errorf("a report without conditions says %q", word)
		}
	}
	if !strings.Contains(string(render(t, r.JSON)), `"conditions": null`) {
		t.Error("the JSON does not say null")
	}
}

// TestConditionsWarn protects the warnings of the conditions, which stand with
// those of the topology.
func TestConditionsWarn(t *testing.T) {
	r := New(read(t, "server"), topology.Request{})
	r.Conditions = &topology.Conditions{Warnings: []string{"W-BAD-FILE proc/pressure/cpu: empty"}}
	for name, doc := range map[string][]byte{"text": render(t, r.Text), "JSON": render(t, r.JSON), "page": render(t, r.HTML), "picture": render(t, r.SVG)} {
		if !strings.Contains(string(doc), "proc/pressure/cpu: empty") {
			t.Errorf("the %s lacks the warning", name)
		}
	}
}

// TestDeviceNames protects names from being joined to others that do not exist.
func TestDeviceNames(t *testing.T) {
	for want, names := range map[string][]string{
		"":                            nil,
		"eth0":                        {"eth0"},
		"eth0-eth3, eth5":             {"eth0", "eth1", "eth2", "eth3", "eth5"},
		"eno1, enp1s0, lan, nvme0":    {"eno1", "enp1s0", "lan", "nvme0"},
		"eth00, eth1":                 {"eth00", "eth1"},
		"x99999999999999999999, lan7": {"x99999999999999999999", "lan7"},
	} {
		var devices []topology.Device
		for _, name := range names {
			devices = append(devices, topology.Device{Name: name})
		}
		if got := deviceNames(devices); got != want {
			t.Errorf("%v: %q, want %q", names, got, want)
		}
	}
	r := New(nil, topology.Request{})
	r.Conditions = &topology.Conditions{Devices: []topology.Device{{Name: "eth0", Kind: topology.NIC, Node: topology.Unknown}}}
	if lines := r.deviceLines(); len(lines) != 1 || lines[0] != "eth0" {
		t.Errorf("on a machine without nodes: %q", lines)
	}
}
