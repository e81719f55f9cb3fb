package ledger

import (
	"fmt"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Rules that all messages about keys share: propose (admit), rotate_key, revoke_key, register_enterprise.

const (
	secondsADay  = 86400
	maxExpiry    = 366              // days ahead that anything may expire (LEDGER.md §2)
	keyOverlap   = 30 * secondsADay // a rotated key may go on for so long
	maxAdmitKeys = 16
)

// checkNewKey refuses a key that no state could make valid.
func checkNewKey(k *types.NewKey) error {
	if k == nil {
		return types.Refuse(types.Code_key_id_malformed, "the key is missing")
	}
	if err := types.CheckKeyID(k.Id); err != nil {
		return err
	}
	if err := types.CheckPublicKey(k.Algorithm, k.PublicKey); err != nil {
		return err
	}
	if k.Role == types.Role_ROLE_UNSPECIFIED {
		return types.Refuse(types.Code_enum_required, "role of key %s", k.Id)
	}
	return nil
}

// possessed refuses a key whose holder did not sign with it, or whose window is over before it begins.
func (b *Block) possessed(holder string, k *types.NewKey) error {
	if k.ValidUntilUnix != 0 && (k.ValidUntilUnix <= b.Unix || k.ValidUntilUnix <= k.ValidFromUnix) {
		return types.Refuse(types.Code_expiry_passed, "key %s would never be valid", k.Id)
	}
	proof := types.Possession(b.Chain.ChainId, holder, k.Id, k.PublicKey)
	if !types.VerifySignature(k.Algorithm, k.PublicKey, proof, k.Possession) {
		return types.Refuse(types.Code_possession_invalid, "key %s of %s did not sign for itself", k.Id, holder)
	}
	return nil
}

// newKey writes a key and says whose its public half is; one that anybody uses already is refused.
func newKey(w state.Writer, holder, replaces string, k *types.NewKey) error {
	have, err := state.Get(w, types.KeyKey(holder, k.Id))
	if err != nil {
		return err
	}
	if have != nil { // as one that was revoked before a registration lapsed
		return types.Refuse(types.Code_key_exists, "%s/%s; choose another key id", holder, k.Id)
	}
	old, err := state.Get(w, types.PublicKeyKey(k.PublicKey))
	if err != nil {
		return err
	}
	if old != nil {
		return types.Refuse(types.Code_public_key_in_use, "by %s/%s; make a new key", old.Holder, old.Id)
	}
	return setKey(w, &types.KeyRecord{
		Holder: holder, Id: k.Id, Role: k.Role, Algorithm: k.Algorithm, PublicKey: k.PublicKey,
		ValidFromUnix: k.ValidFromUnix, ValidUntilUnix: k.ValidUntilUnix, Status: types.KeyStatus_KEY_LIVE, Replaces: replaces,
	})
}

func setKey(w state.Writer, k *types.KeyRecord) error {
	if err := state.Set(w, types.PublicKeyKey(k.PublicKey), &types.KeyRecord{Holder: k.Holder, Id: k.Id}); err != nil {
		return err
	}
	return state.Set(w, types.KeyKey(k.Holder, k.Id), k)
}

// keysOf lists a holder's keys by id, at most limit of them.
func keysOf(r state.Reader, holder string, limit int) ([]*types.KeyRecord, error) {
	return list(r, types.Prefix[types.KeyRecord](types.KeyKey(holder, "")), limit)
}

// list reads the records whose keys begin with prefix, in the order of their keys, at most limit of them.
func list[V any, P types.Record[V]](r state.Reader, prefix types.Prefix[V], limit int) ([]P, error) {
	var out []P
	err := r.Scan(string(prefix), func(key string, value []byte) error {
		if len(out) == limit {
			return state.Stop
		}
		v := P(new(V))
		if err := v.Unmarshal(value); err != nil {
			return fmt.Errorf("%w: record at %q does not decode: %v", state.ErrCorrupt, key, err)
		}
		out = append(out, v)
		return nil
	})
	return out, err
}

// noLimit: governance is rare, and councils are small.
const noLimit = -1

// councillors lists the LIVE members one of whose COUNCIL keys satisfies good, in the order of their ids.
func councillors(r state.Reader, good func(*types.KeyRecord) bool) ([]*types.Member, error) {
	members, err := list(r, types.Members, noLimit)
	if err != nil {
		return nil, err
	}
	var out []*types.Member
	for _, m := range members {
		if m.Status != types.MemberStatus_LIVE || !hasRole(m, types.Role_COUNCIL) {
			continue
		}
		keys, err := keysOf(r, m.Id, noLimit)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(keys, func(k *types.KeyRecord) bool { return k.Role == types.Role_COUNCIL && good(k) }) {
			out = append(out, m)
		}
	}
	return out, nil
}

// keepsCouncil refuses a change, made in r already, after which nobody could decide anything any more: some LIVE member
// must hold a COUNCIL key without an end that is live or begins within the overlap of a rotation. So windows that run
// out never take the last seat.
// An algorithm that may not sign is no seat either.
func (b *Block) keepsCouncil(r state.Reader) error {
	params, err := state.Get(r, types.ParametersKey)
	if err != nil {
		return err
	}
	if params == nil {
		return errNoChain
	}
	left, err := councillors(r, func(k *types.KeyRecord) bool {
		return k.Status == types.KeyStatus_KEY_LIVE && k.ValidUntilUnix == 0 && k.ValidFromUnix <= b.Unix+keyOverlap &&
			types.Allowed(k.Algorithm, params.Algorithms)
	})
	if err == nil && len(left) == 0 {
		return types.Refuse(types.Code_last_council_seat, "no COUNCIL key without an end that may sign would be left in the network")
	}
	return err
}
