package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/types"
)

// Bounds of what publish sends: rows of a message, which the rules set, and messages of a transaction, so that blocks stay small.
const (
	codeRows     = 256
	codeMessages = 8
)

func newCodes(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "codes",
		Short: "Versions of the code lists that the council governs",
		Long: "The council may put versions of its own in force of five lists: " + strings.Join(listNames(), ", ") + ".\n" +
			"It adopts a version by the count and the root of its rows (propose code_list); any seat then publishes the rows, and with the last one\n" +
			"the version is in force. A file has one code a line; of CURRENCIES the decimals of the minor unit follow the code.",
		Example: "  ledgerctl codes show CURRENCIES > currencies.txt\n" +
			"  ledgerctl codes digest HS6 types/lists/hs6.txt --version 2022\n" +
			"  ledgerctl codes publish HS6 types/lists/hs6.txt --version 2022 --key bank-a-council",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCodesShow(), newCodesDigest(), newCodesPublish(o))
	return cmd
}

func newCodesShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show LIST",
		Short:   "Print the version of a list that is compiled into this program, to begin another one with",
		Example: "  ledgerctl codes show CURRENCIES > currencies.txt",
		Args:    exactly(1, "a list"),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := listNamed(args[0])
			if err != nil {
				return err
			}
			rows := types.BuiltInRows(list)
			if len(rows) == 0 {
				return fmt.Errorf("%s has no compiled-in version: until one is published the form of a code is all that is asked", list)
			}
			for _, r := range rows {
				line := r.Code
				if list == types.CodeListName_CURRENCIES {
					line += " " + strconv.Itoa(int(r.Exponent))
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func newCodesDigest() *cobra.Command {
	var version string
	cmd := &cobra.Command{
		Use:     "digest LIST FILE",
		Short:   "Print what the council adopts: the field code_list of a proposal",
		Example: "  ledgerctl codes digest HS6 types/lists/hs6.txt --version 2022",
		Args:    exactly(2, "a list and a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, rows, err := readCodes(args[0], args[1], version)
			if err != nil {
				return err
			}
			root, err := types.CodeRowsRoot(list, rows)
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), map[string]any{"code_list": map[string]any{
				"list": list.String(), "version": version, "count": len(rows), "digest": hex.EncodeToString(root),
			}})
		},
	}
	cmd.Flags().StringVar(&version, "version", "", "name of the version, 1–32 characters A-Z a-z 0-9 . _ - (needed)")
	return cmd
}

func newCodesPublish(o *options) *cobra.Command {
	var version, key string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:     "publish LIST FILE",
		Short:   "Publish the rows of a version that the council has adopted; again is harmless, and goes on where it stopped",
		Example: "  ledgerctl codes publish HS6 types/lists/hs6.txt --version 2022 --key bank-a-council",
		Args:    exactly(2, "a list and a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, rows, err := readCodes(args[0], args[1], version)
			if err != nil {
				return err
			}
			c, err := o.signingClient(cmd.Context())
			if err != nil {
				return err
			}
			signer, err := o.signer(key, "")
			if err != nil {
				return err
			}
			signer.Origin = types.Origin{SourceSystem: "ledgerctl", Jurisdiction: "ZZ", CollectedUnix: time.Now().Unix()}
			return publishCodes(cmd, c, signer, batches(list, version, rows), wait)
		},
	}
	cmd.Flags().StringVar(&version, "version", "", "name of the version (needed)")
	cmd.Flags().StringVar(&key, "key", "", "key file, or the name of a key in the folder of keys: a COUNCIL key (needed)")
	cmd.Flags().DurationVar(&wait, "wait", 30*time.Second, "how long to wait for each transaction to be FINAL")
	return cmd
}

// batches are the messages that bring the rows, in order.
func batches(list types.CodeListName, version string, rows []*types.CodeRow) (out []*types.Message) {
	first := 0
	for part := range slices.Chunk(rows, codeRows) {
		out = append(out, types.Wrap("", &types.PublishCodes{List: list, Version: version, First: uint32(first), Rows: part}))
		first += len(part)
	}
	return out
}

// publishCodes sends the messages one transaction after the other: rows come in order.
func publishCodes(cmd *cobra.Command, c *client.Client, s *client.Signer, messages []*types.Message, wait time.Duration) error {
	sent := 0
	for part := range slices.Chunk(messages, codeMessages) {
		ctx, cancel := context.WithTimeout(cmd.Context(), wait+client.DefaultWait)
		r, _, err := c.SubmitMessages(ctx, s, part, client.TxOptions{ValidUntil: time.Now().Add(client.DefaultValidFor)},
			client.SubmitOptions{Wait: min(wait, 30*time.Second), RetryFor: wait})
		cancel()
		if err != nil {
			return err
		}
		if err := r.Err(); err != nil {
			return fmt.Errorf("after %d of %d parts: %w; 'ledgerctl get code-lists' shows what is awaited", sent, len(messages), err)
		}
		sent += len(part)
		if _, err := fmt.Fprintf(cmd.ErrOrStderr(), "height %d: %d of %d parts\n", r.Height, sent, len(messages)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), "published; 'ledgerctl get code-lists' shows, with proof, what is in force")
	return err
}

// readCodes reads the rows of a version; they must be in order and have the list's form.
func readCodes(name, path, version string) (types.CodeListName, []*types.CodeRow, error) {
	list, err := listNamed(name)
	if err != nil {
		return 0, nil, err
	}
	if version == "" || len(version) > 32 || types.CheckSourceID(version) != nil {
		return 0, nil, usagef("--version is needed: 1–32 characters A-Z a-z 0-9 . _ -")
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	rows, err := parseCodes(f)
	if err == nil {
		_, err = types.CodeRowsRoot(list, rows)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, rows, nil
}

// parseCodes reads one code a line, and of currencies the decimals behind it, parted by a space or a comma.
func parseCodes(in io.Reader) (rows []*types.CodeRow, err error) {
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		fields := strings.FieldsFunc(lines.Text(), func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
		if len(fields) == 0 {
			continue
		}
		row := &types.CodeRow{Code: fields[0]}
		if len(fields) == 2 {
			exponent, err := strconv.ParseInt(fields[1], 10, 32)
			if err != nil {
				return nil, fmt.Errorf("line %d: %q is no number of decimals", n, fields[1])
			}
			row.Exponent = int32(exponent)
		}
		if len(fields) > 2 {
			return nil, fmt.Errorf("line %d: a code, and of currencies its decimals; nothing else", n)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("no codes")
	}
	return rows, nil
}

func listNamed(name string) (types.CodeListName, error) {
	n, ok := types.CodeListName_value[strings.ToUpper(name)]
	if !ok || n == 0 {
		return 0, usagef("%q is no list; there are %s", name, strings.Join(listNames(), ", "))
	}
	return types.CodeListName(n), nil
}

func listNames() (out []string) {
	for n := types.CodeListName_CURRENCIES; n <= types.CodeListName_MODES; n++ {
		out = append(out, n.String())
	}
	return out
}
