package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"tradecredit/node"
	"tradecredit/types"
)

func newKeys() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "keys",
		Short: "Show who a home is to its peers and as a validator",
		Long: "keys prints the public parts of the two keys of a home: the node id, which peers write into p2p.persistent_peers, and the validator key, which goes " +
			"into a genesis or a vote. Both keys were made by 'ledgerd init'; never use the validator key on two machines.\n\n" +
			"The keys with which members sign transactions are no business of a node: see 'ledgerctl keys'.",
		Example: "  ledgerd keys\n  ledgerd keys --home ./node-a -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			identity, err := node.ReadIdentity(cfg)
			if err != nil {
				return err
			}
			switch output {
			case "table":
				return printIdentity(c.OutOrStdout(), identity)
			case "json":
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(map[string]string{
					"node_id": identity.NodeID, "validator_address": identity.ValidatorAddress, "validator_key": hex.EncodeToString(identity.ValidatorKey),
				})
			default:
				return fmt.Errorf("--output must be table or json, but is %q", output)
			}
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

func printIdentity(out io.Writer, i node.Identity) error {
	_, err := fmt.Fprintf(out, "node id            %s\nvalidator address  %s\nvalidator key      %x (ed25519)\n",
		i.NodeID, i.ValidatorAddress, i.ValidatorKey)
	return err
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show what this program is made of",
		Long:    "version prints the versions of this program, of CometBFT and of Go.",
		Example: "  ledgerd version",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "ledgerd %s, CometBFT %s, %s %s/%s\n", types.Version, node.EngineVersion(),
				runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
