package checksum

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

// The sums of "123456789", from the CRC catalogue (reveng.sourceforge.io) and the RFCs.
func TestKnownSums(t *testing.T) {
	t.Parallel()
	for a, want := range map[Algorithm]string{
		CRC32: "y/Q5Jg==", CRC32C: "4waSgw==", CRC64NVME: "rosUhgp5mIg=",
		SHA1: "98O8HYCOBHMq32eZZczDTKeuNEE=", SHA256: "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		h := New(a)
		h.Write([]byte("123456789"))
		if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: got %s, want %s", a, got, want)
		}
		if got := h.Size(); got != a.Size() {
			t.Errorf("%s: size %d, want %d", a, a.Size(), got)
		}
	}
}

func TestCombine(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		for _, sizes := range [][2]int{{0, 0}, {0, 7}, {7, 0}, {1, 1}, {1000, 4096}, {5, 1 << 20}, {123457, 65537}} {
			data := make([]byte, sizes[0]+sizes[1])
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			sum := func(b []byte) []byte { h := New(a); h.Write(b); return h.Sum(nil) }
			got := Combine(a, sum(data[:sizes[0]]), sum(data[sizes[0]:]), int64(sizes[1]))
			if want := sum(data); !bytes.Equal(got, want) {
				t.Errorf("%s of %v: got %x, want %x", a, sizes, got, want)
			}
		}
	}
}
