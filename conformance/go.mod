module github.com/sockeye-io/sockeye/conformance

go 1.26

require (
	github.com/google/go-cmp v0.7.0
	github.com/sockeye-io/sockeye v0.0.0-00010101000000-000000000000
	github.com/sockeye-io/sockeye/socketio/recovery/bolt v0.0.0-00010101000000-000000000000
	github.com/tinylib/msgp v1.6.5
	go.uber.org/goleak v1.3.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/ws v1.5.0 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	go.etcd.io/bbolt v1.5.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace (
	github.com/sockeye-io/sockeye => ..
	github.com/sockeye-io/sockeye/socketio/recovery/bolt => ../socketio/recovery/bolt
)
