package transport_test

import (
	"sync"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// BenchmarkWrite is one message of 64 bytes to one peer, written at once.
func BenchmarkWrite(b *testing.B) {
	q := newQueue(b, 1<<20)
	s := &sink{q: q, scratch: transport.GatherBuffer()}
	text := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if err := q.Write(text, nil, false); err != nil {
			b.Fatal(err)
		}
		s.Drain()
	}
}

// BenchmarkWriteBatch is 16 messages of 64 bytes to one peer, written together.
func BenchmarkWriteBatch(b *testing.B) {
	q := newQueue(b, 1<<20)
	s := &sink{q: q, scratch: transport.GatherBuffer()}
	text := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		for range 16 {
			if err := q.Write(text, nil, false); err != nil {
				b.Fatal(err)
			}
		}
		s.Drain()
	}
}

// BenchmarkFanout is one message of 128 bytes to 10,000 peers; an operation is
// all of them.
func BenchmarkFanout(b *testing.B) {
	const members = 10_000
	var group worker.Group
	f := transport.NewFlusher(&group)
	queues := make([]transport.Queue, members)
	var left sync.WaitGroup
	for i := range queues {
		queues[i].Init(f, 1<<20)
		queues[i].SetDrainer(&sink{q: &queues[i], left: &left}, false)
	}
	text := make([]byte, 128)
	b.ReportAllocs()
	for b.Loop() {
		left.Add(members)
		fan := transport.NewFanout(f, transport.NewMessage(text, nil), false)
		for i := range queues {
			if err := fan.Add(&queues[i]); err != nil {
				b.Fatal(err)
			}
		}
		fan.Done()
		left.Wait()
	}
	if err := group.Wait(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTakePayload is a poll's answer with 16 messages of 64 bytes.
func BenchmarkTakePayload(b *testing.B) {
	q := newQueue(b, 1<<20)
	text := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		for range 16 {
			if err := q.Write(text, nil, false); err != nil {
				b.Fatal(err)
			}
		}
		if len(q.TakePayload(nil, 0, 1<<20)) != 16*65+15 {
			b.Fatal("the payload is not what was written")
		}
	}
}
