// Package wire holds this project's parsers against the official JavaScript ones:
// engine.io-parser, socket.io-parser and socket.io-msgpack-parser in the versions
// that js/package-lock.json names, in one node process, over thousands of generated,
// broken and hand-picked inputs. Both must accept and refuse the same, and see the same values, except
// where the tables of exceptions say so and show it.
//
// It has tests only. The inputs follow from a seed, which is printed; run with
// -wire.seed to choose another.
package wire
