package client

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDisclosureFile: what is shown is proved, what is hidden is not in the file, and no byte of it can be changed.
func TestDisclosureFile(t *testing.T) {
	c := Commit(bytes.Repeat([]byte{3}, 32), "platform-1/INV-88", [][2]string{
		{"number", "88"}, {"total", "12500.00"}, {"buyer", "Acme GmbH"}, {"price", "secret"}, {"day", "2025-11-05"},
	})
	f, err := DiscloseFields(c, "platform-1/INV-88", []string{"total", "day"})
	require.NoError(t, err)
	data, err := f.Encode()
	require.NoError(t, err)
	require.NotContains(t, string(data), "secret")
	require.NotContains(t, string(data), "Acme")

	read, err := ParseDisclosureFile(data)
	require.NoError(t, err)
	require.Equal(t, f, read)
	require.NoError(t, read.Verify(c.Root()))
	other := Commit(bytes.Repeat([]byte{4}, 32), "platform-1/INV-88", [][2]string{{"total", "12500.00"}})
	require.ErrorIs(t, read.Verify(other.Root()), ErrDisclosure)

	_, err = DiscloseFields(c, "platform-1/INV-88", []string{"weight"})
	require.ErrorIs(t, err, ErrNoSuchField)

	changed := 0
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		g, err := ParseDisclosureFile(bad)
		if err != nil {
			continue
		}
		if bytes.Equal(mustEncode(t, g), data) || g.Document != f.Document { // spaces; the name of the document is the reader's to compare
			continue
		}
		changed++
		require.Error(t, g.Verify(c.Root()), "byte %d", i)
	}
	require.Greater(t, changed, 300)
}

func mustEncode(t *testing.T, f *DisclosureFile) []byte {
	b, err := f.Encode()
	require.NoError(t, err)
	return b
}

func TestDisclosureFileRefuses(t *testing.T) {
	for _, bad := range []string{
		``, `[]`, `{}`, `{"document":"a/b"}`, `{"document":"a/b","fields":[],"more":1}`, `{"document":"","fields":[{"name":"x"}]}`,
		`{"document":"a/b","fields":[{"name":"x","salt":"zz"}]}`, `{"document":"a/b","fields":[{"name":"x","path":["0"]}]}`,
		`{"document":"a/b","fields":[{"name":"x"}]} {}`,
	} {
		_, err := ParseDisclosureFile([]byte(bad))
		require.ErrorIs(t, err, ErrDisclosureFile, bad)
	}
}
