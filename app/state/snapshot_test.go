package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// snapshotOf takes a snapshot in small chunks, and its manifest through its encoding.
func snapshotOf(t *testing.T, db *DB) (*Manifest, [][]byte) {
	t.Helper()
	var chunks [][]byte
	s, err := db.Snapshot()
	require.NoError(t, err)
	defer s.Close()
	m, err := s.Write(func(index int, chunk []byte) error {
		require.Equal(t, len(chunks), index)
		chunks = append(chunks, bytes.Clone(chunk))
		return nil
	}, nil)
	require.NoError(t, err)
	encoded, err := m.Marshal()
	require.NoError(t, err)
	var back Manifest
	require.NoError(t, back.Unmarshal(encoded))
	require.Equal(t, m, &back)
	require.Equal(t, len(chunks), back.Chunks())
	return &back, chunks
}

// restore fills a new store, and returns the first error.
func restore(m *Manifest, height int64, hash types.Hash, chunks [][]byte, o Options) (*DB, error) {
	db, err := Open("db", o)
	if err != nil {
		return nil, err
	}
	r, err := db.Restore(m, height, hash)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	for i, c := range chunks {
		if err := r.Chunk(i, c); err != nil {
			return nil, err
		}
	}
	return db, r.Finish()
}

func snapshotOptions() Options {
	o := crashOptions(vfs.NewMem())
	o.ChunkBytes = 2000
	return o
}

func TestRestoreGoesOnLikeTheSource(t *testing.T) {
	w := newTwin(t)
	source := chainDB(t, vfs.NewMem(), snapshotOptions(), 9)
	defer source.Close()
	m, chunks := snapshotOf(t, source)
	require.Greater(t, len(chunks), 5)
	require.Equal(t, int64(9), m.Height())
	require.Equal(t, w.appHash[9], m.AppHash())
	runCrashBlock(t, source, 10) // the source goes on meanwhile

	o := snapshotOptions()
	db, err := restore(m, 9, w.appHash[9], chunks, o)
	require.NoError(t, err)
	again, chunksAgain := snapshotOf(t, db)
	require.Equal(t, m, again)
	require.Equal(t, chunks, chunksAgain)
	_, err = db.Restore(m, 9, w.appHash[9])
	require.ErrorIs(t, err, ErrStale)
	_, err = db.Changes(9)
	require.ErrorIs(t, err, ErrPruned)
	_, err = db.At(8)
	require.ErrorIs(t, err, ErrPruned)
	proves := func() {
		v, err := db.At(9)
		require.NoError(t, err)
		defer v.Close()
		checkProof(t, v, m.head.Roots, "chain", "genesis", true)
	}
	proves()
	require.NoError(t, db.Verify())
	require.NoError(t, db.Close())
}

func TestRestoredStoreStartsAgain(t *testing.T) {
	w := newTwin(t)
	source := chainDB(t, vfs.NewMem(), snapshotOptions(), 9)
	m, chunks := snapshotOf(t, source)
	require.NoError(t, source.Close())
	fs := vfs.NewCrashableMem()
	o := snapshotOptions()
	o.FS = fs
	db, err := restore(m, 9, w.appHash[9], chunks, o)
	require.NoError(t, err)
	after := fs.CrashClone(vfs.CrashCloneCfg{}) // durable as soon as Finish returned
	require.Equal(t, int64(9), w.check(t, "db", after, 9))
	require.Equal(t, w.appHash[10], runCrashBlock(t, db, 10))
	require.NoError(t, db.Close())
	db, err = Open("db", o)
	require.NoError(t, err)
	v, err := db.At(9) // proved from rows, across the restart
	require.NoError(t, err)
	checkProof(t, v, m.head.Roots, "chain", "genesis", true)
	require.NoError(t, v.Close())
	for h := int64(11); h <= crashBlocks; h++ {
		require.Equal(t, w.appHash[h], runCrashBlock(t, db, h))
	}
	require.NoError(t, db.Verify())
	require.NoError(t, db.Close())
}

// TestUnfinishedRestoreIsRefused: no state comes of a part of a snapshot.
func TestUnfinishedRestoreIsRefused(t *testing.T) {
	source := chainDB(t, vfs.NewMem(), snapshotOptions(), 9)
	defer source.Close()
	m, chunks := snapshotOf(t, source)
	o := snapshotOptions()
	_, err := restore(m, 9, m.AppHash(), chunks[:len(chunks)-1], o)
	require.ErrorIs(t, err, ErrSnapshot)
	db, err := Open("db", snapshotOptions())
	require.NoError(t, err)
	r, err := db.Restore(m, 9, m.AppHash())
	require.NoError(t, err)
	b := NewBatch(db.View())
	b.Set("chain", []byte("genesis"))
	_, err = db.Stage(1, b)
	require.ErrorIs(t, err, ErrFailed)
	require.ErrorIs(t, r.Finish(), ErrSnapshot)
	fs := vfs.NewMem()
	left := chainDB(t, fs, snapshotOptions(), 2)
	require.NoError(t, left.disk.Delete(headKey, nil))
	require.NoError(t, left.Close())
	o.FS = fs
	_, err = Open("db", o)
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "no block")
	empty, err := Open("db", snapshotOptions())
	require.NoError(t, err)
	_, err = empty.Snapshot()
	require.ErrorIs(t, err, ErrFuture)
}

// TestForgedSnapshots: whatever a peer changes, and makes its manifest fit to, is refused.
func TestForgedSnapshots(t *testing.T) {
	source := chainDB(t, vfs.NewMem(), snapshotOptions(), 9)
	defer source.Close()
	m, chunks := snapshotOf(t, source)
	hash := m.AppHash()
	encoded, err := m.Marshal()
	require.NoError(t, err)
	refused := func(m *Manifest, chunks [][]byte) {
		t.Helper()
		_, err := restore(m, 9, hash, chunks, snapshotOptions())
		require.ErrorIs(t, err, ErrSnapshot)
	}
	change := func(index int, f func(c []byte) []byte) (*Manifest, [][]byte) {
		var forged Manifest
		require.NoError(t, forged.Unmarshal(encoded))
		cs := slices.Clone(chunks)
		cs[index] = f(bytes.Clone(cs[index]))
		forged.chunks[index].hash = sha256.Sum256(cs[index])
		return &forged, cs
	}
	logs := 0
	for i := range chunks {
		if m.chunks[i].section == sectionLogs {
			logs++
			continue // whose truth the caller checks
		}
		for _, f := range []func(c []byte) []byte{
			func(c []byte) []byte { c[len(c)/2] ^= 1; return c },
			func(c []byte) []byte { c[len(c)-1] ^= 0x80; return c },
			func(c []byte) []byte { return c[:len(c)-1] },
			func(c []byte) []byte { return c[:1] },
			func(c []byte) []byte { return append(c, c[1:]...) },
			func(c []byte) []byte { return append(c, 0) },
			func(c []byte) []byte { c[0] ^= 3; return c },
			func(c []byte) []byte { return append(c, make([]byte, MaxChunkSize)...) },
		} {
			refused(change(i, f))
		}
	}
	require.Positive(t, logs)
	swapped := slices.Clone(chunks)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	refused(m, swapped)
	refused(m, append(slices.Clone(chunks), chunks[0]))
}

// TestForgedManifests changes manifests bit by bit.
func TestForgedManifests(t *testing.T) {
	source := chainDB(t, vfs.NewMem(), snapshotOptions(), 9)
	defer source.Close()
	m, chunks := snapshotOf(t, source)
	hash := m.AppHash()
	encoded, err := m.Marshal()
	require.NoError(t, err)
	for i := range len(encoded) {
		if i > 300 && i < len(encoded)-300 && i%61 != 0 {
			continue // the middle is one shard like the other
		}
		bad := bytes.Clone(encoded)
		bad[i] ^= 1 << (i % 8)
		var forged Manifest
		if err := forged.Unmarshal(bad); err != nil {
			require.ErrorIs(t, err, ErrSnapshot)
			continue
		}
		// What is left to a peer is where chunks of leaves end, between shards that are empty.
		db, err := restore(&forged, 9, hash, chunks, snapshotOptions())
		if err != nil {
			require.ErrorIs(t, err, ErrSnapshot)
			continue
		}
		require.NoError(t, db.Verify())
		require.Equal(t, contents(t, source), contents(t, db))
	}
	for n := 0; n < len(encoded); n += 37 {
		require.ErrorIs(t, new(Manifest).Unmarshal(encoded[:n]), ErrSnapshot)
	}
	require.ErrorIs(t, new(Manifest).Unmarshal(make([]byte, MaxManifestSize+1)), ErrSnapshot)
	db, err := Open("db", snapshotOptions())
	require.NoError(t, err)
	_, err = db.Restore(m, 8, hash)
	require.ErrorIs(t, err, ErrSnapshot)
	_, err = db.Restore(m, 9, types.Hash{1})
	require.ErrorIs(t, err, ErrSnapshot)
}

// TestRestoreWithReferencesAhead: a restored store takes references in buckets that are not dropped and lie before all
// that it has; and what was dropped at the source and not yet deleted is no part of a snapshot.
func TestRestoreWithReferencesAhead(t *testing.T) {
	for _, live := range []bool{true, false} {
		source, err := Open("db", snapshotOptions())
		require.NoError(t, err)
		run := func(db *DB, height int64, change func(*Batch)) types.Hash {
			v := db.View()
			defer v.Close()
			b := NewBatch(v)
			b.Set("chain", []byte("genesis"))
			change(b)
			s, err := db.Stage(height, b)
			require.NoError(t, err)
			require.NoError(t, db.Apply(s))
			return s.AppHash()
		}
		run(source, 1, func(b *Batch) {
			for i := range 20_000 { // more than one block deletes
				b.SetReference(3, fmt.Sprint("old/", i), []byte("done"))
			}
		})
		hash := run(source, 2, func(b *Batch) {
			b.DropReferences(5)
			if live {
				b.SetReference(9, "new/1", []byte("done"))
			}
		})
		m, chunks := snapshotOf(t, source)
		db, err := restore(m, 2, hash, chunks, snapshotOptions())
		require.NoError(t, err)
		next := func(b *Batch) {
			b.DropReferences(5)
			b.SetReference(5, "new/2", []byte("done"))
		}
		require.Equal(t, run(source, 3, next), run(db, 3, next))
		require.NoError(t, db.Verify())
		require.NoError(t, db.Close())
		require.NoError(t, source.Close())
	}
}
