package client

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"tradecredit/client/verifier"
)

// DefaultTrustPeriod is for how long a pinned validator set is believed when nothing else was said. Validators that
// left may sign another history once they have nothing to lose, so a pin must not be older than their keys.
const DefaultTrustPeriod = 90 * 24 * time.Hour

// Trust pins a validator set: everything else is believed only as far as these validators signed it. It comes from a
// genesis file that the user obtained on another way, or from a header that was verified before.
type Trust = verifier.Trust

// TrustedValidator is one validator of a pinned set.
type TrustedValidator = verifier.TrustedValidator

// TrustFromGenesis pins the validators of a CometBFT genesis file. pinned is when the user checked that file (now, as
// a rule); period 0 means without end. ErrTrustMalformed says what is wrong with the file.
func TrustFromGenesis(genesis []byte, pinned time.Time, period time.Duration) (*Trust, error) {
	return verifier.TrustFromGenesis(genesis, pinned, period)
}

// ReadTrust reads a trust file.
func ReadTrust(path string) (*Trust, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t := new(Trust)
	if err := t.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// WriteTrust writes a trust file, readable by everyone: it holds no secret, but whoever changes it decides what is
// believed.
func WriteTrust(path string, t *Trust) error {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return writeFileAtomic(path, append(data, '\n'), 0o644)
}
