package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// remoteTimeout bounds one request for blocks.
const remoteTimeout = 2 * time.Minute

// remoteSource is the history of a running node, through its interface.
type remoteSource struct {
	api    string
	client http.Client
	newest int64
	text   []byte // the genesis
	sealed int64  // height of the commit at hand
	commit []byte
}

// openRemote asks a running node for its genesis and height. Blocks that it commits later are not seen.
func openRemote(ctx context.Context, api string) (source, error) {
	r := &remoteSource{api: strings.TrimSuffix(api, "/"), client: http.Client{Timeout: remoteTimeout}}
	answer, _, err := r.get(ctx, "/v1/status", indexMost)
	if err != nil {
		return nil, err
	}
	var s Status
	if err := json.Unmarshal(answer, &s); err != nil {
		return nil, fmt.Errorf("%w: %s does not answer like a node: %w", ErrNoHistory, api, err)
	}
	if s.Height == 0 {
		return nil, fmt.Errorf("%w: the node at %s has no block yet", ErrNoHistory, api)
	}
	r.newest = s.Height
	r.text, _, err = r.get(ctx, "/v1/genesis", indexMost)
	return r, err
}

// get asks for something of at most so many bytes.
func (r *remoteSource) get(ctx context.Context, path string, limit int64) ([]byte, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.api+path, nil)
	if err != nil {
		return nil, nil, err
	}
	answer, err := r.client.Do(request)
	if err != nil {
		return nil, nil, fmt.Errorf("no answer at %s: %w", r.api, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return nil, nil, err
	case int64(len(body)) > limit:
		return nil, nil, fmt.Errorf("%s%s answers more than %d bytes", r.api, path, limit)
	case answer.StatusCode == http.StatusGone:
		return nil, nil, fmt.Errorf("%w: %s: %s", ErrPrunedHistory, r.api, strings.TrimSpace(string(body)))
	case answer.StatusCode != http.StatusOK:
		return nil, nil, fmt.Errorf("%s%s answers %s: %s", r.api, path, answer.Status, strings.TrimSpace(string(body)))
	}
	return body, answer.Header, nil
}

// genesis implements source.
func (r *remoteSource) genesis() ([]byte, error) { return r.text, nil }

// last implements source.
func (r *remoteSource) last() int64 { return r.newest }

// close implements source.
func (r *remoteSource) close() error {
	r.client.CloseIdleConnections()
	return nil
}

// each implements source.
func (r *remoteSource) each(ctx context.Context, from, to int64, emit func(*blockRecord) error) error {
	for from <= to {
		records, err := r.some(ctx, from, to)
		if err != nil {
			return err
		}
		for _, b := range records {
			if err := emit(b); err != nil {
				return err
			}
		}
		from += int64(len(records))
	}
	return nil
}

// some asks for as many blocks as the node gives at a time, one at least.
func (r *remoteSource) some(ctx context.Context, from, to int64) ([]*blockRecord, error) {
	q := url.Values{"from": {strconv.FormatInt(from, 10)}, "to": {strconv.FormatInt(to, 10)}}
	body, header, err := r.get(ctx, "/v1/blocks?"+q.Encode(), blocksAnswerBytes+2*maxRecordBytes)
	if err != nil {
		return nil, err
	}
	last, err := strconv.ParseInt(header.Get(headerLast), 10, 64)
	if err != nil || last < from || last > to {
		return nil, fmt.Errorf("%w: %s does not say which blocks it gives", ErrBlockRecord, r.api)
	}
	var records []*blockRecord
	for height := from; height <= last; height++ {
		b, rest, err := parseRecord(body)
		if err == nil && b.height != height {
			err = ErrBlockRecord
		}
		if err != nil {
			return nil, fmt.Errorf("%s: block %d: %w", r.api, height, err)
		}
		records, body = append(records, b), rest
	}
	r.sealed, r.commit = last, body
	return records, nil
}

// seal implements source.
func (r *remoteSource) seal(height int64) ([]byte, error) {
	if r.sealed != height {
		if _, err := r.some(context.Background(), height, height); err != nil {
			return nil, err
		}
	}
	if r.sealed != height {
		return nil, errors.Join(ErrNoBlock, fmt.Errorf("there is no commit on block %d", height))
	}
	return r.commit, nil
}
