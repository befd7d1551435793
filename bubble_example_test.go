package zeropool_test

import (
	"os"
	"runtime"
	"testing"
	"testing/synctest"
)

// The package's examples work in a bubble of testing/synctest too, but for four whose
// tasks receive from a channel of the caller: on a pool outside of the bubble, as
// Default is, no task may touch those of a bubble.
func TestExamplesInBubble(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a bubble cannot be told here")
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	out := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = out }()
	for name, example := range map[string]func(){
		"ExampleSubmit":               ExampleSubmit,
		"ExampleSubmitBatch":          ExampleSubmitBatch,
		"ExamplePool_SubmitMixed":     ExamplePool_SubmitMixed,
		"ExampleBind":                 ExampleBind,
		"ExampleNew":                  ExampleNew,
		"ExampleDefault":              ExampleDefault,
		"ExampleTrySubmit":            ExampleTrySubmit,
		"ExamplePool_Go":              ExamplePool_Go,
		"ExampleForEach":              ExampleForEach,
		"ExampleForEach_errors":       ExampleForEach_errors,
		"ExamplePool_For":             ExamplePool_For,
		"ExampleGroup":                ExampleGroup,
		"ExampleGroup_Go":             ExampleGroup_Go,
		"ExampleFuture_Wait":          ExampleFuture_Wait,
		"ExampleFuture_Cancel":        ExampleFuture_Cancel,
		"ExampleFuture_Progress":      ExampleFuture_Progress,
		"ExamplePanicError":           ExamplePanicError,
		"ExamplePool_Stats":           ExamplePool_Stats,
		"ExamplePool_Plan":            ExamplePool_Plan,
		"ExamplePool_Shutdown":        ExamplePool_Shutdown,
		"ExampleForEachErr":           ExampleForEachErr,
		"ExamplePool_ForErr":          ExamplePool_ForErr,
		"ExampleJoin":                 ExampleJoin,
		"ExampleMap":                  ExampleMap,
		"ExampleMapErr":               ExampleMapErr,
		"ExampleReduce":               ExampleReduce,
		"ExamplePool_NewGroupContext": ExamplePool_NewGroupContext,
		"ExampleGroup_SetLimit":       ExampleGroup_SetLimit,
		"ExampleSubmitErr":            ExampleSubmitErr,
		"ExamplePool_GoErr":           ExamplePool_GoErr,
		"ExampleSubmitErrTo":          ExampleSubmitErrTo,
		"ExampleGroup_GoErr":          ExampleGroup_GoErr,
		"ExampleFuture_DoneChan":      ExampleFuture_DoneChan,
		"ExamplePool_Load":            ExamplePool_Load,
		"ExamplePool_Unpinned":        ExamplePool_Unpinned,
		"ExampleSubmitTo":             ExampleSubmitTo,
		"ExampleGroup_Wait":           ExampleGroup_Wait,
		"ExampleFuture_Done":          ExampleFuture_Done,
		"ExamplePool_Close":           ExamplePool_Close,
		"ExampleWithWhenFull":         ExampleWithWhenFull,
		"ExampleWithPanicHandler":     ExampleWithPanicHandler,
		"ExampleWithWorkers":          ExampleWithWorkers,
		"ExampleWithPlacement":        ExampleWithPlacement,
		"ExampleWithCPUs":             ExampleWithCPUs,
		"ExampleWithTopology":         ExampleWithTopology,
		"ExampleWithQueueCapacity":    ExampleWithQueueCapacity,
		"ExampleWithPinning":          ExampleWithPinning,
		"ExampleWithName":             ExampleWithName,
		"ExampleWithSpin":             ExampleWithSpin,
		"ExamplePool_NewGroup":        ExamplePool_NewGroup,
		"ExamplePool_Workers":         ExamplePool_Workers,
		"ExamplePool_Name":            ExamplePool_Name,
		"ExamplePool_Placement":       ExamplePool_Placement,
		"ExamplePool_QueueCapacity":   ExamplePool_QueueCapacity,
		"ExampleVersion":              ExampleVersion,
		"ExamplePanicError_Unwrap":    ExamplePanicError_Unwrap,
		"ExampleStats_LogValue":       ExampleStats_LogValue,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(*testing.T) { example() }) })
	}
}
