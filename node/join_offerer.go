package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cometbft/cometbft/light/provider"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app/state"
)

// Bounds of what a server may answer to a node that joins.
const (
	joinTimeout   = time.Minute // of one answer
	maxLightBytes = 1 << 20
	maxListBytes  = 1 << 20
	maxListed     = 100
	maxBlockBytes = 8 << 20
	maxOfferFails = 3 // answers in a row that did not come
)

// offerer is a server that a joining node asks. Nothing that it says is believed.
type offerer struct {
	url     string
	chainID string
	http    *http.Client
	fails   int   // in a row
	dropped error // why it is not asked for snapshots any more
}

func newOfferer(url, chainID string) *offerer {
	return &offerer{url: strings.TrimSuffix(url, "/"), chainID: chainID, http: &http.Client{Timeout: joinTimeout}}
}

// errAnswer is an answer that is no answer.
type errAnswer struct {
	url    string
	status int
	text   string
}

// Error implements error.
func (e *errAnswer) Error() string { return fmt.Sprintf("%s answers %d: %s", e.url, e.status, e.text) }

// get asks for a path and reads at most so many bytes.
func (s *offerer) get(ctx context.Context, path string, atMost int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // what is needed was read
	body, err := io.ReadAll(io.LimitReader(res.Body, atMost+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s%s: %w", s.url, path, err)
	case res.StatusCode != http.StatusOK:
		return nil, &errAnswer{s.url + path, res.StatusCode, strings.TrimSpace(string(body[:min(len(body), 200)]))}
	case int64(len(body)) > atMost:
		return nil, fmt.Errorf("%s%s: more than %d bytes", s.url, path, atMost)
	}
	return body, nil
}

// LightBlock implements provider.Provider.
func (s *offerer) LightBlock(ctx context.Context, height int64) (*cmttypes.LightBlock, error) {
	path := "/v1/light?turns=1"
	if height > 0 {
		path = fmt.Sprintf("/v1/light?height=%d&turns=1", height)
	}
	body, err := s.get(ctx, path, maxLightBytes)
	var answer *errAnswer
	if errors.As(err, &answer) && answer.status == http.StatusNotFound {
		return nil, provider.ErrLightBlockNotFound
	}
	if err != nil {
		return nil, provider.ErrNoResponse
	}
	block, err := decodeLightBlock(body)
	if err == nil {
		err = block.ValidateBasic(s.chainID)
	}
	if err == nil && height > 0 && block.Height != height {
		err = fmt.Errorf("height %d instead of %d", block.Height, height)
	}
	if err != nil {
		return nil, provider.ErrBadLightBlock{Reason: err}
	}
	return block, nil
}

func decodeLightBlock(body []byte) (block *cmttypes.LightBlock, err error) {
	defer func() {
		if r := recover(); r != nil { // CometBFT's set arithmetic panics on what it takes for a bug of its caller
			block, err = nil, fmt.Errorf("not a light block: %v", r)
		}
	}()
	p := new(cmtproto.LightBlock)
	if err := p.Unmarshal(body); err != nil {
		return nil, err
	}
	return cmttypes.LightBlockFromProto(p)
}

// ChainID implements provider.Provider.
func (s *offerer) ChainID() string { return s.chainID }

// ReportEvidence implements provider.Provider. Nodes take evidence from peers only; the operator reads it in the log.
func (s *offerer) ReportEvidence(context.Context, cmttypes.Evidence) error { return nil }

// String names the source in CometBFT's messages.
func (s *offerer) String() string { return s.url }

// snapshots lists what the source offers.
func (s *offerer) snapshots(ctx context.Context) ([]SnapshotInfo, error) {
	body, err := s.get(ctx, "/v1/snapshots", maxListBytes)
	if err != nil {
		return nil, err
	}
	var list snapshotList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("%s/v1/snapshots: %w", s.url, err)
	}
	if len(list.Snapshots) > maxListed {
		return nil, fmt.Errorf("%s/v1/snapshots: lists %d", s.url, len(list.Snapshots))
	}
	return list.Snapshots, nil
}

func (s *offerer) manifest(ctx context.Context, height int64) ([]byte, error) {
	return s.get(ctx, fmt.Sprintf("/v1/snapshot?height=%d&part=manifest", height), state.MaxManifestSize)
}

func (s *offerer) chunk(ctx context.Context, height int64, index int) ([]byte, error) {
	return s.get(ctx, fmt.Sprintf("/v1/snapshot?height=%d&part=%d", height, index), state.MaxChunkSize)
}

func (s *offerer) block(ctx context.Context, height int64) ([]byte, error) {
	return s.get(ctx, fmt.Sprintf("/v1/snapshot?height=%d&part=block", height), maxBlockBytes)
}
