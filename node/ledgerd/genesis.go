package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/node"
)

//go:embed genesis.example.toml
var exampleDocument string

// maxDocumentBytes bounds what is read as a document or a genesis file.
const maxDocumentBytes = 64 << 20

// signatureSuffix ends the names of signature files.
const signatureSuffix = ".sig"

func newGenesis() *cobra.Command {
	c := &cobra.Command{
		Use:   "genesis",
		Short: "Check, make and sign the genesis of a network",
		Long: "genesis helps a council to found a network. The council writes down in one document who is a member, with which roles and keys, who runs the validators, and what " +
			"can never be changed ('ledgerd genesis example' prints one). Everybody checks it, makes the genesis file of it, which is the same to the byte on every machine, " +
			"and signs that file's SHA-256. Nodes then join with 'ledgerd init --genesis'.",
		Example: "  ledgerd genesis example > trade-1.toml\n" +
			"  ledgerd genesis validate trade-1.toml\n" +
			"  ledgerd genesis make trade-1.toml --out genesis.json\n" +
			"  ledgerd genesis sign genesis.json --key keys/council.key\n" +
			"  ledgerd genesis validate genesis.json --signatures .",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newGenesisExample(), newGenesisValidate(), newGenesisMake(), newGenesisSign())
	return c
}

func newGenesisExample() *cobra.Command {
	return &cobra.Command{
		Use:     "example",
		Short:   "Print a document to begin with",
		Long:    "example prints the document of a made-up network, with a comment on every line that needs one. It validates as it stands; replace what is in it.",
		Example: "  ledgerd genesis example > trade-1.toml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), exampleDocument)
			return err
		},
	}
}

func newGenesisValidate() *cobra.Command {
	var signatures []string
	var output string
	c := &cobra.Command{
		Use:   "validate FILE",
		Short: "Say what is wrong with a document or a genesis file, or show who founds the network",
		Long: "validate reads a council's document (TOML) or a genesis file (JSON). It prints everything that is wrong, each with its path and what to do; or, if nothing is, the members, " +
			"the seats of the council and what decides, the validators, the largest share of a control group, and the SHA-256 of the genesis file.\n\n" +
			"With --signatures it also checks that two thirds of the seats, rounded up, signed just that genesis file. Exit status 1 if anything is wrong or signatures are missing.",
		Example: "  ledgerd genesis validate trade-1.toml\n" +
			"  ledgerd genesis validate genesis.json --signatures bank-a.sig,bank-b.sig\n" +
			"  ledgerd genesis validate genesis.json --signatures ./signatures -o json",
		Args: oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			if output != "table" && output != "json" {
				return fmt.Errorf("--output must be table or json, but is %q", output)
			}
			f, err := readFounding(args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(f)
			} else {
				err = printFounding(c.OutOrStdout(), f)
			}
			if err != nil || len(signatures) == 0 {
				return err
			}
			report := c.OutOrStdout()
			if output == "json" {
				report = c.ErrOrStderr()
			}
			return checkSignatures(report, f, signatures)
		},
	}
	c.Flags().StringSliceVar(&signatures, "signatures", nil, "signature files, or folders with files *.sig; may be repeated")
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

func newGenesisMake() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "make FILE",
		Short: "Make the genesis file of a document",
		Long: "make writes the genesis file of a council's document, the same bytes on every machine, and prints its SHA-256: compare it with the other members, then sign it with " +
			"'ledgerd genesis sign'. Nothing is overwritten.",
		Example: "  ledgerd genesis make trade-1.toml --out genesis.json",
		Args:    oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			f, err := readFounding(args[0])
			if err != nil {
				return err
			}
			if err := writeOnce(out, f.File); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Made %s\nSHA-256  %s\n\n%d of the %d seats of the council must sign it:\n  ledgerd genesis sign %s --key <file of a COUNCIL key>\n",
				out, f.Digest, f.Quorum(), len(f.Seats()), out)
			return err
		},
	}
	c.Flags().StringVar(&out, "out", "genesis.json", "the file to write")
	return c
}

func newGenesisSign() *cobra.Command {
	var key, out, passphraseFD string
	c := &cobra.Command{
		Use:   "sign FILE",
		Short: "Sign a genesis as a seat of the council",
		Long: "sign signs the SHA-256 of a genesis file, or of the one that 'ledgerd genesis make' would write of a document, with a COUNCIL key that stands in it, and writes a signature " +
			"file beside it. Read what 'ledgerd genesis validate' shows before.\n\n" +
			"The key is a file that 'ledgerctl keys add' made. Its passphrase comes from --passphrase-fd, the environment variable " + client.PassphraseVariable + " or the terminal.",
		Example: "  ledgerd genesis sign genesis.json --key keys/council.key\n" +
			"  ledgerd genesis sign trade-1.toml --key keys/council.key --out bank-a.sig",
		Args: oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			if key == "" {
				return errors.New("--key is missing: the file of a COUNCIL key, as 'ledgerctl keys add' makes it")
			}
			f, err := readFounding(args[0])
			if err != nil {
				return err
			}
			secret, info, err := client.OpenKeyFile(key, func() ([]byte, error) {
				return client.ReadPassphrase(passphraseFD, fmt.Sprintf("Passphrase of %s: ", key), false)
			})
			if err != nil {
				return err
			}
			text, err := f.Sign(info.Holder, secret)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if out == "" {
				out = args[0] + "." + info.Holder + signatureSuffix
			}
			if err := writeOnce(out, text); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s signed the genesis of %s\nSHA-256  %s\nMade %s\n", info.Holder, f.ChainID, f.Digest, out)
			return err
		},
	}
	c.Flags().StringVar(&key, "key", "", "file of a COUNCIL key of a member in the genesis (needed)")
	c.Flags().StringVar(&out, "out", "", "the signature file to write; default: FILE.<member>.sig")
	c.Flags().StringVar(&passphraseFD, "passphrase-fd", "", "number of a file descriptor to read the passphrase from")
	return c
}

// oneFile wants the name of one file.
func oneFile(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s wants one file, but got %d; '%s --help' shows examples", c.CommandPath(), len(args), c.CommandPath())
	}
	return nil
}

func readFounding(path string) (*node.Founding, error) {
	text, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	f, err := node.ReadFounding(text)
	if err != nil {
		return nil, fmt.Errorf("%s cannot found a network:\n%w", path, err)
	}
	return f, nil
}

func readBounded(path string) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(in, maxDocumentBytes+1))
	if err == nil && len(text) > maxDocumentBytes {
		err = fmt.Errorf("%s has more than %d bytes", path, maxDocumentBytes)
	}
	return text, err
}

// writeOnce writes a public file that must not exist.
func writeOnce(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already and is not overwritten; choose another name with --out", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// checkSignatures tells which seats signed, and refuses if a file is not what it should be or too few did.
func checkSignatures(out io.Writer, f *node.Founding, paths []string) error {
	var files []string
	var errs []error
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			errs = append(errs, err)
		case info.IsDir():
			found, err := filepath.Glob(filepath.Join(path, "*"+signatureSuffix)) // in order
			errs = append(errs, err)
			if len(found) == 0 {
				errs = append(errs, fmt.Errorf("%s holds no file *%s", path, signatureSuffix))
			}
			files = append(files, found...)
		default:
			files = append(files, path)
		}
	}
	var signed []string
	for _, path := range files {
		text, err := readBounded(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		member, err := f.Verify(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
			continue
		}
		if !slices.Contains(signed, member) {
			signed = append(signed, member)
		}
	}
	if err := printSignatures(out, f, signed); err != nil {
		return err
	}
	if len(signed) < f.Quorum() {
		errs = append(errs, fmt.Errorf("%d of %d seats signed; %d are needed", len(signed), len(f.Seats()), f.Quorum()))
	}
	return errors.Join(errs...)
}
