package remote

import (
	"encoding/binary"
	"fmt"
)

// pack joins the parts to one body: the length of each as an unsigned varint, and
// the part.
func pack(parts [][]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p) + binary.MaxVarintLen32
	}
	body := make([]byte, 0, size)
	for _, p := range parts {
		body = append(binary.AppendUvarint(body, uint64(len(p))), p...)
	}
	return body
}

// unpack returns the n parts of a body; they are slices of it.
func unpack(body []byte, n int) ([][]byte, error) {
	if n < 1 || n > maxItems {
		return nil, fmt.Errorf("a batch of %d items, not 1 to %d", n, maxItems)
	}
	parts := make([][]byte, n)
	for i := range parts {
		size, used := binary.Uvarint(body)
		if used <= 0 || size > uint64(len(body)-used) {
			return nil, fmt.Errorf("item %d of %d is cut off", i, n)
		}
		end := used + int(size)
		parts[i], body = body[used:end:end], body[end:]
	}
	if len(body) != 0 {
		return nil, fmt.Errorf("%d bytes behind the last of %d items", len(body), n)
	}
	return parts, nil
}
