package client

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/stretchr/testify/require"

	"tradecredit/client/verifier"
	"tradecredit/types"
)

// longChain has heights of which each changes one of four validators.
func longChain(heights int) *fakeChain {
	f := newFakeChain(4)
	all := testValidators("v", 4+heights)
	f.sets = nil
	for h := range heights {
		f.sets = append(f.sets, all[h:h+4])
	}
	for range heights - 2 {
		f.add(map[string][]byte{"chain": {1}, "member/b-1": mustMarshal(&types.Member{Id: "b-1"})})
	}
	return f
}

// serveChain starts a node over a chain.
func serveChain(t *testing.T, f *fakeChain) (*fakeNode, string) {
	n := newFakeNode(f)
	s := httptest.NewServer(n)
	t.Cleanup(s.Close)
	return n, s.URL
}

// reader is a client whose clock stands just after the newest header of a chain.
func reader(t *testing.T, f *fakeChain, cfg Config) *Client {
	if cfg.Trust == nil && cfg.Store == nil {
		cfg.Trust = f.trust()
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return f.time(int64(len(f.states)) + 1).Add(time.Second) }
	}
	cfg.RetryFor = time.Second
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

func read(c *Client) error {
	_, _, err := Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{})
	return err
}

// forge is another history of the same chain from a height on: the same validators signed other headers.
func forge(f *fakeChain, from int64) *fakeChain {
	twin := *f
	twin.states = append([]map[string][]byte(nil), f.states...)
	for h := from; h <= int64(len(twin.states)); h++ {
		twin.states[h-1] = map[string][]byte{"chain": {2}, "member/b-1": mustMarshal(&types.Member{Id: "b-1", ControlGroup: "forged"})}
	}
	return &twin
}

// What witnesses say about a header decides whether it is used.
func TestWitnesses(t *testing.T) {
	chain := memberChain(4)
	_, url := serveChain(t, chain)
	_, same := serveChain(t, memberChain(4))
	_, liar := serveChain(t, forge(chain, 3))
	strangers := forge(chain, 3)
	strangers.sets = [][]ed25519.PrivKey{testValidators("forger", 4)}
	_, stranger := serveChain(t, strangers)
	const away = "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		witnesses []string
		want      error
	}{
		"agrees":                              {[]string{same}, nil},
		"one agrees, one is away":             {[]string{away, same}, nil},
		"away":                                {[]string{away}, ErrNoWitness},
		"conflicts":                           {[]string{same, liar}, ErrWitnessConflict},
		"conflicts, first":                    {[]string{liar, same}, ErrWitnessConflict},
		"shows what nobody signed":            {[]string{stranger}, ErrNoWitness},
		"one shows what nobody signed":        {[]string{stranger, same}, nil},
		"no light block, and one that agrees": {[]string{url + "/nothing", same}, nil},
		"no light block":                      {[]string{url + "/nothing"}, ErrNoWitness},
	} {
		t.Run(name, func(t *testing.T) {
			cl := reader(t, chain, Config{Endpoints: []string{url}, Witnesses: c.witnesses})
			for range 2 {
				require.ErrorIs(t, read(cl), c.want)
			}
		})
	}
	_, err := New(Config{Endpoints: []string{url}, Trust: chain.trust(), Witnesses: []string{url}})
	require.ErrorContains(t, err, "cannot bear witness")
}

// A conflict stops the client for good, and its evidence convinces somebody else.
func TestConflictStops(t *testing.T) {
	chain := memberChain(4)
	n, url := serveChain(t, chain)
	w, liar := serveChain(t, forge(chain, 3))
	path := filepath.Join(t.TempDir(), "trust.json.store")
	store, err := OpenTrustStore(path, chain.trust())
	require.NoError(t, err)
	cl := reader(t, chain, Config{Endpoints: []string{url}, Witnesses: []string{liar}, Store: store})
	err = read(cl)
	require.ErrorIs(t, err, ErrWitnessConflict)
	var conflict *ConflictError
	require.ErrorAs(t, err, &conflict)
	require.ErrorContains(t, err, liar)

	w.chain = chain // all is well again, but what happened has happened
	asked := n.requests
	require.ErrorIs(t, read(cl), ErrWitnessConflict)
	require.LessOrEqual(t, n.requests, asked+1)
	require.ErrorIs(t, cl.Keep(), ErrWitnessConflict)
	_, err = OpenTrustStore(path, chain.trust())
	require.ErrorIs(t, err, ErrWitnessConflict)
	require.ErrorContains(t, err, store.EvidencePath())

	evidence, err := ReadConflict(store.EvidencePath())
	require.NoError(t, err)
	both, err := evidence.Check(chain.trust())
	require.NoError(t, err)
	require.Len(t, both, 4)
	strangers := newFakeChain(4)
	strangers.sets = [][]ed25519.PrivKey{testValidators("x", 4)}
	_, err = evidence.Check(strangers.trust())
	require.ErrorIs(t, err, ErrConflictFile)
	one := *evidence
	one.Sides[1] = one.Sides[0]
	_, err = one.Check(chain.trust())
	require.ErrorIs(t, err, ErrConflictFile, "one header alone is no conflict")
	one.Sides[1] = ConflictSide{}
	_, err = one.Check(chain.trust())
	require.ErrorIs(t, err, ErrConflictFile)
	for _, bad := range []string{`{}`, `{"format":"tradecredit-conflict/1"}`, `[]`, `{"format":"tradecredit-conflict/1","more":1}`} {
		require.NoError(t, os.WriteFile(path, []byte(bad), 0o600))
		_, err = ReadConflict(path)
		require.ErrorIs(t, err, ErrConflictFile, bad)
	}

	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Remove(store.EvidencePath())) // a person has settled it
	store, err = OpenTrustStore(path, chain.trust())
	require.NoError(t, err)
	require.NoError(t, read(reader(t, chain, Config{Endpoints: []string{url}, Store: store})))
}

// TestConflictGolden keeps evidence as a file, for the program that checks it and for readers of the format.
func TestConflictGolden(t *testing.T) {
	chain := memberChain(4)
	e := newConflict(chain.trust(), side{"the node", []*LightBlock{chain.block(4)}}, side{"http://10.0.0.8:8080", []*LightBlock{forge(chain, 3).block(4)}})
	if *update {
		require.NoError(t, e.WriteFile("testdata/conflict.json"))
		require.NoError(t, WriteTrust("testdata/conflict.trust.json", chain.trust()))
		require.NoError(t, os.WriteFile("testdata/conflict.trust.json.store", storeOf(chain.trust(), chain.block(4)), 0o644))
	}
	kept, err := ReadConflict("testdata/conflict.json")
	require.NoError(t, err)
	require.Equal(t, e.Sides, kept.Sides)
	trust, err := ReadTrust("testdata/conflict.trust.json")
	require.NoError(t, err)
	both, err := kept.Check(trust)
	require.NoError(t, err)
	require.Len(t, both, 4)
	s, err := OpenTrustStore("testdata/conflict.trust.json.store", trust)
	require.NoError(t, err)
	require.Equal(t, int64(4), s.Steps()[0].Height)
}

// The node skips to a forged header by a third of the pinned power; the honest witness's way leads over headers between.
func TestWitnessGoesItsOwnWay(t *testing.T) {
	honest := longChain(12)
	forged := *honest
	forged.states = forge(honest, 1).states
	first := honest.sets[0]
	forged.sets = make([][]ed25519.PrivKey, 12)
	for h := range forged.sets { // half of the first validators went over to the forger
		forged.sets[h] = append([]ed25519.PrivKey{first[0], first[1]}, testValidators("evil", 1)...)
	}
	forged.sets[0] = first
	_, node := serveChain(t, &forged)
	w, witness := serveChain(t, honest)
	cl := reader(t, honest, Config{Endpoints: []string{node}, Witnesses: []string{witness}})
	err := read(cl)
	require.ErrorIs(t, err, ErrWitnessConflict)
	require.Greater(t, w.requests, 2, "the witness's header needs headers between")
	var conflict *ConflictError
	require.ErrorAs(t, err, &conflict)
	_, err = conflict.Check(honest.trust())
	require.NoError(t, err)

	// Without a witness the forgery is believed: that is what they are for.
	require.NoError(t, read(reader(t, honest, Config{Endpoints: []string{node}})))
}

// What was verified is kept, verified again when it is read, and only moves forward.
func TestTrustStore(t *testing.T) {
	f := longChain(40)
	n, url := serveChain(t, f)
	path := filepath.Join(t.TempDir(), "trust.json.store")
	open := func() (*Client, *TrustStore) {
		s, err := OpenTrustStore(path, f.trust())
		require.NoError(t, err)
		return reader(t, f, Config{Endpoints: []string{url}, Store: s}), s
	}
	cl, s := open()
	require.Empty(t, s.Steps())
	require.NoError(t, cl.Keep())
	require.NoFileExists(t, path, "there was nothing to keep")
	require.NoError(t, read(cl))
	first := n.requests
	require.Greater(t, first, 10, "there are headers between")
	require.NoError(t, cl.Keep())
	require.Equal(t, int64(39), s.Steps()[len(s.Steps())-1].Height)

	again, s2 := open()
	require.Equal(t, s.Steps(), s2.Steps())
	require.NoError(t, read(again))
	require.Equal(t, first+1, n.requests, "nothing but the record is asked")
	for i, step := range s2.Steps() {
		require.Equal(t, DefaultTrustPeriod, step.Period)
		require.Equal(t, f.time(step.Height), step.Since.UTC(), "step %d", i)
	}

	// Each header that is kept is needed: a third of the power carries over three changes of four, and no more.
	require.Greater(t, len(s2.Steps()), 10)
	require.Less(t, len(s2.Steps()), 30)
	for i, step := range s2.Steps()[1:] {
		before := f.trust()
		if i > 0 {
			before = s2.Steps()[i-1]
		}
		require.False(t, follows(f.block(step.Height), before), "header %d could be forgotten", s2.Steps()[i].Height)
	}

	// An older history is not written over a newer one, by whomever.
	old, err := OpenTrustStore(filepath.Join(t.TempDir(), "other"), f.trust())
	require.NoError(t, err)
	old.path = path
	require.NoError(t, old.save(pins{{trust: f.trust()}}.extend([]*LightBlock{f.block(2)}, f.time(3))))
	require.Equal(t, int64(39), old.pins.newest().trust.Height, "what the other program kept is taken over")
	_, s3 := open()
	require.Equal(t, s2.Steps(), s3.Steps())
}

// A store is refused, with a name, when anything in it does not follow from the trust file.
func TestTrustStoreDamaged(t *testing.T) {
	f := longChain(12)
	_, url := serveChain(t, f)
	path := filepath.Join(t.TempDir(), "store")
	s, err := OpenTrustStore(path, f.trust())
	require.NoError(t, err)
	cl := reader(t, f, Config{Endpoints: []string{url}, Store: s})
	require.NoError(t, read(cl))
	require.NoError(t, cl.Keep())
	good := readTestFile(t, path)
	strange := longChain(12)
	strange.sets = [][]ed25519.PrivKey{testValidators("x", 4)}
	for name, c := range map[string]struct {
		change func(*storeFile)
		want   error
	}{
		"untouched":         {func(*storeFile) {}, nil},
		"other format":      {func(f *storeFile) { f.Format += "1" }, ErrTrustStore},
		"no steps":          {func(f *storeFile) { f.Steps = nil }, ErrTrustStore},
		"too many steps":    {func(f *storeFile) { f.Steps = make([]storeStep, maxStoreSteps+1) }, ErrTrustStore},
		"a step left out":   {func(f *storeFile) { f.Steps = f.Steps[1:] }, ErrTrustStore},
		"steps swapped":     {func(f *storeFile) { f.Steps[0], f.Steps[1] = f.Steps[1], f.Steps[0] }, ErrTrustStore},
		"a step twice":      {func(f *storeFile) { f.Steps = append(f.Steps[:1], f.Steps...) }, ErrTrustStore},
		"other height":      {func(f *storeFile) { f.Steps[0].Height++ }, ErrTrustStore},
		"other time":        {func(f *storeFile) { f.Steps[0].HeaderTime = f.Steps[1].HeaderTime }, ErrTrustStore},
		"no time":           {func(f *storeFile) { f.Steps[0].Verified = "" }, ErrTrustStore},
		"no light block":    {func(f *storeFile) { f.Steps[0].LightBlock = nil }, ErrTrustStore},
		"strangers' header": {func(f *storeFile) { f.Steps[len(f.Steps)-1].LightBlock = strange.block(11).Normal() }, ErrTrustStore},
		"other chain":       {func(f *storeFile) { f.ChainID = "other" }, ErrTrustStoreOther},
		"other root":        {func(f *storeFile) { f.Root = "00" }, ErrTrustStoreOther},
	} {
		t.Run(name, func(t *testing.T) {
			var file storeFile
			require.NoError(t, json.Unmarshal(good, &file))
			c.change(&file)
			data, err := json.Marshal(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, data, 0o600))
			_, err = OpenTrustStore(path, f.trust())
			require.ErrorIs(t, err, c.want)
		})
	}
	for _, bad := range []string{"", "{", `{"x":1}`, string(good) + string(good)} {
		require.NoError(t, os.WriteFile(path, []byte(bad), 0o600))
		_, err = OpenTrustStore(path, f.trust())
		require.ErrorIs(t, err, ErrTrustStore)
	}
	// One bit of the file's light blocks, and it is refused.
	var file storeFile
	require.NoError(t, json.Unmarshal(good, &file))
	block := file.Steps[1].LightBlock
	for bit := 0; bit < 8*len(block); bit += 97 {
		block[bit/8] ^= 1 << (bit % 8)
		data, err := json.Marshal(file)
		require.NoError(t, err)
		_, err = readStore(data, f.trust())
		require.ErrorIs(t, err, ErrTrustStore, "bit %d", bit)
		block[bit/8] ^= 1 << (bit % 8)
	}
}

// A trust file that moved forward takes along what is newer; one that went elsewhere is told apart.
func TestTrustStoreRoots(t *testing.T) {
	f := longChain(20)
	_, url := serveChain(t, f)
	path := filepath.Join(t.TempDir(), "store")
	s, err := OpenTrustStore(path, f.trust())
	require.NoError(t, err)
	cl := reader(t, f, Config{Endpoints: []string{url}, Store: s})
	require.NoError(t, read(cl))
	require.NoError(t, cl.Keep())
	steps := s.Steps()

	again := f.trust() // the same genesis, pinned once more
	again.Since = again.Since.Add(time.Hour)
	s, err = OpenTrustStore(path, again)
	require.NoError(t, err)
	require.Len(t, s.Steps(), len(steps))
	require.Equal(t, again.Since, s.Steps()[0].Since)

	s, err = OpenTrustStore(path, steps[2])
	require.NoError(t, err)
	require.Len(t, s.Steps(), len(steps)-3)

	s, err = OpenTrustStore(path, verifier.TrustFrom(f.block(21), time.Hour))
	require.NoError(t, err)
	require.Empty(t, s.Steps(), "the trust file is newer than all that was kept")

	elsewhere := longChain(20)
	elsewhere.sets = append([][]ed25519.PrivKey{testValidators("e", 4)}, elsewhere.sets[1:]...)
	_, err = OpenTrustStore(path, elsewhere.trust())
	require.ErrorIs(t, err, ErrTrustStoreOther)
	_, err = OpenTrustStore(path, nil)
	require.ErrorIs(t, err, ErrNoTrust)
}

// A pin is believed for its period and no longer; each verified header begins a new one.
func TestTrustExpires(t *testing.T) {
	f := memberChain(4)
	f.step = 24 * time.Hour
	for range 60 {
		f.add(f.states[len(f.states)-1])
	}
	_, url := serveChain(t, f)
	trust := f.trust()
	trust.Period = 20 * 24 * time.Hour
	now := f.time(5)
	path := filepath.Join(t.TempDir(), "store")
	open := func(period time.Duration) *Client {
		s, err := OpenTrustStore(path, trust)
		require.NoError(t, err)
		return reader(t, f, Config{Endpoints: []string{url}, Store: s, TrustPeriod: period, Now: func() time.Time { return now }})
	}
	at := func(c *Client, height int64) error {
		_, _, err := Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{Height: height})
		return err
	}
	require.NoError(t, at(open(0), 3))
	require.ErrorIs(t, at(open(24*time.Hour), 3), ErrTrustExpired, "a shorter period was asked")
	for h := int64(15); h <= 60; h += 15 { // each time within the period, from what was kept the time before
		now = f.time(h + 2)
		c := open(0)
		require.NoError(t, at(c, h), h)
		require.NoError(t, c.Keep())
	}
	// The trust file's own pin has long expired; what is older than the newest pin is borne out by that.
	require.NoError(t, at(open(0), 10))
	require.ErrorIs(t, at(reader(t, f, Config{Endpoints: []string{url}, Trust: trust, Now: func() time.Time { return now }}), 60), ErrTrustExpired)
	now = f.time(61).Add(20 * 24 * time.Hour)
	require.ErrorIs(t, at(open(0), 60), ErrTrustExpired)
	now = now.Add(-time.Second)
	require.NoError(t, at(open(0), 60))
}

// A header of a height that was verified before, and another: the past is a witness too.
func TestKeptHeaderBearsWitness(t *testing.T) {
	f := memberChain(4)
	n, url := serveChain(t, f)
	c := reader(t, f, Config{Endpoints: []string{url}})
	require.NoError(t, read(c))
	n.chain = forge(f, 3)
	err := read(c)
	require.ErrorIs(t, err, ErrWitnessConflict)
	require.ErrorContains(t, err, "verified before")
}

// A node that shows headers without end brings nobody far.
func TestFollowIsBounded(t *testing.T) {
	f := longChain(12)
	steps, err := follow(context.Background(), func(_ context.Context, h int64) (*LightBlock, error) { return f.block(h), nil }, f.trust(), f.block(11), f.time(12))
	require.NoError(t, err)
	for i, lb := range steps[1:] {
		require.Greater(t, lb.Height, steps[i].Height)
	}
	// A middle that is the target again, or one of strangers.
	_, err = follow(context.Background(), func(context.Context, int64) (*LightBlock, error) { return f.block(11), nil }, f.trust(), f.block(11), f.time(12))
	require.ErrorIs(t, err, ErrOtherHeight)
	strange := longChain(12)
	strange.sets = [][]ed25519.PrivKey{testValidators("x", 4)}
	_, err = follow(context.Background(), func(_ context.Context, h int64) (*LightBlock, error) { return strange.block(h), nil }, f.trust(), f.block(11), f.time(12))
	require.Error(t, err)
}

// Readers of one client at once.
func TestGetConcurrently(t *testing.T) {
	f := longChain(30)
	n, url := serveChain(t, f)
	_, witness := serveChain(t, longChain(30))
	s, err := OpenTrustStore(filepath.Join(t.TempDir(), "store"), f.trust())
	require.NoError(t, err)
	c := reader(t, f, Config{Endpoints: []string{url}, Witnesses: []string{witness}, Store: s})
	done := make(chan error, 8)
	for i := range 8 {
		go func() {
			var err error
			for h := int64(i + 1); h < 28 && err == nil; h += 5 {
				_, _, err = Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{Height: h, MaxAge: -1})
			}
			if err == nil {
				err = c.Keep()
			}
			done <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-done)
	}
	require.NoError(t, read(c))
	require.NoError(t, c.Keep())
	require.Greater(t, n.requests, 30)
}
