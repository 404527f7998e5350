module github.com/sockeye-io/sockeye/bench

go 1.26

require github.com/sockeye-io/sockeye v0.0.0

require go.uber.org/goleak v1.3.0 // indirect

replace github.com/sockeye-io/sockeye => ..
