package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/node"
)

func newSnapshots() *cobra.Command {
	c := &cobra.Command{
		Use:   "snapshots",
		Short: "Snapshots of the state that a node keeps for others",
		Long: "A node makes a snapshot of its state every so many heights (snapshot.interval) and keeps the newest (snapshot.keep), for nodes that join and for backups. " +
			"These commands show them, write one into a file, and restore one from a file.",
		Example: "  ledgerd snapshots list\n  ledgerd snapshots export --out state.tar.zst\n  ledgerd snapshots restore --from state.tar.zst --home ./node-new",
	}
	restore := newRestore()
	restore.Short = "Make the data of a node from an exported snapshot"
	restore.Example = "  ledgerd snapshots restore --from state.tar.zst --home ./node-new"
	c.AddCommand(newSnapshotsList(), newSnapshotsExport(), restore)
	return c
}

func newSnapshotsList() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the snapshots in a home",
		Long: "list shows the snapshots that the node of a home keeps, the newest first, whether it runs or not: height, hash of the state after it, and the hash of the header " +
			"of the height, which a joining member can be given as statesync.trust on another way.",
		Example: "  ledgerd snapshots list\n  ledgerd snapshots list --home ./node-a -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return fmt.Errorf("--output must be table or json, but is %q", output)
			}
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			list, err := node.KeptSnapshots(cfg)
			if err != nil {
				return err
			}
			if output == "json" {
				text, err := json.MarshalIndent(list, "", "  ")
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(c.OutOrStdout(), string(text))
				return err
			}
			return printSnapshots(c.OutOrStdout(), list)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

func printSnapshots(out io.Writer, list []node.SnapshotInfo) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "No snapshot is kept. One is made of every height that snapshot.interval divides, and when a backup asks for one.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(w, "height\tchunks\tbytes\tapp hash\ttrust")
	for _, s := range list {
		trust := "not yet" // the block after is not there
		if s.Header != "" {
			trust = fmt.Sprintf("%d:%s", s.Height, s.Header)
		}
		_, line := fmt.Fprintf(w, "%d\t%d\t%d\t%s\t%s\n", s.Height, s.Chunks, s.Bytes, s.AppHash, trust)
		err = errors.Join(err, line)
	}
	return errors.Join(err, w.Flush())
}

func newSnapshotsExport() *cobra.Command {
	var out string
	var height int64
	c := &cobra.Command{
		Use:   "export",
		Short: "Write a snapshot that is kept into a file",
		Long: "export writes a snapshot that the node of a home keeps into one file, for 'ledgerd restore'. The node may run or not. It is what 'ledgerd backup' writes, of a " +
			"height that is there already.",
		Example: "  ledgerd snapshots export --out state.tar.zst\n  ledgerd snapshots export --height 15000 --out state.tar.zst",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return errors.New("--out is missing: the file to write")
			}
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			info, err := node.ExportSnapshot(cfg, height, out)
			if err != nil {
				return err
			}
			return printBackup(c.OutOrStdout(), "Wrote "+out, info)
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write; it must not exist")
	c.Flags().Int64Var(&height, "height", 0, "height of the snapshot; 0: the newest")
	return c
}

func newJoin() *cobra.Command {
	var from, trust string
	c := &cobra.Command{
		Use:   "join",
		Short: "Begin from a snapshot of other members instead of the first block",
		Long: "join makes the data of a home that has keys, settings and genesis but no data ('ledgerd init --genesis …') from a snapshot. It asks the HTTP interfaces of nodes of " +
			"two different members at least, and believes none: headers are verified from the trusted one on and compared between the nodes, every chunk is compared with " +
			"the hash in the header after the snapshot, and a node that sends anything else is not asked again. It ends with what was refused.\n\n" +
			"--trust is HEIGHT:HASH of a header that a member told you on another way than these nodes ('ledgerd snapshots list' on a node prints it), not older than " +
			"statesync.trust_period; or 'genesis', to believe the validators of the genesis, as long as that is young enough.\n\n" +
			"The same happens when 'ledgerd start' finds an empty home whose settings have statesync.from and statesync.trust.",
		Example: "  ledgerd join --from https://node.bank-a.example,https://node.customs.example --trust 15000:9f2c…41",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			if from != "" {
				cfg.StateSync.From = strings.Split(from, ",")
			}
			if trust != "" {
				cfg.StateSync.Trust = trust
			}
			ctx, release := interruptible(c)
			defer release()
			joined, err := node.Join(ctx, cfg, node.NewLogger(c.ErrOrStderr(), cfg.Log))
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			_, err = fmt.Fprintf(out, "Joined at height %d, app hash %s: %d chunks, %d bytes, in %s.\n", joined.Height, joined.AppHash, joined.Chunks, joined.Bytes,
				joined.Took.Round(time.Millisecond))
			for _, r := range joined.Refused {
				_, line := fmt.Fprintf(out, "Refused: %s\n", r)
				err = errors.Join(err, line)
			}
			_, next := fmt.Fprintf(out, "Next: ledgerd start --home %s\n", cfg.Home)
			return errors.Join(err, next)
		},
	}
	c.Flags().StringVar(&from, "from", "", "HTTP interfaces of nodes of two different members at least, with commas between; else statesync.from")
	c.Flags().StringVar(&trust, "trust", "", "HEIGHT:HASH of a header, or genesis; else statesync.trust")
	addSettings(c)
	return c
}
