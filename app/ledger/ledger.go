package ledger

import (
	"crypto/sha256"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Moment is what authentication and rules know of the block besides the state: the chain's constants, the parameters
// as they stood when the block began, and the block's time in seconds.
type Moment struct {
	Chain  *types.Chain
	Params *types.Parameters
	Unix   int64
}

// Today is D: the civil day of the block (LEDGER.md §2).
func (m *Moment) Today() int32 { return types.DayOf(m.Unix, m.Chain.DayOffsetS) }

// ReadMoment reads the chain's constants and the parameters from a state that InitChain has written.
func ReadMoment(r state.Reader, unix int64) (*Moment, error) {
	chain, err := state.Get(r, types.ChainKey)
	if err != nil {
		return nil, err
	}
	params, err := state.Get(r, types.ParametersKey)
	if err != nil {
		return nil, err
	}
	if chain == nil || params == nil {
		return nil, errNoChain
	}
	return &Moment{Chain: chain, Params: params, Unix: unix}, nil
}

// Block is one block at work. Its Batch holds everything the block changes.
type Block struct {
	*state.Batch
	Moment
	Prev   state.Reader // the committed state of Height − 1; what query_credit scores
	Height int64
	swept  int              // what sweeps have done in this block, of sweepWork
	lists  *types.CodeLists // governed lists as they stood when the block began; nil while the compiled-in ones hold
}

// NewBlock opens a block: batch is the block's own, prev the committed state of height − 1 (for the first block the
// genesis state), unix the block's time in seconds.
func NewBlock(batch *state.Batch, prev state.Reader, height, unix int64) (*Block, error) {
	m, err := ReadMoment(batch, unix)
	if err != nil {
		return nil, err
	}
	lists, err := state.Get(batch, types.CodeListsKey)
	if err != nil {
		return nil, err
	}
	if lists.GetRevision() == 0 {
		lists = nil
	}
	return &Block{Batch: batch, Moment: *m, Prev: prev, Height: height, lists: lists}, nil
}

// Result is what became of a transaction. Codes has one code a message and is empty if authentication failed.
// Code is ok when every message was accepted, else the first other code. Detail is words for Code, no consensus.
type Result struct {
	Code   types.Code
	Codes  []types.Code
	Detail string
	Keys   []string // the keys of the records that accepted messages made; for events, no consensus
}

// Deliver runs one transaction at its position index of the block. verified says whether its signature is good; the
// caller verifies, once, in batches. The error is not nil only when the machine failed.
func (b *Block) Deliver(t *types.Tx, index uint32, verified bool) (Result, error) {
	sender, err := Authenticate(b.Batch, &b.Moment, t)
	if err == nil && !verified {
		err = types.Refuse(types.Code_signature_invalid, "signer %s, key %s", t.Body.Signer, t.Body.Key)
	}
	if err != nil {
		if code, refused := types.CodeOf(err); refused {
			return Result{Code: code, Detail: err.Error()}, nil
		}
		return Result{}, err
	}
	res, err := b.apply(sender, t)
	if err != nil {
		return Result{}, err
	}
	if err := Charge(b.Batch, &b.Moment, t); err != nil {
		return Result{}, err
	}
	return res, WriteReference(b.Batch, t, b.Height, index, res.Codes)
}

// apply runs the messages in order, each on its own, or all or nothing when the body says atomic.
func (b *Block) apply(sender *Sender, t *types.Tx) (Result, error) {
	all := state.NewBatch(b.Batch)
	res := Result{Codes: make([]types.Code, len(t.Body.Messages))}
	failed := -1
	for i := range t.Body.Messages {
		code, detail, err := b.message(all, sender, t, t.Body.Messages[i])
		if err != nil {
			return Result{}, err
		}
		res.Codes[i] = code
		if code != types.Code_ok && res.Code == types.Code_ok {
			res.Code, res.Detail = code, detail
		}
		if t.Body.Atomic && code != types.Code_ok && code != types.Code_already_recorded {
			failed, res.Code, res.Detail = i, code, detail
			break
		}
	}
	if failed < 0 {
		all.Merge()
		return res, nil
	}
	for i := range res.Codes {
		if i != failed {
			res.Codes[i] = types.Code_rolled_back
		}
	}
	return res, nil
}

// message applies one message in a batch of its own over parent; refused, it leaves nothing behind.
func (b *Block) message(parent *state.Batch, sender *Sender, t *types.Tx, m *types.Message) (types.Code, string, error) {
	msg := m.Get()
	h, row := find(msg)
	tx := &Tx{
		Batch: state.NewBatch(parent), Block: b, Sender: sender, Row: row, Body: &t.Body,
		OnBehalfOf: m.OnBehalfOf, Relation: types.RelationOf(sender.Key.Role, m.OnBehalfOf), msg: msg,
	}
	tx.Evidence, _ = row.Permit(sender.Key.Role, tx.Relation)
	err := tx.shape(h.check)
	if err == nil {
		err = h.apply(tx, msg)
	}
	if err != nil {
		if code, refused := types.CodeOf(err); refused {
			return code, err.Error(), nil
		}
		return 0, "", err
	}
	tx.Batch.Merge()
	return types.Code_ok, "", nil
}

// Tx is one message at work: who sent it, in which block, and the state it may change.
type Tx struct {
	*state.Batch
	Block      *Block
	Sender     *Sender
	Row        *types.MessageRow
	Relation   types.Relation
	Evidence   types.Evidence // what this role in this relation makes (types.Table)
	OnBehalfOf string
	Body       *types.Body

	msg     types.Msg
	content []byte
}

// Content is the 16-byte digest by which "same id, same content" is told.
func (tx *Tx) Content() []byte {
	if tx.content == nil {
		tx.content = types.ContentDigest(tx.OnBehalfOf, tx.msg)
	}
	return tx.content
}

// RecordID is the id of a record that this signer makes: "<signer>/<source id>".
func (tx *Tx) RecordID(source string) string { return tx.Sender.ID + "/" + source }

// WriteReference writes the row of replay protection of an authenticated transaction (LEDGER.md §6).
func WriteReference(w state.Writer, t *types.Tx, height int64, index uint32, codes []types.Code) error {
	digest := sha256.Sum256(t.Signed.Body)
	row := types.Reference{ValidUntilUnix: t.Body.ValidUntilUnix, BodyDigest: digest[:], Height: height, Index: index}
	for _, c := range codes {
		row.Codes = append(row.Codes, uint32(c))
	}
	value, err := row.Marshal()
	if err != nil {
		return err
	}
	w.SetReference(Bucket(t.Body.ValidUntilUnix), types.ReferenceKey(t.Body.Signer, t.Body.Reference), value)
	return nil
}

// Bucket is the expiry bucket of a reference: an hour.
func Bucket(validUntilUnix int64) int64 { return validUntilUnix / 3600 }
