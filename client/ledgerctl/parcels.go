package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/types"
)

func newParcels(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "parcels",
		Short: "Put many parcels under one root, show one of them, check what was shown",
		Long: "record_parcel_batch states one Merkle root for many parcels. Its signer shows a single parcel with a proof, and " +
			"nothing of the others; whoever is shown it checks it against the chain, or offline against a root that it trusts. " +
			"A parcel is a line of a text file, in the order of the lines.",
		Example: "  ledgerctl parcels root parcels.csv --salt-key salt.key --record carrier-1/B-2025-11\n" +
			"  ledgerctl parcels prove parcels.csv --salt-key salt.key --record carrier-1/B-2025-11 --line 3 >parcel.json\n" +
			"  ledgerctl parcels verify parcel.json --trust trust.json",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newParcelsRoot(), newParcelsProve(), newParcelsVerify(o))
	return cmd
}

// parcelFlags are the flags of what reads a file of parcels.
type parcelFlags struct{ saltKey, record string }

func (f *parcelFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.saltKey, "salt-key", "", "file of the salt key; 'ledgerctl keys salt' makes one (needed)")
	cmd.Flags().StringVar(&f.record, "record", "", "record id of the batch, MEMBER/SOURCE-ID (needed)")
}

// batch reads a file of parcels.
func (f *parcelFlags) batch(path string) (*client.ParcelBatch, error) {
	if f.saltKey == "" || f.record == "" {
		return nil, usagef("--salt-key and --record are needed")
	}
	salt, err := client.ReadSaltKey(f.saltKey)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSuffix(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	if text == "" {
		return nil, fmt.Errorf("%s: no parcels", path)
	}
	b, err := client.NewParcelBatch(salt, f.record, strings.Split(text, "\n"))
	if code, refused := types.CodeOf(err); refused && code == types.Code_record_id_malformed {
		return nil, usagef("--record: %v", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

func newParcelsRoot() *cobra.Command {
	f := &parcelFlags{}
	cmd := &cobra.Command{
		Use: "root PARCELS", Short: "Print what record_parcel_batch says of a batch: root and number of parcels",
		Example: "  ledgerctl parcels root parcels.csv --salt-key salt.key --record carrier-1/B-2025-11",
		Args:    exactly(1, "a file with one parcel a line"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := f.batch(args[0])
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), map[string]any{"root": hex.EncodeToString(b.Root()), "count": b.Count()})
		},
	}
	f.add(cmd)
	return cmd
}

func newParcelsProve() *cobra.Command {
	f := &parcelFlags{}
	var line int
	cmd := &cobra.Command{
		Use: "prove PARCELS", Short: "Write a file that shows one parcel of a batch and hides the others",
		Example: "  ledgerctl parcels prove parcels.csv --salt-key salt.key --record carrier-1/B-2025-11 --line 3 >parcel.json",
		Args:    exactly(1, "a file with one parcel a line"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if line < 1 {
				return usagef("--line is needed: the number of the parcel's line, from 1")
			}
			b, err := f.batch(args[0])
			if err != nil {
				return err
			}
			p, err := b.Prove(line - 1)
			if err != nil {
				return err
			}
			data, err := p.Encode()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&line, "line", 0, "line of the parcel that is shown, from 1")
	return cmd
}

func newParcelsVerify(o *options) *cobra.Command {
	var root string
	var count uint64
	cmd := &cobra.Command{
		Use: "verify PARCEL.json", Short: "Check a parcel that was shown against the batch on the chain, or offline against a root",
		Example: "  ledgerctl parcels verify parcel.json --trust trust.json\n" +
			"  ledgerctl parcels verify parcel.json --count 3 --root 4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2",
		Args: exactly(1, "a file that 'parcels prove' wrote"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			p, err := client.ParseParcelProof(data)
			if err != nil {
				return err
			}
			against, source, err := o.batchOf(cmd, p.Batch, root, count)
			if err != nil {
				return err
			}
			if err := p.Verify(against.Root, uint64(against.Count)); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if o.json() {
				return printJSON(out, map[string]any{"batch": p.Batch, "parcel": p.Parcel, "line": p.Index + 1, "of": p.Count, "checked_against": source})
			}
			_, err = fmt.Fprintf(out, "✓ %s\nparcel %d of %d; checked against %s\n", p.Parcel, p.Index+1, p.Count, source)
			return err
		},
	}
	cmd.Flags().StringVar(&root, "root", "", "root to check against, 64 hexadecimal digits, instead of asking a node")
	cmd.Flags().Uint64Var(&count, "count", 0, "number of parcels under that root")
	return cmd
}

// batchOf is what the chain says of a batch, read with proof, or what was given; and where it is from.
func (o *options) batchOf(cmd *cobra.Command, batch, root string, count uint64) (*types.RecordParcelBatch, string, error) {
	if (root == "") != (count == 0) || count > 1<<32-1 {
		return nil, "", usagef("--root and --count stand together")
	}
	if root != "" {
		given, err := hex.DecodeString(root)
		if err != nil {
			return nil, "", usagef("--root: %v", err)
		}
		return &types.RecordParcelBatch{Root: given, Count: uint32(count)}, "the root that was given; that it is on the chain was not checked", nil
	}
	trust, err := o.needTrust()
	if err != nil {
		return nil, "", err
	}
	c, err := o.client(trust)
	if err != nil {
		return nil, "", err
	}
	b, proven, err := client.Get(cmd.Context(), c, types.ParcelBatchKey(batch), client.GetOptions{Patience: provableWait})
	if err != nil {
		return nil, "", err
	}
	if b == nil {
		return nil, "", fmt.Errorf("parcels/%s is proved to be absent at height %d", batch, proven.Height)
	}
	if b.Batch == nil {
		return nil, "", errors.New("the record of the batch is empty")
	}
	return b.Batch, fmt.Sprintf("parcels/%s of %s, proved at height %d of %s", batch, types.FormatDay(b.Batch.Day), proven.Height, c.ChainID()), nil
}
