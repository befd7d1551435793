// Package guest holds the tests that ci/vm runs inside virtual machines, where
// what the library sees and does is compared with the machine that qemu was
// asked for. Outside of such a machine they are skipped.
package guest
