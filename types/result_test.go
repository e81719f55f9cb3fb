package types_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func TestCodesOfAResult(t *testing.T) {
	for _, codes := range [][]types.Code{
		nil, {0}, {0, 0, 0}, {types.Code_rolled_back, 0, types.Code_inconsistent_state}, {127, 128, 16383, 16384}, slices.Repeat([]types.Code{301}, 256),
	} {
		data := types.EncodeCodes(codes)
		got, err := types.DecodeCodes(data)
		require.NoError(t, err)
		require.Equal(t, codes, got)
	}
	require.Equal(t, []byte{0x0a, 0x03, 0x00, 0xad, 0x02}, types.EncodeCodes([]types.Code{0, 301}))
	// SubmitResult carries the same field under another number; the packed bytes are protobuf's own.
	want, err := (&types.SubmitResult{Codes: []uint32{0, 301}}).Marshal()
	require.NoError(t, err)
	require.Equal(t, want[1:], types.EncodeCodes([]types.Code{0, 301})[1:])
}

func TestDecodeCodesRefuses(t *testing.T) {
	for _, data := range [][]byte{
		{0}, {0x0a}, {0x0a, 0}, {0x0a, 1}, {0x0a, 2, 1}, {0x0a, 1, 1, 1}, {0x08, 1}, {0x0a, 1, 0x80}, {0x0a, 2, 0x80, 0}, {0x0a, 0x81, 0, 1},
		{0x0a, 5, 0x80, 0x80, 0x80, 0x80, 0x08}, {0x0a, 11, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1},
	} {
		_, err := types.DecodeCodes(data)
		require.Error(t, err, "%x", data)
	}
}
