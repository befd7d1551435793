module github.com/zeropool-go/zeropool/internal/tracetest

go 1.26.0

replace github.com/zeropool-go/zeropool => ../../

require github.com/zeropool-go/zeropool v0.0.0-00010101000000-000000000000

require (
	github.com/klauspost/cpuid/v2 v2.4.2 // indirect
	golang.org/x/exp v0.0.0-20261113113407-e3970619a1a4
	golang.org/x/sys v0.47.0 // indirect
)
