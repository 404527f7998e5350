// Package adapter knows who is in which room.
//
// An Index holds the members of one namespace and their rooms. It has no idea of
// what a member is or how bytes reach it: a broadcast asks it for each member
// that a Target means, and appends to that member's queue.
//
// # Rooms
//
// A room exists while somebody is in it. That a member is in a room and that the
// room has the member are one fact, changed under one lock. Every member is in
// the room named by its own id, always; that room is a lookup and is not stored:
// nobody can leave it, its owner cannot join it, and no hook reports it. Others
// may join a room of that name and are then in it together with its owner.
//
// # Concurrency
//
// Every method may be called from any goroutine at any time, but not from the
// callbacks that say so. Members are spread over shards by their id, each under
// a lock of its own that covers its members, their rooms and its part of every
// room. An operation on one member is atomic; one that visits all shards sees
// each of them at some time during the call, so it meets every member that was
// there all the while.
//
// Lock order: a shard's lock is above the queue lock of a session, which is a
// leaf. A callback that runs under the shard's lock may therefore append to
// queues and do nothing else that waits.
package adapter
