package types_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cosmos/gogoproto/proto"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestTableIsTheOneof: one row a message, in the order and under the names of types.proto.
func TestTableIsTheOneof(t *testing.T) {
	wrappers := (*types.Message)(nil).XXX_OneofWrappers()
	require.Len(t, types.Table, len(wrappers))
	require.NotEmpty(t, wrappers)
	var names []string
	for i, w := range wrappers {
		row, field := types.Table[i], reflect.TypeOf(w).Elem().Field(0)
		require.Contains(t, field.Tag.Get("protobuf"), ",name="+row.Name+",", "row %d", i)
		names = append(names, row.Name)

		m := types.NewMsg(row.Name)
		require.Equal(t, field.Type, reflect.TypeOf(m))
		require.Equal(t, &types.Table[i], types.RowOf(m))
		require.Equal(t, &types.Table[i], types.RowNamed(row.Name))
		require.Same(t, m, types.Wrap("x", m).Get())
	}
	slices.Sort(names)
	require.Len(t, slices.Compact(names), len(wrappers), "names are unique")
	require.Nil(t, types.RowOf(&types.Origin{}))
	require.Nil(t, types.RowNamed("record_nothing"))
	require.Nil(t, types.NewMsg("record_nothing"))
	require.Nil(t, (&types.Message{}).Get())
	require.Panics(t, func() { types.Wrap("", &types.Origin{}) })
}

// TestTableRows: what must hold of each row.
func TestTableRows(t *testing.T) {
	for _, row := range types.Table {
		require.NotEmpty(t, row.Permissions, row.Name)
		require.Positive(t, row.Cost, row.Name)
		seen := map[types.Permission]bool{}
		mandated := false
		for _, p := range row.Permissions {
			cell := types.Permission{Role: p.Role, Relation: p.Relation}
			require.False(t, seen[cell], "%s: %s %s twice", row.Name, p.Role, p.Relation)
			seen[cell] = true
			require.Contains(t, types.Role_name, int32(p.Role))
			require.NotZero(t, p.Role)
			require.NotZero(t, p.Evidence)
			require.NotEqual(t, types.Evidence_COUNTERPARTY_CONFIRMED, p.Evidence, "%s: only a counterparty's act makes that", row.Name)
			require.Equal(t, p.Role == types.Role_ENTERPRISE, p.Relation == types.SubjectSelf, "%s: %s", row.Name, p.Role)
			mandated = mandated || p.Relation == types.ByMandate
			got, ok := row.Permit(p.Role, p.Relation)
			require.True(t, ok)
			require.Equal(t, p.Evidence, got)
		}
		require.Equal(t, row.Mandatable, mandated, "%s: what may stand in a mandate is what can be signed under one", row.Name)
		_, ok := row.Permit(0, types.OwnRight)
		require.False(t, ok)
	}
	require.Equal(t, types.SubjectSelf, types.RelationOf(types.Role_ENTERPRISE, ""))
	require.Equal(t, types.ByMandate, types.RelationOf(types.Role_BANK, "DE:HRB:1"))
	require.Equal(t, types.OwnRight, types.RelationOf(types.Role_BANK, ""))
}

// TestEnumsAreSmall: the decoder looks an enum's values up in a list.
func TestEnumsAreSmall(t *testing.T) {
	enums := map[string]bool{}
	collectEnums(t, reflect.TypeFor[types.SignedTx](), enums)
	collectEnums(t, reflect.TypeFor[types.Body](), enums)
	require.GreaterOrEqual(t, len(enums), 12)
	for name := range enums {
		values := proto.EnumValueMap(name)
		require.NotEmpty(t, values, name)
		for text, v := range values {
			require.GreaterOrEqual(t, v, int32(0), text)
			require.Less(t, v, int32(1000), text)
		}
	}
}

func collectEnums(t *testing.T, message reflect.Type, into map[string]bool) {
	t.Helper()
	var fields []reflect.StructField
	for i := range message.NumField() {
		fields = append(fields, message.Field(i))
	}
	if m, ok := reflect.New(message).Interface().(interface{ XXX_OneofWrappers() []interface{} }); ok {
		for _, w := range m.XXX_OneofWrappers() {
			fields = append(fields, reflect.TypeOf(w).Elem().Field(0))
		}
	}
	for _, f := range fields {
		if _, name, ok := strings.Cut(f.Tag.Get("protobuf"), "enum="); ok {
			into[name] = true
		}
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			collectEnums(t, inner, into)
		}
	}
}

// TestCodes: refusals compare by code, whatever the words.
func TestCodes(t *testing.T) {
	err := error(types.Refuse(types.Code_overflow, "%d", 7))
	require.ErrorIs(t, err, types.Refuse(types.Code_overflow, ""))
	require.NotErrorIs(t, err, types.Refuse(types.Code_tx_expired, ""))
	require.Equal(t, "overflow: 7", err.Error())
	require.Equal(t, "overflow", types.Refuse(types.Code_overflow, "").Error())
	code, ok := types.CodeOf(nil)
	require.True(t, ok)
	require.Equal(t, types.Code_ok, code)
	_, ok = types.CodeOf(errors.New("disk"))
	require.False(t, ok)
	require.True(t, types.NodeCodeFull.Transient())
	require.False(t, types.Code_inconsistent_state.Transient())
}
