package types_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestParameterTable: the rows are the fields of the proto, in its order, each with bounds that hold its default.
func TestParameterTable(t *testing.T) {
	message := reflect.TypeFor[types.Parameters]()
	require.Len(t, types.ParameterTable, message.NumField())
	for i, row := range types.ParameterTable {
		require.Contains(t, message.Field(i).Tag.Get("protobuf"), ",name="+row.Name+",")
		require.LessOrEqual(t, row.Min, row.Default, row.Name)
		require.LessOrEqual(t, row.Default, row.Max, row.Name)
		require.Positive(t, row.Min, row.Name)
		require.NotEmpty(t, row.Help, row.Name)
		require.NotContains(t, row.Help, "\n")
		require.Equal(t, &types.ParameterTable[i], types.ParameterNamed(row.Name))
	}
	require.Contains(t, types.ParameterNamed("algorithms").Help, "SM2")
}

// TestParameterRowsSetTheirField: setting one parameter changes that field of the record and no other.
func TestParameterRowsSetTheirField(t *testing.T) {
	for i, row := range types.ParameterTable {
		p := types.DefaultParameters()
		for _, value := range []int64{row.Min, row.Max} {
			require.NoError(t, p.Set(row.Name, value))
			got, ok := p.Value(row.Name)
			require.True(t, ok)
			require.Equal(t, value, got)
			require.Equal(t, value, reflect.ValueOf(p).Field(i).Int(), row.Name)
		}
		before := p
		for _, value := range []int64{row.Min - 1, row.Max + 1, 0, -1, math.MinInt64, math.MaxInt64} {
			requireCode(t, types.Code_parameter_out_of_bounds, p.Set(row.Name, value), row.Name, value)
		}
		require.Equal(t, before, p)
		require.NoError(t, p.Set(row.Name, row.Default))
		require.Equal(t, types.DefaultParameters(), p)
	}
}

func TestParameters(t *testing.T) {
	p := types.DefaultParameters()
	require.NoError(t, p.Validate())
	require.Equal(t, int64(8<<30), p.QuotaBytes)
	require.Equal(t, int64(1), p.Algorithms)
	for _, name := range []string{"", "quota", "Quota_Messages", strings.Repeat("x", 1000)} {
		requireCode(t, types.Code_parameter_unknown, p.Set(name, 1), name)
		_, ok := p.Value(name)
		require.False(t, ok)
		require.Nil(t, types.ParameterNamed(name))
	}
	p.BlockCost = 0
	requireCode(t, types.Code_parameter_out_of_bounds, p.Validate())
}

// TestABlockHoldsAnyTransaction: the smallest budget and quota still let the dearest transaction in.
func TestABlockHoldsAnyTransaction(t *testing.T) {
	var dearest int64
	for _, row := range types.Table {
		dearest = max(dearest, row.Cost)
	}
	require.Positive(t, dearest)
	require.GreaterOrEqual(t, types.ParameterNamed("block_cost").Min, dearest*types.MaxMessages)
	require.GreaterOrEqual(t, types.ParameterNamed("quota_messages").Min, int64(types.MaxMessages))
	require.GreaterOrEqual(t, types.ParameterNamed("quota_bytes").Min, int64(types.MaxTxBytes))
}
