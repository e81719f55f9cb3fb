package client

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommitmentDisclosesOneField(t *testing.T) {
	for n := 1; n <= 33; n++ {
		var fields [][2]string
		for i := range n {
			fields = append(fields, [2]string{fmt.Sprintf("f%02d", n-i), fmt.Sprintf("value %d", i)})
		}
		c := Commit(filled(1), "m/1", fields)
		require.Equal(t, n, c.Size())
		for _, f := range fields {
			d, err := c.Disclose(f[0])
			require.NoError(t, err)
			require.Equal(t, f[1], d.Value)
			require.NoError(t, d.Verify(c.Root()))

			for _, change := range []func(*Disclosure){
				func(d *Disclosure) { d.Name += "x" },
				func(d *Disclosure) { d.Value += "x" },
				func(d *Disclosure) { d.Salt = filled(2) },
				func(d *Disclosure) { d.Salt = d.Salt[1:] },
				func(d *Disclosure) { d.Index++ },
				func(d *Disclosure) { d.Size = d.Index },
				func(d *Disclosure) { d.Size = 1 << 40 },
				func(d *Disclosure) { d.Path = append(d.Path, filled(3)) },
				// A byte that moves from the name to the value must not give the same leaf.
				func(d *Disclosure) { d.Name, d.Value = d.Name[:2], d.Name[2:]+d.Value },
			} {
				bad := *d
				change(&bad)
				require.ErrorIs(t, bad.Verify(c.Root()), ErrDisclosure)
			}
			require.ErrorIs(t, d.Verify(filled(0)), ErrDisclosure)
			require.ErrorIs(t, d.Verify(nil), ErrDisclosure)
		}
		_, err := c.Disclose("none")
		require.ErrorIs(t, err, ErrNoSuchField)
	}
}

// The same paper has the same root; another record, key or field another one, and equal values hide that they are equal.
func TestCommitmentIsSaltedAndStable(t *testing.T) {
	fields := [][2]string{{"number", "1"}, {"total", "1"}}
	root := hex.EncodeToString(Commit(filled(1), "m/1", fields).Root())
	require.Equal(t, root, hex.EncodeToString(Commit(filled(1), "m/1", [][2]string{fields[1], fields[0]}).Root()), "order does not matter")
	seen := map[string]bool{root: true}
	for _, c := range []*Commitment{
		Commit(filled(2), "m/1", fields), Commit(filled(1), "m/2", fields), Commit(filled(1), "m/1", fields[:1]),
		Commit(filled(1), "m/1", [][2]string{{"number", "2"}, {"total", "1"}}), Commit(filled(1), "m/1", [][2]string{{"numbe", "r1"}, {"total", "1"}}),
	} {
		r := hex.EncodeToString(c.Root())
		require.False(t, seen[r])
		seen[r] = true
	}
	c := Commit(filled(1), "m/1", fields)
	a, err := c.Disclose("number")
	require.NoError(t, err)
	b, err := c.Disclose("total")
	require.NoError(t, err)
	require.NotEqual(t, a.Salt, b.Salt)
	// A vector, so that no later version forgets how to disclose what this one committed to (made with another program).
	require.Equal(t, "5fff69d0e95167f5bfd1dc1290b204acd8879cb7b768bf824931d786e13ab83c", root)
}

func TestCommitPanicsOnMistakes(t *testing.T) {
	one := [][2]string{{"a", "1"}}
	require.Panics(t, func() { Commit(nil, "m/1", one) })
	require.Panics(t, func() { Commit(filled(1), "m/1", nil) })
	require.Panics(t, func() { Commit(filled(1), "m/1", [][2]string{{"a", "1"}, {"a", "2"}}) })
	require.Panics(t, func() { Commit(filled(1), "m/1", make([][2]string, 257)) })
}

func TestSaltKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "salt.key")
	key, err := NewSaltKey(path)
	require.NoError(t, err)
	got, err := ReadSaltKey(path)
	require.NoError(t, err)
	require.Equal(t, key, got)
	_, err = NewSaltKey(path)
	require.ErrorContains(t, err, "never overwritten")
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = ReadSaltKey(path)
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.WriteFile(path, []byte("00ff"), 0o600))
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = ReadSaltKey(path)
	require.ErrorIs(t, err, errSaltKeyShape)
}

func TestReceiptSalt(t *testing.T) {
	a, b := testSigner("bank-a").Key, testSigner("bank-b").Key
	require.Len(t, ReceiptSalt(a, "bank-a/Q-1"), 32)
	require.Equal(t, ReceiptSalt(a, "bank-a/Q-1"), ReceiptSalt(a, "bank-a/Q-1"))
	require.NotEqual(t, ReceiptSalt(a, "bank-a/Q-1"), ReceiptSalt(a, "bank-a/Q-2"))
	require.NotEqual(t, ReceiptSalt(a, "bank-a/Q-1"), ReceiptSalt(b, "bank-a/Q-1"))
}
