package model

import (
	"crypto/sha256"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// gate is the real admission in front of a member that has every role, and of an enterprise with its own key.
type gate struct {
	t      *testing.T
	state  *state.Batch
	moment *ledger.Moment
	sent   int
}

const (
	gateChain = "matrix-1"
	gateUnix  = 1705305600
	everyone  = "every-role"
	subject   = "DE:HRB:1"
)

func secretOf(t *testing.T, id string) *types.SigningKey {
	seed := sha256.Sum256([]byte("secret of " + id))
	k, err := types.NewSigningKey(seed[:])
	require.NoError(t, err)
	return k
}

func keyID(r types.Role) string { return strings.ToLower(r.String()) }

func newGate(t *testing.T) *gate {
	db, err := state.Open(t.TempDir(), state.Options{CheckpointEvery: -1, CacheBytes: 1 << 20})
	require.NoError(t, err)
	view := db.View()
	t.Cleanup(func() {
		require.NoError(t, view.Close())
		require.NoError(t, db.Close())
	})
	name := sha256.Sum256([]byte(everyone))
	m := types.GenesisMember{ID: everyone, ControlGroup: everyone, Jurisdiction: "DE", NameDigest: name[:]}
	for r := types.Role_COUNCIL; r <= types.Role_AUDITOR; r++ {
		m.Roles = append(m.Roles, r)
	}
	for _, id := range []string{"arbiter", "auditor", "bank", "bureau", "council", "customs", "forex", "insurer", "logistics", "operator",
		"platform", "tax", "verifier"} {
		m.Keys = append(m.Keys, types.GenesisKey{ID: id, Role: types.Role(types.Role_value[strings.ToUpper(id)]),
			Algorithm: types.Algorithm_ED25519, PublicKey: secretOf(t, id).PublicKey()})
	}
	batch := state.NewBatch(view)
	g := &types.Genesis{BaseCurrency: "USD", Members: []types.GenesisMember{m}}
	require.NoError(t, ledger.InitChain(batch, g, gateChain, gateUnix))
	require.NoError(t, state.Set(batch, types.EnterpriseKey(subject), &types.Enterprise{
		Registration: &types.RegisterEnterprise{Subject: subject, ControlGroup: subject}, Status: types.EnterpriseStatus_ENTERPRISE_VERIFIED}))
	require.NoError(t, state.Set(batch, types.KeyKey(subject, "enterprise"), &types.KeyRecord{Holder: subject, Id: "enterprise",
		Role: types.Role_ENTERPRISE, Algorithm: types.Algorithm_ED25519, PublicKey: secretOf(t, "enterprise").PublicKey(),
		Status: types.KeyStatus_KEY_LIVE}))
	moment, err := ledger.ReadMoment(batch, gateUnix)
	require.NoError(t, err)
	return &gate{t: t, state: batch, moment: moment}
}

// admits signs a message with a role's key and shows it to the admission.
func (g *gate) admits(message string, role types.Role, behalf string) bool {
	msg := types.NewMsg(message)
	something(reflect.ValueOf(msg).Elem())
	signer := everyone
	if role == types.Role_ENTERPRISE {
		signer = subject
	}
	raw, err := types.Sign(&types.Body{ChainId: gateChain, Signer: signer, Key: keyID(role), Reference: "reference-of-the-matrix",
		ValidUntilUnix: gateUnix + 60, Origin: &types.Origin{SourceSystem: "matrix", Jurisdiction: "DE"},
		Messages: []*types.Message{types.Wrap(behalf, msg)}}, secretOf(g.t, keyID(role)))
	require.NoError(g.t, err, message)
	tx, err := types.Decode(raw)
	require.NoError(g.t, err)
	g.sent++
	_, err = ledger.Authenticate(g.state, g.moment, tx)
	code, ok := types.CodeOf(err)
	require.True(g.t, ok, "%v", err)
	require.Contains(g.t, []types.Code{types.Code_ok, types.Code_role_not_permitted}, code, "%s %s", message, err)
	return code == types.Code_ok
}

// something sets a field, and one of each oneof, so that the message is not empty.
func something(v reflect.Value) {
	text := false
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Interface:
			one, _ := v.Addr().Interface().(interface{ XXX_OneofWrappers() []interface{} })
			first := reflect.New(reflect.TypeOf(one.XXX_OneofWrappers()[0]).Elem())
			inner := first.Elem().Field(0)
			inner.Set(reflect.New(inner.Type().Elem()))
			something(inner.Elem())
			f.Set(first)
			text = true
		case reflect.String:
			f.SetString("x")
			text = true
		case reflect.Slice:
			if f.Type().Elem().Kind() == reflect.Uint8 {
				f.SetBytes([]byte{1})
				text = true
			}
		}
	}
	if !text {
		panic("no text in " + v.Type().Name())
	}
}

// Every cell of the matrix against the real admission of a signed transaction, and the evidence against the table: what the
// matrix refuses is refused, and what it lets through makes the evidence that it says. What no transaction can express, a
// member as the subject and an enterprise as a member, must be refused by both texts.
func TestMatrix(t *testing.T) {
	g := newGate(t)
	asserted, missing := 0, []string{}
	for _, message := range messages {
		row := types.RowNamed(message)
		if row == nil {
			missing = append(missing, message)
			continue
		}
		for role := types.Role_COUNCIL; role <= types.Role_ENTERPRISE; role++ {
			for _, rel := range []types.Relation{types.OwnRight, types.ByMandate, types.SubjectSelf} {
				want, ok := matrix[cell{message, role, rel}]
				require.True(t, ok, "matrix.txt has no cell %s, %s, %s", message, role, rel)
				asserted++
				evidence, permitted := row.Permit(role, rel)
				if evidence != want || permitted != (want != 0) {
					t.Errorf("%s, %s, %s: the matrix says %v, the table %v %v", message, role, rel, want, permitted, evidence)
				}
				enterprise := role == types.Role_ENTERPRISE
				if enterprise != (rel == types.SubjectSelf) && !(enterprise && rel == types.ByMandate) {
					continue // no transaction says this
				}
				behalf := ""
				if rel == types.ByMandate {
					behalf = subject
				}
				if admitted := g.admits(message, role, behalf); admitted != (want != 0) {
					t.Errorf("%s, %s, %s: the matrix says %v, admitted: %v", message, role, rel, want, admitted)
				}
			}
		}
	}
	t.Logf("%d cells of %d messages asserted, %d transactions signed, %d messages missing %v", asserted, len(messages)-len(missing), g.sent, len(missing), missing)
	require.Empty(t, missing)
	require.Equal(t, 14*3*len(messages), asserted)
	for _, row := range types.Table {
		require.Contains(t, messages, row.Name, "matrix.txt has no such message")
	}
}
