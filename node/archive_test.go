package node

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exported writes an archive of many small chunks.
func exported(t testing.TB, home string) (string, *Exported) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "archive")
	x, err := Export(t.Context(), ExportOptions{From: home, Out: dir, chunk: 4000})
	require.NoError(t, err)
	return dir, x
}

func indexOf(t testing.TB, dir string) *archiveIndex {
	t.Helper()
	x, _, err := readIndex(dir)
	require.NoError(t, err)
	return x
}

// writeIndex writes an index as it stands, right or wrong.
func writeIndex(t testing.TB, dir string, x *archiveIndex) {
	t.Helper()
	text, err := json.Marshal(x)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, archiveIndexFile), text, 0o644))
}

// copied is another folder with the same files.
func copied(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// An archive of a home is replayed to the same report as the home itself, and an archive of the archive too.
func TestArchiveOfAHome(t *testing.T) {
	m := standard(t)
	home := m.close()
	dir, x := exported(t, home)
	require.Equal(t, int64(1), x.First)
	require.Equal(t, m.height(), x.Last)
	require.Equal(t, int64(27), x.Records)
	require.Greater(t, x.Chunks, 3)
	want, err := replayOf(t, ReplayOptions{From: home}).Report.Bytes()
	require.NoError(t, err)
	for _, from := range []string{dir, func() string { d, _ := exported(t, dir); return d }()} {
		got, err := replayOf(t, ReplayOptions{From: from}).Report.Bytes()
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
	for until := int64(1); until <= x.Last; until += 5 {
		r := replayOf(t, ReplayOptions{From: dir, Until: until})
		require.Equal(t, hexBytes(m.hashes[until-1]), r.Report.AppHash)
	}
}

// What is done to an archive is told apart: each way of being damaged has its own error.
func TestDamagedArchives(t *testing.T) {
	dir, _ := exported(t, standard(t).close())
	chunks := indexOf(t, dir).Chunks
	for name, c := range map[string]struct {
		err  error
		harm func(dir string)
	}{
		"a byte flipped in the first line": {ErrArchiveDamaged, func(dir string) { alterFile(t, dir, chunks[1].File, func(b []byte) []byte { b[3] ^= 1; return b }) }},
		"a byte flipped in the content": {ErrArchiveDamaged, func(dir string) {
			alterFile(t, dir, chunks[1].File, func(b []byte) []byte { b[len(b)-9] ^= 1; return b })
		}},
		"cut short":           {ErrArchiveCut, func(dir string) { alterFile(t, dir, chunks[2].File, func(b []byte) []byte { return b[:len(b)-1] }) }},
		"emptied":             {ErrArchiveCut, func(dir string) { alterFile(t, dir, chunks[2].File, func([]byte) []byte { return nil }) }},
		"something behind it": {ErrArchiveTrailing, func(dir string) { alterFile(t, dir, chunks[0].File, func(b []byte) []byte { return append(b, 0) }) }},
		"missing":             {ErrArchiveMissing, func(dir string) { require.NoError(t, os.Remove(filepath.Join(dir, chunks[1].File))) }},
		"two chunks exchanged": {ErrArchiveOrder, func(dir string) {
			a, b := filepath.Join(dir, chunks[0].File), filepath.Join(dir, chunks[1].File)
			require.NoError(t, os.Rename(a, a+"x"))
			require.NoError(t, os.Rename(b, a))
			require.NoError(t, os.Rename(a+"x", b))
		}},
		"exchanged in the index": {ErrArchiveOrder, func(dir string) {
			x := indexOf(t, dir)
			x.Chunks[0], x.Chunks[1] = x.Chunks[1], x.Chunks[0]
			writeIndex(t, dir, x)
		}},
		"exchanged in the middle of the index": {ErrArchiveOrder, func(dir string) {
			x := indexOf(t, dir)
			x.Chunks[1], x.Chunks[2] = x.Chunks[2], x.Chunks[1]
			writeIndex(t, dir, x)
		}},
		"twice in the index": {ErrArchiveOrder, func(dir string) {
			x := indexOf(t, dir)
			x.Chunks = append(x.Chunks[:2:2], x.Chunks[1:]...)
			writeIndex(t, dir, x)
		}},
		"left out of the index": {ErrArchiveGap, func(dir string) {
			x := indexOf(t, dir)
			x.Chunks = append(x.Chunks[:1:1], x.Chunks[2:]...)
			writeIndex(t, dir, x)
		}},
		"an unknown field in the index": {ErrArchiveIndex, func(dir string) {
			alterFile(t, dir, archiveIndexFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"format"`), []byte(`"more": 1, "format"`), 1) })
		}},
		"another genesis": {ErrArchiveGenesis, func(dir string) {
			alterFile(t, dir, archiveGenesisFile, func(b []byte) []byte { return append(b, '\n') })
		}},
		"an altered chunk that the index vouches for": {ErrArchiveContent, func(dir string) {
			rewriteChunk(t, dir, 1, func(b []byte) []byte { b[len(b)-9] ^= 1; return b })
		}},
		"another network's chunk that the index vouches for": {ErrArchiveForeign, func(dir string) {
			rewriteChunk(t, dir, 1, func(b []byte) []byte {
				return bytes.Replace(b, []byte("chain replay-test"), []byte("chain replay-tess"), 1)
			})
		}},
		"another chunk that the index vouches for": {ErrArchiveOrder, func(dir string) {
			other, err := os.ReadFile(filepath.Join(dir, chunks[2].File))
			require.NoError(t, err)
			rewriteChunk(t, dir, 1, func([]byte) []byte { return other })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			damaged := copied(t, dir)
			c.harm(damaged)
			err := refused(t, damaged)
			require.ErrorIs(t, err, c.err)
			for _, other := range []error{ErrArchiveIndex, ErrArchiveGenesis, ErrArchiveGap, ErrArchiveOrder, ErrArchiveMissing, ErrArchiveCut,
				ErrArchiveTrailing, ErrArchiveDamaged, ErrArchiveForeign, ErrArchiveContent} {
				if other != c.err {
					require.NotErrorIs(t, err, other)
				}
			}
		})
	}
}

func alterFile(t testing.TB, dir, name string, alter func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, alter(b), 0o644))
}

// rewriteChunk alters a chunk and has the index vouch for what it became.
func rewriteChunk(t testing.TB, dir string, i int, alter func([]byte) []byte) {
	t.Helper()
	x := indexOf(t, dir)
	alterFile(t, dir, x.Chunks[i].File, func(b []byte) []byte {
		b = alter(b)
		x.Chunks[i].Bytes, x.Chunks[i].SHA256 = int64(len(b)), digestText(b)
		return b
	})
	writeIndex(t, dir, x)
}

// Every flipped bit of a chunk and every length of it is noticed.
func TestEveryByteOfAChunkCounts(t *testing.T) {
	dir, _ := exported(t, standard(t).close())
	x := indexOf(t, dir)
	a, err := openArchive(dir)
	require.NoError(t, err)
	defer a.close()
	c := &x.Chunks[1]
	whole, err := os.ReadFile(filepath.Join(dir, c.File))
	require.NoError(t, err)
	path := filepath.Join(dir, c.File)
	for i := 0; i < len(whole); i += 7 {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		require.NoError(t, os.WriteFile(path, b, 0o644))
		_, _, err := a.chunk(c)
		require.ErrorIs(t, err, ErrArchiveDamaged, "byte %d", i)
		require.NoError(t, os.WriteFile(path, whole[:i], 0o644))
		_, _, err = a.chunk(c)
		require.ErrorIs(t, err, ErrArchiveCut, "length %d", i)
	}
}

// An export that was interrupted, anywhere, goes on to the same archive; one that is there already is continued.
func TestExportGoesOn(t *testing.T) {
	home := standard(t).close()
	whole, _ := exported(t, home)
	want, err := os.ReadFile(filepath.Join(whole, archiveIndexFile))
	require.NoError(t, err)
	chunks := len(indexOf(t, whole).Chunks)
	for stop := range chunks {
		dir := filepath.Join(t.TempDir(), "archive")
		ctx, cancel := context.WithCancel(t.Context())
		o := ExportOptions{From: home, Out: dir, chunk: 4000}
		h, err := openSource(ctx, home, quiet())
		require.NoError(t, err)
		e := newExporter(o, stopping{h, indexOf(t, whole).Chunks[stop].First + 1, cancel})
		require.ErrorIs(t, e.run(ctx), context.Canceled)
		require.NoError(t, h.close())
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".part-left"), []byte("x"), 0o600))
		x, err := Export(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, chunks-stop, x.Chunks)
		got, err := os.ReadFile(filepath.Join(dir, archiveIndexFile))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "with the SHA-256 of every chunk")
		requireSameFiles(t, whole, dir)
		x, err = Export(t.Context(), o)
		require.NoError(t, err)
		require.Zero(t, x.Chunks, "there is nothing new")
	}
}

// requireSameFiles compares two archives byte for byte.
func requireSameFiles(t testing.TB, a, b string) {
	t.Helper()
	entries, err := os.ReadDir(a)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, e := range entries {
		one, err := os.ReadFile(filepath.Join(a, e.Name()))
		require.NoError(t, err)
		other, err := os.ReadFile(filepath.Join(b, e.Name()))
		require.NoError(t, err)
		require.True(t, bytes.Equal(one, other), e.Name())
	}
}

// stopping is a source that is interrupted before a height.
type stopping struct {
	source
	before int64
	stop   func()
}

func (s stopping) each(ctx context.Context, from, to int64, emit func(*blockRecord) error) error {
	return s.source.each(ctx, from, to, func(r *blockRecord) error {
		if r.height == s.before {
			s.stop()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return emit(r)
	})
}

// An export whose process ends at any place goes on to the same archive, byte for byte.
func TestExportIsKilled(t *testing.T) {
	home := standard(t).close()
	whole, _ := exported(t, home)
	places := 3 * len(indexOf(t, whole).Chunks)
	for at := range places {
		dir := filepath.Join(t.TempDir(), "archive")
		o, passed := ExportOptions{From: home, Out: dir, chunk: 4000}, 0
		o.Probe = func(string) {
			if passed++; passed == at+1 {
				panic("killed") // what was not written stays unwritten
			}
		}
		require.PanicsWithValue(t, "killed", func() { _, _ = Export(t.Context(), o) })
		o.Probe = nil
		_, err := Export(t.Context(), o)
		require.NoError(t, err)
		requireSameFiles(t, whole, dir)
	}
}

// An export refuses to continue another network's archive, or a damaged one, and the parts of an archive make a whole.
func TestExportInParts(t *testing.T) {
	m := standard(t)
	home := m.close()
	dir := filepath.Join(t.TempDir(), "archive")
	for _, last := range []int64{1, 4, 5, m.height()} {
		_, err := Export(t.Context(), ExportOptions{From: home, Out: dir, Last: last})
		require.NoError(t, err)
		r := replayOf(t, ReplayOptions{From: dir})
		require.Equal(t, hexBytes(m.hashes[last-1]), r.Report.AppHash)
	}
	_, err := Export(t.Context(), ExportOptions{From: home, Out: dir, Last: m.height() + 1})
	require.ErrorIs(t, err, ErrNoBlock)
	_, err = Export(t.Context(), ExportOptions{From: newOther(t), Out: dir})
	require.ErrorIs(t, err, ErrArchiveOther)
	chunks := indexOf(t, dir).Chunks
	alterFile(t, dir, chunks[len(chunks)-1].File, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	_, err = Export(t.Context(), ExportOptions{From: home, Out: dir})
	require.ErrorIs(t, err, ErrArchiveDamaged)
	late := filepath.Join(t.TempDir(), "late")
	_, err = Export(t.Context(), ExportOptions{From: home, Out: late, First: 5})
	require.NoError(t, err)
	require.ErrorIs(t, refused(t, late), ErrPrunedHistory)
	require.ErrorIs(t, refused(t, t.TempDir()), ErrNoHistory)
}

// newOther is the home of another network.
func newOther(t testing.TB) string {
	m := newMaker(t, 2)
	m.block()
	m.block()
	return m.close()
}

// freshHome is a home without a genesis.
func freshHome(t testing.TB) Config {
	t.Helper()
	c := testConfig(t)
	_, err := CreateHome(c)
	require.NoError(t, err)
	return c
}

// A home that was filled from an archive is, block for block and key for key, the home that the archive was made of.
func TestImport(t *testing.T) {
	m := standard(t)
	home := m.close()
	dir, _ := exported(t, home)
	c := freshHome(t)
	c.State.Archive = true
	r, err := Import(t.Context(), ImportOptions{From: dir, Config: c})
	require.NoError(t, err)
	require.Equal(t, m.height(), r.Report.Last)
	same := replayOf(t, ReplayOptions{From: dir, Against: c.Home})
	require.Nil(t, same.Report.Divergence)
	again, _ := exported(t, c.Home)
	require.Equal(t, indexOf(t, dir), indexOf(t, again))
	entries, err := os.ReadDir(c.DataDir())
	require.NoError(t, err)
	for _, e := range entries {
		require.False(t, strings.HasPrefix(e.Name(), importFolder), e.Name())
	}

	_, err = Import(t.Context(), ImportOptions{From: dir, Config: c})
	require.ErrorIs(t, err, ErrNotFresh)
	other := testHome(t)
	_, err = Import(t.Context(), ImportOptions{From: dir, Config: other})
	require.ErrorIs(t, err, ErrOtherGenesis)
}

// An import that ends while it puts the stores in place is ended by the next call; one that ends before is begun again.
func TestImportGoesOn(t *testing.T) {
	home := standard(t).close()
	dir, _ := exported(t, home)
	for moved := range len(imported) + 1 {
		c := freshHome(t)
		want, err := Import(t.Context(), ImportOptions{From: dir, Config: c})
		require.NoError(t, err)
		at := filepath.Join(c.DataDir(), importFolder)
		require.NoError(t, os.Mkdir(at, 0o700))
		for _, name := range imported[moved:] {
			require.NoError(t, os.Rename(filepath.Join(c.DataDir(), name), filepath.Join(at, name)))
		}
		report, err := want.Report.Bytes()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(at, importWhole), report, 0o600))
		_, err = Import(t.Context(), ImportOptions{From: newOther(t), Config: c})
		require.ErrorIs(t, err, ErrOtherGenesis)
		done, err := Import(t.Context(), ImportOptions{From: dir, Config: c})
		require.NoError(t, err)
		require.Equal(t, want.Report, done.Report)
		require.NoDirExists(t, at)
		require.Nil(t, replayOf(t, ReplayOptions{From: dir, Against: c.Home}).Report.Divergence)
	}
	c := freshHome(t)
	at := filepath.Join(c.DataDir(), importFolder)
	require.NoError(t, os.MkdirAll(filepath.Join(at, "state"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(at, "state", "rest"), []byte("x"), 0o600))
	_, err := Import(t.Context(), ImportOptions{From: dir, Config: c})
	require.NoError(t, err)
	require.NoDirExists(t, at)
}
