//go:build !gc || (!amd64 && !arm64) || purego || race || msan || asan

package zeropool

import "sync/atomic"

const hasIdentity = false

func identity() uint64                          { return identityGeneric() }
func enter(t *laneTable) *lane                  { return enterGeneric(t, 0) }
func publish(l *lane, s *slot, v uint64) uint32 { return publishGeneric(l, s, v) }
func take(l *lane, s *slot, key uint64) uint32  { return takeGeneric(l, s, key, 0) }
func finish(l *lane, s *slot, v uint64)         { finishGeneric(l, s, v) }
func store(c *atomic.Uint64, v uint64)          { storeGeneric(c, v) }
