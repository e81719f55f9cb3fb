package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	lightstore "github.com/cometbft/cometbft/light/store/db"
	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	sm "github.com/cometbft/cometbft/state"
	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// A node that joins asks the HTTP interfaces of other members' nodes for headers, a snapshot and one block, and believes none
// of them. CometBFT's light client verifies the headers from the trusted one on, and compares what one server says with what
// the others say; the header after the snapshot's height holds the app hash that the snapshot must give, and the block must
// have the hash of its header. (CometBFT's own state sync wants the JSON-RPC of two nodes, which this product keeps to
// loopback, and gives chunks of unknown senders a connection among the members. The application answers its calls all the
// same: see app.OfferSnapshot.)

// Errors of a join, beside those of packages app and state about snapshots.
var (
	// ErrNoSnapshot: no server offers a snapshot that could be restored. Why stands with it.
	ErrNoSnapshot = errors.New("no snapshot could be restored")
	// ErrTrust: no header could be verified from the trusted one on.
	ErrTrust = errors.New("headers could not be verified")
	// ErrSnapshotBeforeTrust: the snapshot is older than the trusted header.
	ErrSnapshotBeforeTrust = fmt.Errorf("%w: older than the trusted header", app.ErrSnapshotOld)
)

// Joined says what a node begins with.
type Joined struct {
	Height  int64
	AppHash types.Hash
	Chunks  int
	Bytes   int64
	Took    time.Duration
	Refused []string // what was refused on the way, in words
}

// Join makes the data of a home that has none from a snapshot, as cfg.StateSync says. A join that fails, or whose process
// ends, leaves the home as it was.
func Join(ctx context.Context, cfg Config, logger *slog.Logger) (*Joined, error) {
	return join(ctx, cfg, logger, nil)
}

// join is Join for a node that tests may end in the middle.
func join(ctx context.Context, cfg Config, logger *slog.Logger, probe func(string)) (*Joined, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(cfg.StateSync.From) == 0 {
		return nil, errors.New("statesync.from is empty: name the HTTP interfaces of nodes of two different members")
	}
	genesis, err := readGenesis(&cfg)
	if err != nil {
		return nil, err
	}
	if err := settle(&cfg); err != nil {
		return nil, err
	}
	if err := beginScratch(&cfg); err != nil {
		return nil, err
	}
	trust, err := parseTrust(cfg.StateSync.Trust)
	if err != nil {
		return nil, err
	}
	j := &joining{cfg: &cfg, logger: logger.With("part", "join"), genesis: genesis, trust: trust, probe: probe, began: time.Now()}
	for _, url := range cfg.StateSync.From {
		j.sources = append(j.sources, newOfferer(url, genesis.ChainID))
	}
	if err := j.run(ctx); err != nil {
		return nil, errors.Join(err, settle(&cfg)) // not complete: removed
	}
	j.joined.Took = time.Since(j.began)
	return &j.joined, complete(&cfg)
}

// joining is a join at work.
type joining struct {
	cfg     *Config
	logger  *slog.Logger
	genesis *cmttypes.GenesisDoc
	trust   trusted
	sources []*offerer
	light   *light.Client // nil: nobody's headers can be verified
	probe   func(point string)
	circle  int // next order of sources
	waited  int // for servers that are behind
	began   time.Time
	joined  Joined
}

// refused notes what was refused.
func (j *joining) refused(what string, err error) {
	j.joined.Refused = append(j.joined.Refused, fmt.Sprintf("%s: %v", what, err))
	j.logger.Warn("refused", "what", what, "err", err.Error())
}

func (j *joining) run(ctx context.Context) (err error) {
	if err := j.connect(ctx); err != nil {
		return err
	}
	scratch := j.cfg.scratch()
	options := stateOptions(j.cfg, j.logger)
	options.Probe = j.probe
	db, err := state.Open(scratch.StateDir(), options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	a, err := app.New(db, app.Options{Logger: j.logger})
	if err != nil {
		return err
	}
	defer a.Quit()
	for range headerWaits {
		early, err := j.restoreAny(ctx, a)
		if err == nil || !early {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(headerPause):
		}
	}
	return fmt.Errorf("%w: the headers after the newest one do not come", ErrNoSnapshot)
}

// restoreAny restores the newest snapshot that is offered and holds. early says that some could not be judged yet, or were
// replaced by newer ones meanwhile, so that it is worth asking again.
func (j *joining) restoreAny(ctx context.Context, a *app.App) (early bool, err error) {
	for _, c := range j.candidates(ctx) {
		err := j.restore(ctx, a, c)
		if err == nil {
			return false, nil
		}
		if errors.Is(err, errNotYet) || errors.Is(err, errGone) {
			early = true
			continue
		}
		j.refused(fmt.Sprintf("snapshot %s of height %d", c.info.Hash, c.info.Height), err)
		if ctx.Err() != nil || j.light == nil || !errors.Is(err, state.ErrSnapshot) && !errors.Is(err, errNoSender) && !errors.Is(err, ErrTrust) {
			return false, err // this machine's fault, or there is nobody left to ask for headers
		}
	}
	return early, fmt.Errorf("%w; refused were: %q", ErrNoSnapshot, j.joined.Refused)
}

// Bounds of the wait for the headers after a snapshot that was made a moment ago.
const (
	headerPause = 500 * time.Millisecond
	headerWaits = 40
)

// errNotYet: the chain has not reached the height, or nobody says so.
var errNotYet = errors.New("that height is not there yet")

// circles are the orders in which the sources may be asked: each before all others, then without one of them, who may be lying
// about what no signature covers. Two are left in each.
func (j *joining) circles() [][]*offerer {
	var out [][]*offerer
	rotations := func(list []*offerer) {
		for i := range list {
			out = append(out, slices.Concat(list[i:], list[:i]))
		}
	}
	rotations(j.sources)
	for i := range j.sources {
		if len(j.sources) > 2 {
			rotations(slices.Concat(j.sources[:i], j.sources[i+1:]))
		}
	}
	return out
}

// connect finds servers whose headers follow from what is trusted and are the same; the next ones each time.
func (j *joining) connect(ctx context.Context) error {
	circles := j.circles()
	for j.circle < len(circles) {
		circle := circles[j.circle]
		err := j.connectTo(ctx, circle)
		if j.behind(ctx, err) {
			continue
		}
		j.circle++
		if err == nil || ctx.Err() != nil {
			return err
		}
		j.refused("headers of "+circle[0].url, err)
	}
	return fmt.Errorf("%w: %q", ErrTrust, j.joined.Refused)
}

// witnessWaits is how often a join waits, all in all, for a server that lacks a header which another one has already.
const witnessWaits = 20

// behind tells whether err may come from servers that are a block behind the one that was asked first, and waits a moment then.
func (j *joining) behind(ctx context.Context, err error) bool {
	if !errors.Is(err, light.ErrFailedHeaderCrossReferencing) || j.waited >= witnessWaits {
		return false
	}
	j.waited++
	select {
	case <-ctx.Done():
		return false
	case <-time.After(headerPause):
		return true
	}
}

// connectTo makes a light client that asks the first source and compares with the others.
func (j *joining) connectTo(ctx context.Context, circle []*offerer) (err error) {
	options := light.TrustOptions{Period: time.Duration(j.cfg.StateSync.TrustPeriod), Height: j.trust.height, Hash: j.trust.hash}
	if j.trust.height == 0 {
		if options.Height, options.Hash, err = j.firstHeader(ctx, circle[0]); err != nil {
			return err
		}
	}
	var witnesses []provider.Provider
	for _, s := range circle[1:] {
		witnesses = append(witnesses, s)
	}
	log := newEngineLog(j.logger, j.cfg.Log.EngineLevel, new(atomic.Bool))
	j.light = nil
	c, err := light.NewClient(ctx, j.genesis.ChainID, options, circle[0], witnesses, lightstore.New(dbm.NewMemDB(), ""),
		light.Logger(log), light.MaxRetryAttempts(3))
	if err != nil {
		return err
	}
	if _, err = c.Update(ctx, time.Now()); err == nil {
		j.light = c
	}
	return err
}

// firstHeader is the header of the first block, signed by the validators of the genesis.
func (j *joining) firstHeader(ctx context.Context, s *offerer) (int64, []byte, error) {
	block, err := s.LightBlock(ctx, j.genesis.InitialHeight)
	if err != nil {
		return 0, nil, err
	}
	validators := make([]*cmttypes.Validator, len(j.genesis.Validators))
	for i, v := range j.genesis.Validators {
		validators[i] = cmttypes.NewValidator(v.PubKey, v.Power)
	}
	set := cmttypes.NewValidatorSet(validators)
	if !bytes.Equal(block.ValidatorsHash, set.Hash()) {
		return 0, nil, errors.New("the first header is not of the validators of the genesis")
	}
	return block.Height, block.Hash(), set.VerifyCommitLight(j.genesis.ChainID, block.Commit.BlockID, block.Height, block.Commit)
}

// header is the verified header of a height. When the servers that are asked fail, others take their place.
func (j *joining) header(ctx context.Context, height int64) (*cmttypes.LightBlock, error) {
	for {
		block, err := j.light.VerifyLightBlockAtHeight(ctx, height, time.Now())
		if err == nil {
			err = proposes(block)
		}
		if err == nil {
			return block, nil
		}
		if errors.Is(err, provider.ErrLightBlockNotFound) || errors.Is(err, provider.ErrHeightTooHigh) {
			return nil, fmt.Errorf("%w: %d", errNotYet, height)
		}
		if j.behind(ctx, err) {
			continue
		}
		j.refused(fmt.Sprintf("header %d", height), err)
		if again := j.connect(ctx); again != nil {
			return nil, fmt.Errorf("%w: height %d: %w", ErrTrust, height, err)
		}
	}
}

// errOtherBlock: a block that is not the one that was asked for.
var errOtherBlock = errors.New("not the block of the verified header")

// restore brings the application and CometBFT's stores to the height of the candidate.
func (j *joining) restore(ctx context.Context, a *app.App, c *candidate) error {
	height := c.info.Height
	if height < 1 || height < j.trust.height {
		return fmt.Errorf("%w: height %d, trusted is %d", ErrSnapshotBeforeTrust, height, j.trust.height)
	}
	var blocks [3]*cmttypes.LightBlock
	for i := range blocks {
		var err error
		if blocks[i], err = j.header(ctx, height+int64(i)); err != nil {
			return err
		}
	}
	appHash := blocks[1].AppHash
	j.logger.Info("a snapshot was found", "height", height, "chunks", c.info.Chunks, "bytes", c.info.Bytes, "from", len(c.senders))
	err := j.ask(ctx, c, 0, func(s *offerer) ([]byte, error) { return s.manifest(ctx, height) }, func(manifest []byte) error {
		return a.Offer(&abci.Snapshot{
			Height: uint64(height), Format: c.info.Format, Chunks: uint32(max(0, c.info.Chunks)), Hash: unhex(c.info.Hash), Metadata: manifest,
		}, appHash)
	})
	if err != nil {
		return err
	}
	b, err := j.beginning(blocks)
	if err != nil {
		return err
	}
	err = j.ask(ctx, c, 0, func(s *offerer) ([]byte, error) { return s.block(ctx, height) }, func(raw []byte) (err error) {
		if b.block, err = unmarshalBlock(raw); err == nil {
			err = b.check(j.genesis)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errOtherBlock, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := j.chunks(ctx, a, c); err != nil {
		return err
	}
	scratch := j.cfg.scratch()
	j.joined.Height, j.joined.AppHash = height, types.Hash(appHash)
	return b.write(scratch.DataDir(), j.logger)
}

// chunks fetches and applies all chunks in order, one ahead.
func (j *joining) chunks(ctx context.Context, a *app.App, c *candidate) error {
	told := newPace(j.logger, "fetching", c.info.Chunks)
	for i := range c.info.Chunks {
		done := false
		err := j.ask(ctx, c, i, func(s *offerer) ([]byte, error) { return s.chunk(ctx, c.info.Height, i) }, func(chunk []byte) (err error) {
			j.joined.Bytes += int64(len(chunk))
			done, err = a.Chunk(i, chunk)
			return err
		})
		if err != nil {
			return err
		}
		told.step(i+1, j.joined.Bytes)
		if done != (i == c.info.Chunks-1) {
			return io.ErrUnexpectedEOF // Offer compared the counts
		}
	}
	j.joined.Chunks = c.info.Chunks
	return nil
}

// beginning is what CometBFT has after the first of three verified heights. Parameters are those of the genesis, which no rule
// changes but for the version; the header's digest of them is compared, as far as it goes.
func (j *joining) beginning(blocks [3]*cmttypes.LightBlock) (*beginning, error) {
	last, current, next := blocks[0], blocks[1], blocks[2]
	params := *j.genesis.ConsensusParams
	if current.Version.App != types.FirstAppVersion {
		params.Version.App = current.Version.App
	}
	if !bytes.Equal(params.Hash(), current.ConsensusHash) {
		return nil, fmt.Errorf("%w: the consensus parameters of header %d are not those of the genesis", ErrTrust, current.Height)
	}
	return &beginning{
		commit: last.Commit,
		state: sm.State{
			Version: cmtstate.Version{Consensus: current.Version, Software: sm.InitStateVersion.Software},
			ChainID: last.ChainID, InitialHeight: j.genesis.InitialHeight,
			LastBlockHeight: last.Height, LastBlockID: last.Commit.BlockID, LastBlockTime: last.Time,
			LastValidators: last.ValidatorSet, Validators: current.ValidatorSet, NextValidators: next.ValidatorSet,
			LastHeightValidatorsChanged: next.Height, ConsensusParams: params, LastHeightConsensusParamsChanged: current.Height,
			LastResultsHash: current.LastResultsHash, AppHash: current.AppHash,
		},
	}, nil
}

// proposes compares the turns of the validators, which no hash covers, with who proposed the block. The light client has
// compared them between the servers; who believed other turns than the network would refuse its proposals.
func proposes(b *cmttypes.LightBlock) error {
	turns := b.ValidatorSet.Copy()
	if b.Commit.Round > 0 {
		turns.IncrementProposerPriority(b.Commit.Round)
	}
	if !bytes.Equal(turns.GetProposer().Address, b.ProposerAddress) {
		return fmt.Errorf("%w: by the turns of the validators %X proposes block %d, but %X did", ErrTrust, turns.GetProposer().Address, b.Height, b.ProposerAddress)
	}
	return nil
}

// unhex decodes hexadecimal digits; nil if they are none.
func unhex(s string) []byte {
	raw, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return raw
}
