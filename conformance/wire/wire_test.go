package wire_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/conformance/internal/peer"
)

var (
	seed  = flag.Uint64("wire.seed", 20260107, "seed of the generated inputs")
	cases = flag.Int("wire.cases", 4000, "number of generated inputs of each kind")
)

// random returns a source that depends on the seed and the test's name alone.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("seed %d (-wire.seed), %d inputs (-wire.cases)", *seed, *cases)
	name := uint64(0)
	for _, c := range t.Name() {
		name = name*31 + uint64(c)
	}
	return rand.New(rand.NewPCG(*seed, name))
}

// start starts the process that has the official parsers.
func start(t *testing.T) *peer.Process {
	t.Helper()
	p, err := peer.Start(t.Context(), peer.Command{Path: peer.Node(t, "js"), Args: []string{"parsers.mjs"}, Dir: "js", Life: 3 * time.Minute})
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	t.Cleanup(p.Stop)
	return p
}

// batch is how many questions travel in one line.
const batch = 250

// ask puts all questions to the process and returns its answers.
func ask[A, Q any](t *testing.T, p *peer.Process, questions []Q) []A {
	t.Helper()
	var answers []A
	for part := range slices.Chunk(questions, batch) {
		line, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Stdin.Write(append(line, '\n')); err != nil {
			t.Fatalf("node does not read: %v\n%s", err, p.Log())
		}
		answer, err := p.Line(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var some []A
		if err := json.Unmarshal([]byte(answer), &some); err != nil || len(some) != len(part) {
			t.Fatalf("%d answers to %d questions: %v", len(some), len(part), err)
		}
		answers = append(answers, some...)
	}
	return answers
}

// canonical is the counterpart of the function in parsers.mjs.
func canonical(v any) string {
	switch v := v.(type) {
	case nil:
		return "n"
	case bool:
		if v {
			return "t"
		}
		return "f"
	case float64:
		if math.IsNaN(v) {
			return "dNaN"
		}
		return "d" + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case string:
		return "s" + base64.StdEncoding.EncodeToString([]byte(v))
	case time.Time:
		const most = 8.64e15 // milliseconds that a Date may have
		if ms := float64(v.UnixMilli()); math.Abs(ms) <= most {
			return "@" + strconv.FormatInt(v.UnixMilli(), 10)
		}
		return "@NaN"
	case []byte:
		return "b" + base64.StdEncoding.EncodeToString(v)
	case []any:
		list := make([]string, len(v))
		for i := range v {
			list[i] = canonical(v[i])
		}
		return "[" + strings.Join(list, ",") + "]"
	case map[string]any:
		members := map[string]string{}
		for key, value := range v {
			members[canonical(key)] = canonical(value)
		}
		var list []string
		for _, key := range slices.Sorted(maps.Keys(members)) {
			list = append(list, key+":"+members[key])
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	return fmt.Sprintf("?%T", v)
}

// diff is cmp.Diff for values that are nearly always equal.
func diff(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// mutate breaks data in one to three places, mostly with bytes that mean
// something to a parser.
func mutate(r *rand.Rand, data []byte, alphabet string) []byte {
	data = slices.Clone(data)
	for range 1 + r.IntN(3) {
		at := r.IntN(len(data) + 1)
		end := at + r.IntN(min(len(data)-at, 8)+1)
		switch r.IntN(5) {
		case 0:
			data = slices.Delete(data, at, end)
		case 1:
			data = slices.Insert(data, at, slices.Clone(data[at:end])...)
		case 2:
			data = data[:at]
		case 3:
			if at < len(data) {
				data[at] = alphabet[r.IntN(len(alphabet))]
			}
		default:
			data = slices.Insert(data, at, alphabet[r.IntN(len(alphabet))])
		}
	}
	return data
}

// pick returns one of list.
func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }
