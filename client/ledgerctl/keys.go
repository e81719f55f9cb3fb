package main

import (
	"encoding/hex"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/types"
)

func newKeys(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "Make and show signing keys", Example: "  ledgerctl keys add bank-a --holder bank-a --key-id bank\n  ledgerctl keys list",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeysAdd(o), newKeysList(o), newKeysShow(o), newKeysSalt(o))
	return cmd
}

// algorithms are the kinds of keys that can be made.
var algorithms = map[string]types.Algorithm{"ed25519": types.Algorithm_ED25519, "sm2": types.Algorithm_SM2_SM3}

func newKeysAdd(o *options) *cobra.Command {
	var holder, id, algorithm string
	var plain bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a new key, sealed with a passphrase",
		Long: "Make a new key: ed25519, or SM2 with SM3 (GB/T 32918) where the network's parameter 'algorithms' lets it sign. Its file is sealed with a passphrase, which comes from --passphrase-fd, the environment variable " + client.PassphraseVariable +
			" or the terminal, never from the command line. With --chain-id the proof of possession that registers the key is printed, too.",
		Example: "  ledgerctl keys add bank-a --holder bank-a --key-id bank\n" +
			"  ledgerctl keys add customs-a --holder customs-a --key-id customs --algorithm sm2\n" +
			"  ledgerctl keys add demo --holder platform-1 --key-id platform --plain\n" +
			"  ledgerctl keys add bank-a --holder bank-a --key-id bank --passphrase-fd 3 3<passphrase",
		Args: exactly(1, "a name for the key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, ok := algorithms[algorithm]
			if !ok {
				return usagef("--algorithm must be ed25519 or sm2, but is %q", algorithm)
			}
			folder, err := client.OpenKeyFolder(o.keys)
			if err != nil {
				return err
			}
			key, err := types.GenerateSigningKeyFor(kind)
			if err != nil {
				return err
			}
			var info client.KeyInfo
			if plain {
				info, err = folder.AddPlain(args[0], holder, id, key)
			} else {
				var secret []byte
				if secret, err = client.ReadPassphrase(o.passphraseFD, "New passphrase: ", true); err == nil {
					info, err = folder.Add(args[0], holder, id, key, secret)
				}
			}
			if err != nil {
				return err
			}
			return printKey(cmd, o, info, key)
		},
	}
	cmd.Flags().StringVar(&holder, "holder", "", "member or enterprise that signs with it (needed)")
	cmd.Flags().StringVar(&id, "key-id", "", "id of the key on the chain, [a-z0-9-]{1,32} (needed)")
	cmd.Flags().StringVar(&algorithm, "algorithm", "ed25519", "ed25519, or sm2 for members that must")
	cmd.Flags().BoolVar(&plain, "plain", false, "no passphrase: for demonstrations and tests")
	return cmd
}

// keyJSON is what is public about a key.
type keyJSON struct {
	Name       string `json:"name"`
	Holder     string `json:"holder"`
	KeyID      string `json:"key_id"`
	Algorithm  string `json:"algorithm"`
	PublicKey  string `json:"public_key"`
	Sealed     bool   `json:"sealed"`
	Possession string `json:"possession,omitempty"`
}

func publicKey(i client.KeyInfo) keyJSON {
	return keyJSON{Name: i.Name, Holder: i.Holder, KeyID: i.KeyID, Algorithm: i.Algorithm.String(), PublicKey: hex.EncodeToString(i.PublicKey), Sealed: i.Sealed}
}

// printKey shows a key; with its secret and a chain id, also the proof that it is held.
func printKey(cmd *cobra.Command, o *options, info client.KeyInfo, key *types.SigningKey) error {
	k := publicKey(info)
	if key != nil && o.chainID != "" {
		k.Possession = hex.EncodeToString(key.Sign(types.Possession(o.chainID, info.Holder, info.KeyID, info.PublicKey)))
	}
	if o.json() {
		return printJSON(cmd.OutOrStdout(), k)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "name\t%s\nholder\t%s\nkey id\t%s\nalgorithm\t%s\npublic key\t%s\nsealed\t%t\n", k.Name, k.Holder, k.KeyID, k.Algorithm, k.PublicKey, k.Sealed)
	if k.Possession != "" {
		fmt.Fprintf(w, "possession\t%s\n", k.Possession)
	}
	return w.Flush()
}

func newKeysList(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys of the folder", Example: "  ledgerctl keys list\n  ledgerctl keys list --keys ./keys -o json",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := client.OpenKeyFolder(o.keys)
			if err != nil {
				return err
			}
			list, err := folder.List()
			if err != nil {
				return err
			}
			if o.json() {
				out := []keyJSON{}
				for _, i := range list {
					out = append(out, publicKey(i))
				}
				return printJSON(cmd.OutOrStdout(), out)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "name\tholder\tkey id\talgorithm\tsealed\tpublic key")
			for _, i := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%t\t%x\n", i.Name, i.Holder, i.KeyID, i.Algorithm, i.Sealed, i.PublicKey)
			}
			return w.Flush()
		},
	}
}

func newKeysShow(o *options) *cobra.Command {
	var possession bool
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show what is public about a key",
		Example: "  ledgerctl keys show bank-a\n  ledgerctl keys show bank-a --possession --chain-id trade-1   # what registers it",
		Args:    exactly(1, "the name of a key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := client.OpenKeyFolder(o.keys)
			if err != nil {
				return err
			}
			if !possession {
				info, err := folder.Info(args[0])
				if err != nil {
					return err
				}
				return printKey(cmd, o, info, nil)
			}
			if o.chainID == "" {
				return usagef("--possession needs --chain-id")
			}
			key, info, err := folder.Load(args[0], func() ([]byte, error) {
				return client.ReadPassphrase(o.passphraseFD, fmt.Sprintf("Passphrase of %s: ", args[0]), false)
			})
			if err != nil {
				return err
			}
			return printKey(cmd, o, info, key)
		},
	}
	cmd.Flags().BoolVar(&possession, "possession", false, "sign the proof of possession that registers the key")
	return cmd
}

func newKeysSalt(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "salt FILE",
		Short: "Make the salt key of an importer",
		Long:  "Make the salt key of an importer: 32 bytes that salt the commitments of what it loads. Keep it: without it no field can be disclosed, and the same papers get other commitments.",
		Example: "  ledgerctl keys salt salt.key\n" +
			"  ledgerctl import invoices.csv --mapping invoices.toml --key platform --salt-key salt.key",
		Args: exactly(1, "the file to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := client.NewSaltKey(args[0]); err != nil {
				return err
			}
			if o.json() {
				return printJSON(cmd.OutOrStdout(), map[string]string{"file": args[0]})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: a new salt key; keep it as long as anything that was loaded with it\n", args[0])
			return err
		},
	}
}
