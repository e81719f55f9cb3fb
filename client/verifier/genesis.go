package verifier

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// genesisFile is what a pin needs of a CometBFT genesis file. CometBFT writes 64-bit numbers as text.
type genesisFile struct {
	ChainID       string          `json:"chain_id"`
	InitialHeight json.RawMessage `json:"initial_height"`
	Validators    []struct {
		PubKey struct {
			Type  string `json:"type"`
			Value []byte `json:"value"`
		} `json:"pub_key"`
		Power json.RawMessage `json:"power"`
	} `json:"validators"`
}

// genesisKeyType is CometBFT's name of ed25519 keys in JSON.
const genesisKeyType = "tendermint/PubKeyEd25519"

// TrustFromGenesis pins the validators of a CometBFT genesis file. pinned is when the user checked that file (now, as
// a rule); period 0 means without end. ErrTrustMalformed says what is wrong with the file.
func TrustFromGenesis(genesis []byte, pinned time.Time, period time.Duration) (*Trust, error) {
	var f genesisFile
	if err := json.Unmarshal(genesis, &f); err != nil {
		return nil, fmt.Errorf("%w: genesis: %v", ErrTrustMalformed, err)
	}
	first, err := genesisNumber(f.InitialHeight)
	if err != nil {
		return nil, err
	}
	t := &Trust{ChainID: f.ChainID, Height: max(first, 1) - 1, Since: pinned.UTC().Truncate(time.Second), Period: period}
	var set []Validator
	for _, v := range f.Validators {
		if v.PubKey.Type != genesisKeyType {
			return nil, fmt.Errorf("%w: genesis has a validator whose key is %s, not ed25519", ErrTrustMalformed, v.PubKey.Type)
		}
		power, err := genesisNumber(v.Power)
		if err != nil {
			return nil, err
		}
		t.Validators = append(t.Validators, TrustedValidator{PublicKey: v.PubKey.Value, Power: power})
		set = append(set, Validator{Address: addressOf(v.PubKey.Value), PublicKey: v.PubKey.Value, Power: power})
	}
	// CometBFT orders a set by power, the greatest first, then by address.
	slices.SortFunc(set, func(a, b Validator) int {
		return cmp.Or(cmp.Compare(b.Power, a.Power), bytes.Compare(a.Address, b.Address))
	})
	hash := validatorsHash(set)
	t.NextValidatorsHash = hash[:]
	return t, t.Check()
}

// genesisNumber reads a number, in quotes or not; nothing is 0.
func genesisNumber(raw json.RawMessage) (int64, error) {
	s := strings.Trim(string(raw), `"`)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: genesis: %q is no number", ErrTrustMalformed, s)
	}
	return n, nil
}
