package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/node"
)

// Bounds of a question to a node.
const (
	statusTimeout  = 5 * time.Second
	maxStatusBytes = 1 << 20
)

func newStatus() *cobra.Command {
	var api, output string
	c := &cobra.Command{
		Use:   "status",
		Short: "Ask a running node how it is",
		Long: "status asks the node of a home, or the one at --api, for its height, its peers and what runs. It says what the node says of itself: " +
			"nothing of it is proved. Exit status 1 if the node does not answer.",
		Example: "  ledgerd status\n  ledgerd status --home ./node-a\n  ledgerd status --api http://127.0.0.1:8081 -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return fmt.Errorf("--output must be table or json, but is %q", output)
			}
			if api == "" {
				cfg, err := loadConfig(c)
				if err != nil {
					return fmt.Errorf("%w (or name a running node with --api)", err)
				}
				if cfg.API.Laddr == "" {
					return errors.New("the interface of this node is off (api.laddr is empty): there is nobody to ask")
				}
				api = "http://" + cfg.API.Laddr
			}
			return printStatus(c, api, output)
		},
	}
	c.Flags().StringVar(&api, "api", "", "address of the node's HTTP interface, such as http://127.0.0.1:8080; else that of the home")
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

func printStatus(c *cobra.Command, api, output string) error {
	client := http.Client{Timeout: statusTimeout}
	answer, err := client.Get(strings.TrimSuffix(api, "/") + "/v1/status")
	if err != nil {
		return fmt.Errorf("no answer at %s: is 'ledgerd start' running there? (%w)", api, err)
	}
	defer func() { _ = answer.Body.Close() }() // all of it was read
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxStatusBytes))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", api, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", api, answer.Status, strings.TrimSpace(string(text)))
	}
	if output == "json" {
		_, err = c.OutOrStdout().Write(text)
		return err
	}
	var s node.Status
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s does not answer like a node: %w", api, err)
	}
	return printTable(c.OutOrStdout(), s)
}

func printTable(out io.Writer, s node.Status) error {
	rows := [][2]any{
		{"chain", s.ChainID}, {"node", fmt.Sprintf("%s (%s)", s.Moniker, s.NodeID)}, {"validator", s.Validator},
		{"height", s.Height}, {"provable", s.Provable}, {"block time", s.BlockTime}, {"app hash", s.AppHash},
		{"oldest block", s.OldestBlock}, {"catching up", s.CatchingUp}, {"peers", s.Peers}, {"base currency", s.BaseCurrency},
		{"simulation", s.Simulation},
		{"versions", fmt.Sprintf("ledgerd %s, CometBFT %s, state schema %d", s.Versions.Ledger, s.Versions.CometBFT, s.Versions.Schema)},
	}
	if s.Notice != "" {
		rows = append(rows, [2]any{"notice", s.Notice})
	}
	for _, row := range rows {
		if _, err := fmt.Fprintf(out, "%-14v %v\n", row[0], row[1]); err != nil {
			return err
		}
	}
	return nil
}
