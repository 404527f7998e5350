module github.com/sockeye-io/sockeye/socketio/recovery/bolt

go 1.26

replace github.com/sockeye-io/sockeye => ../../..

require (
	github.com/google/go-cmp v0.7.0
	github.com/sockeye-io/sockeye v0.0.0-00010101000000-000000000000
	go.etcd.io/bbolt v1.5.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/ws v1.5.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)
