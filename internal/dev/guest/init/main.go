//go:build linux

// Command init is the first process of a virtual machine started by ci/vm. It
// makes the machine what /guest/config asks for, runs the programs named there,
// says on the console how each ended, and switches the machine off.
//
// Each line of the configuration is KEY=VALUE:
//
//	offline=LIST   take these CPUs offline, as an administrator does
//	eject=LIST     take them out of the machine: afterwards there is a hole
//	cpuset=LIST    the CPUs of the cgroup that the programs run in
//	cpu_max=MAX    its quota, as in cpu.max: microseconds, a space, the period
//	env=NAME=VALUE for the programs
//	run=PROGRAM    with arguments between spaces; several run one after the other
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	failed := false
	report := func(err error) {
		if err != nil {
			failed = true
			fmt.Println("guest: FAILED:", err)
		}
	}
	report(mountAll())
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		fmt.Printf("guest: kernel: %s", kernel)
	}
	config, err := readConfig("/guest/config")
	report(err)
	for _, v := range config["offline"] {
		report(takeOffline(v))
	}
	for _, v := range config["eject"] {
		report(eject(v))
	}
	attr := &syscall.SysProcAttr{}
	if config["cpuset"] != nil || config["cpu_max"] != nil {
		attr.CgroupFD, err = makeGroup(config)
		attr.UseCgroupFD = err == nil
		report(err)
	}
	if !failed { // the programs expect the machine that was asked for
		for _, line := range config["run"] {
			report(run(strings.Fields(line), config["env"], attr))
		}
	}
	verdict := "passed"
	if failed {
		verdict = "FAILED"
	}
	fmt.Println("guest: verdict:", verdict)
	syscall.Sync()
	// Under qemu's -no-reboot either one ends the machine; not every kernel can
	// do both.
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
	select {} // the kernel panics when its first process ends
}

func mountAll() error {
	for _, m := range []struct{ kind, dir string }{
		{"proc", "/proc"},
		{"sysfs", "/sys"},
		{"devtmpfs", "/dev"},
		{"tmpfs", "/tmp"},
		{"cgroup2", "/sys/fs/cgroup"},
	} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil && err != syscall.EBUSY {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.dir, err)
		}
	}
	return nil
}

func readConfig(path string) (map[string][]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			return nil, fmt.Errorf("%s: %q is not KEY=VALUE", path, line)
		}
		config[key] = append(config[key], value)
	}
	return config, nil
}

func takeOffline(cpus string) error {
	return eachCPU(cpus, func(dir string) error {
		return os.WriteFile(dir+"/online", []byte("0"), 0)
	})
}

func eject(cpus string) error {
	return eachCPU(cpus, func(dir string) error {
		if err := os.WriteFile(dir+"/firmware_node/eject", []byte("1"), 0); err != nil {
			return err
		}
		// The kernel does it on a thread of its own.
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(dir); os.IsNotExist(err) {
				return nil
			}
		}
		return fmt.Errorf("%s is still there a minute after it was ejected", dir)
	})
}

// eachCPU calls f with the directory of each CPU of a list such as "3,7".
func eachCPU(list string, f func(dir string) error) error {
	for cpu := range strings.SplitSeq(list, ",") {
		if _, err := strconv.Atoi(cpu); err != nil {
			return fmt.Errorf("%q in %q is not a CPU number", cpu, list)
		}
		if err := f("/sys/devices/system/cpu/cpu" + cpu); err != nil {
			return err
		}
	}
	return nil
}

// makeGroup makes the cgroup that holds the programs and returns a descriptor of
// it. The quota is its parent's, as a container runtime sets it for a pod.
func makeGroup(config map[string][]string) (int, error) {
	const root, pod, group = "/sys/fs/cgroup", "/sys/fs/cgroup/pod", "/sys/fs/cgroup/pod/container"
	if err := os.MkdirAll(group, 0o755); err != nil {
		return 0, err
	}
	for _, dir := range []string{root, pod} {
		if err := os.WriteFile(dir+"/cgroup.subtree_control", []byte("+cpu +cpuset"), 0); err != nil {
			return 0, err
		}
	}
	for _, v := range config["cpu_max"] {
		if err := os.WriteFile(pod+"/cpu.max", []byte(v), 0); err != nil {
			return 0, err
		}
	}
	for _, v := range config["cpuset"] {
		if err := os.WriteFile(group+"/cpuset.cpus", []byte(v), 0); err != nil {
			return 0, err
		}
	}
	return syscall.Open(group, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
}

func run(command, env []string, attr *syscall.SysProcAttr) error {
	if len(command) == 0 {
		return errors.New("run= names no program")
	}
	fmt.Println("guest: run:", strings.Join(command, " "))
	began := time.Now()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append([]string{"HOME=/tmp", "TMPDIR=/tmp", "PATH=/guest"}, env...)
	cmd.Dir = "/tmp"
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = attr
	err := cmd.Run()
	fmt.Printf("guest: %.1f s\n", time.Since(began).Seconds())
	if err != nil {
		return fmt.Errorf("%s: %w", command[0], err)
	}
	return nil
}
