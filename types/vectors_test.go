package types_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// vectorFile is testdata/vectors.json: what another implementation needs to check itself. All bytes are hexadecimal.
type vectorFile struct {
	Transactions []vectorTx            `json:"transactions"`
	Possession   vectorPossession      `json:"possession"`
	Receipt      vectorReceipt         `json:"receipt_commitment"`
	Codes        vectorCodes           `json:"result_codes"`
	Log          []vectorLog           `json:"log"`
	Keys         []vectorKey           `json:"state_keys"`
	Genesis      json.RawMessage       `json:"genesis"`
	Messages     map[string]vectorText `json:"messages"`
}

type vectorTx struct {
	Name       string `json:"name"`
	Seed       string `json:"seed"`
	PublicKey  string `json:"public_key"`
	Body       string `json:"body"`
	BodyDigest string `json:"body_digest"`
	SignBytes  string `json:"sign_bytes"`
	Signature  string `json:"signature"`
	Raw        string `json:"raw"`
	Hash       string `json:"hash"`
}

type vectorPossession struct {
	ChainID   string `json:"chain_id"`
	Holder    string `json:"holder"`
	Key       string `json:"key"`
	PublicKey string `json:"public_key"`
	Bytes     string `json:"bytes"`
	Signature string `json:"signature"`
}

type vectorReceipt struct {
	Salt       string `json:"salt"`
	Grantee    string `json:"grantee"`
	Purpose    int32  `json:"purpose"`
	Commitment string `json:"commitment"`
}

type vectorCodes struct {
	Codes []types.Code `json:"codes"`
	Data  string       `json:"data"`
}

type vectorLog struct {
	Row      string   `json:"row"`
	Leaf     string   `json:"leaf"`
	Frontier []string `json:"frontier"`
	Root     string   `json:"root"`
}

type vectorKey struct {
	Kind string `json:"kind"`
	Key  string `json:"key"`
}

type vectorText struct {
	Encoded       string `json:"encoded"`
	ContentDigest string `json:"content_digest"`
}

func makeVectors(t *testing.T) vectorFile {
	return vectorFile{
		Transactions: vectorTransactions(t), Possession: vectorOfPossession(t), Receipt: vectorOfReceipt(),
		Codes: vectorCodes{
			Codes: []types.Code{0, types.Code_rolled_back, types.Code_inconsistent_state},
			Data:  hex.EncodeToString(types.EncodeCodes([]types.Code{0, types.Code_rolled_back, types.Code_inconsistent_state})),
		},
		Log: vectorsOfLog(t), Keys: vectorKeys(), Genesis: vectorGenesis(t), Messages: vectorMessages(t),
	}
}

func vectorTransactions(t *testing.T) []vectorTx {
	atomic := sampleBody(sampleOrder(1), sampleOrder(2), &types.ConfirmOrder{Order: "bank-a/PO-00001", TermsDigest: make([]byte, 32), Day: 20_001})
	atomic.Atomic = true
	atomic.Messages[2].OnBehalfOf = "LEI:5493001KJTIIGC8Y1R12"
	moved := sampleBody(&types.RevokeConsent{Consent: "USCC:91350100M000100Y43/c-1"})
	moved.Signer, moved.Key = "USCC:91350100M000100Y43", "enterprise"
	moved.Origin.ShiftDays, moved.Origin.Simulated = -365, true
	var out []vectorTx
	for _, c := range []struct {
		name string
		body *types.Body
	}{{"one order", sampleBody(sampleOrder(1))}, {"atomic, three messages, one by mandate", atomic}, {"an enterprise, dates moved", moved}} {
		k := signingKey(t, 9)
		raw, err := types.Sign(c.body, k)
		require.NoError(t, err)
		tx, err := types.Decode(raw)
		require.NoError(t, err)
		out = append(out, vectorTx{
			Name: c.name, Seed: hex.EncodeToString(k.Seed()), PublicKey: hex.EncodeToString(k.PublicKey()),
			Body: hex.EncodeToString(tx.Signed.Body), BodyDigest: tx.BodyDigest.String(),
			SignBytes: hex.EncodeToString(types.SignBytes(tx.Signed.Body)), Signature: hex.EncodeToString(tx.Signed.Signature),
			Raw: hex.EncodeToString(raw), Hash: tx.Hash.String(),
		})
	}
	return out
}

func vectorOfPossession(t *testing.T) vectorPossession {
	k := signingKey(t, 10)
	b := types.Possession(sampleChain, "bank-a", "k2", k.PublicKey())
	return vectorPossession{
		ChainID: sampleChain, Holder: "bank-a", Key: "k2", PublicKey: hex.EncodeToString(k.PublicKey()),
		Bytes: hex.EncodeToString(b), Signature: hex.EncodeToString(k.Sign(b)),
	}
}

func vectorOfReceipt() vectorReceipt {
	salt := make([]byte, types.SaltSize)
	salt[31] = 1
	return vectorReceipt{
		Salt: hex.EncodeToString(salt), Grantee: "bank-a", Purpose: int32(types.Purpose_POST_LOAN),
		Commitment: hex.EncodeToString(types.ReceiptCommitment(salt, "bank-a", types.Purpose_POST_LOAN)),
	}
}

func vectorsOfLog(t *testing.T) []vectorLog {
	var out []vectorLog
	var f types.Frontier
	for n, row := range []string{"a", "b", "c", "d", "e"} {
		leaf := types.LogLeafHash([]byte(row))
		next, root, err := f.Extend(uint64(n), [][]byte{[]byte(row)})
		require.NoError(t, err)
		v := vectorLog{Row: row, Leaf: hex.EncodeToString(leaf), Root: hex.EncodeToString(root)}
		for _, h := range next {
			v.Frontier = append(v.Frontier, hex.EncodeToString(h))
		}
		out, f = append(out, v), next
	}
	return out
}

func vectorKeys() []vectorKey {
	const a, b, id = "USCC:91350100M000100Y43", "LEI:5493001KJTIIGC8Y1R12", "bank-a/x-1"
	digest := make([]byte, 32)
	digest[0] = 0xab
	return []vectorKey{
		{"chain", string(types.ChainKey)}, {"parameters", string(types.ParametersKey)}, {"active model", string(types.ActiveModelKey)},
		{"member", string(types.MemberKey("bank-a"))}, {"usage", string(types.UsageKey("bank-a"))}, {"key", string(types.KeyKey("bank-a", "k1"))},
		{"public key", string(types.PublicKeyKey(digest))}, {"proposal", string(types.ProposalKey(id))},
		{"enterprise", string(types.EnterpriseKey(a))}, {"delegation", string(types.DelegationKey(a, "bank-a"))},
		{"order", string(types.OrderKey(id))}, {"movement", string(types.MovementKey(id))}, {"declaration", string(types.DeclarationKey(id))},
		{"customs event", string(types.CustomsEventKey(id))}, {"document", string(types.DocumentKey(id))},
		{"receivable", string(types.ReceivableKey(id))}, {"settlement", string(types.SettlementKey(digest))},
		{"fixing", string(types.FixingKey("USD", 20_000))}, {"due cursor", string(types.DueCursorKey)},
		{"consent", string(types.ConsentKey(id))}, {"receipt", string(types.ReceiptKey(id))}, {"model", string(types.ModelKey("expert-v1"))},
		{"subject", string(types.SubjectKey(a))}, {"month", string(types.MonthKey(a, 24_307))},
		{"pair", string(types.PairKey(a, b))}, {"pair the other way", string(types.PairKey(b, a))},
		{"rank", string(types.RankKey(a, types.RankPaid, 1_000_000, b))}, {"due", string(types.DueKey(sampleNow, types.DueKind_DUE_PROPOSAL, id))},
		{"reference", types.ReferenceKey("bank-a", "ref-0000000000000001")},
	}
}

func vectorGenesis(t *testing.T) json.RawMessage {
	data, err := json.Marshal(sampleGenesis(t))
	require.NoError(t, err)
	return data
}

// vectorMessages encodes one filled message of each kind.
func vectorMessages(t *testing.T) map[string]vectorText {
	out := map[string]vectorText{}
	for i, row := range types.Table {
		m := randomMessage(random(uint64(1000+i)), row.Name)
		encoded, err := types.Wrap("", m).Marshal()
		require.NoError(t, err)
		out[row.Name] = vectorText{Encoded: hex.EncodeToString(encoded), ContentDigest: hex.EncodeToString(types.ContentDigest("", m))}
	}
	return out
}

// TestVectors holds every byte that signatures, hashes and proofs rest on.
func TestVectors(t *testing.T) {
	const path = "testdata/vectors.json"
	got, err := json.MarshalIndent(makeVectors(t), "", " ")
	require.NoError(t, err)
	got = append(got, '\n')
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "the format changed; if that is meant, run with -update and say so: it is consensus")
}

// TestVectorsVerify reads the file alone, as another implementation would.
func TestVectorsVerify(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var file vectorFile
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Transactions, 3)
	for _, v := range file.Transactions {
		tx, err := types.Decode(unhex(t, v.Raw))
		require.NoError(t, err)
		require.Equal(t, v.Hash, tx.Hash.String())
		require.Equal(t, v.Body, hex.EncodeToString(tx.Signed.Body))
		require.True(t, types.VerifySignature(tx.Signed.Algorithm, unhex(t, v.PublicKey), unhex(t, v.SignBytes), unhex(t, v.Signature)), v.Name)
		k, err := types.NewSigningKey(unhex(t, v.Seed))
		require.NoError(t, err)
		raw, err := types.Sign(&tx.Body, k)
		require.NoError(t, err)
		require.Equal(t, v.Raw, hex.EncodeToString(raw), v.Name)
	}
	p := file.Possession
	require.True(t, types.VerifySignature(types.Algorithm_ED25519, unhex(t, p.PublicKey), unhex(t, p.Bytes), unhex(t, p.Signature)))
	require.Len(t, file.Messages, len(types.Table))
	g, err := types.ParseGenesis(file.Genesis)
	require.NoError(t, err)
	require.NoError(t, g.Validate(sampleChain))
}
