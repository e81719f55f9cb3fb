package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/node"
)

// interruptible is the context of a command that Ctrl-C ends.
func interruptible(c *cobra.Command) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(contextOf(c), os.Interrupt, syscall.SIGTERM)
}

func newBackup() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "backup",
		Short: "Write the state of a node into one file, while it runs or not",
		Long: "backup writes the state of a node into one file: of the newest height when the node is stopped; of one that it commits in the meantime when it runs, " +
			"which takes as long as a snapshot does (see snapshot.share).\n\n" +
			"The file is a tar archive compressed with zstd. It holds the genesis, the records, logs and references of that height, and what the engine needs to go on " +
			"from it. It holds no keys: keep copies of config/node_key.json and config/priv_validator_key.json elsewhere. It holds no old blocks: 'ledgerd export' keeps those.",
		Example: "  ledgerd backup --out /backup/node-a.tar.zst\n  ledgerd backup --home ./node-a --out node-a.tar.zst",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return errors.New("--out is missing: the file to write")
			}
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			ctx, release := interruptible(c)
			defer release()
			info, err := node.Backup(ctx, cfg, out, node.NewLogger(c.ErrOrStderr(), cfg.Log))
			if err != nil {
				return err
			}
			return printBackup(c.OutOrStdout(), "Wrote "+out, info)
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write; it must not exist")
	return c
}

func newRestore() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "restore",
		Short: "Make the data of a node from a backup",
		Long: "restore makes the data of a home from a file that 'ledgerd backup' or 'ledgerd snapshots export' wrote. A home that does not exist is made, with new keys " +
			"and the settings given as flags; one that exists must have the same genesis and no data. Every row is compared with the hash of the state; a restore that " +
			"fails leaves the home without data.\n\n" +
			"That the hash itself is the network's, the first block shows that the node fetches. If the file comes from somebody else, compare the hash that is printed " +
			"with another member first ('ledgerd snapshots list' there), or join with 'ledgerd join', which needs nobody's word.\n\n" +
			"To go on as the validator that the home was, put its priv_validator_key.json into config/ and its newest priv_validator_state.json into data/, and be sure " +
			"that the old machine never runs again. A lone validator needs the folder data/cs.wal that goes with them, too.",
		Example: "  ledgerd restore --from /backup/node-a.tar.zst --home ./node-new",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return errors.New("--from is missing: the backup to restore")
			}
			cfg, err := configForNew(c)
			if err != nil {
				return err
			}
			info, err := node.Restore(cfg, file, node.NewLogger(c.ErrOrStderr(), cfg.Log))
			if err != nil {
				return err
			}
			if err := printBackup(c.OutOrStdout(), "Restored "+cfg.Home, info); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "\nNext: ledgerd start --home %s\n", cfg.Home)
			return err
		},
	}
	c.Flags().StringVar(&file, "from", "", "file that 'ledgerd backup' wrote")
	addSettings(c)
	return c
}

// configForNew reads the settings of a home, or gives the defaults with flags for one that does not exist.
func configForNew(c *cobra.Command) (node.Config, error) {
	home, err := homeOf(c)
	if err != nil {
		return node.Config{}, err
	}
	if _, err := os.Stat(filepath.Join(home, "config")); err == nil {
		return loadConfig(c)
	}
	cfg := node.Default(home)
	if err := cfg.Apply(givenSettings(c)); err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

func printBackup(out io.Writer, what string, b *node.BackupInfo) error {
	_, err := fmt.Fprintf(out, "%s\n\nchain     %s\nheight    %d\napp hash  %s\nchunks    %d, %d bytes\nfile      %d bytes\ntook      %s\n",
		what, b.ChainID, b.Height, b.AppHash, b.Chunks, b.Bytes, b.Size, b.Took.Round(time.Millisecond))
	return err
}

func newRollback() *cobra.Command {
	var hard bool
	c := &cobra.Command{
		Use:   "rollback",
		Short: "Take the newest block of a stopped node back",
		Long: "rollback takes the newest block back, in the application and in the engine together: for a node whose program computed it wrong, so that its hash is not that " +
			"of the others. The block itself stays and is executed again at the next start, with another program as a rule; with --hard it is removed and fetched from peers " +
			"again. The lists are made anew. What a validator has signed is not forgotten.\n\n" +
			"It refuses when the node runs, when the block is the first that this node has, and with --hard when nobody else has the block.",
		Example: "  ledgerd rollback\n  ledgerd rollback --home ./node-a --hard",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			back, err := node.Rollback(cfg, hard, node.NewLogger(c.ErrOrStderr(), cfg.Log))
			if err != nil {
				return err
			}
			next := fmt.Sprintf("block %d is executed again when the node starts", back.Height+1)
			if !back.Block {
				next = fmt.Sprintf("block %d is fetched again from peers", back.Height+1)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "The node is at height %d, app hash %s; %s.\n", back.Height, back.AppHash, next)
			return err
		},
	}
	c.Flags().BoolVar(&hard, "hard", false, "remove the block, too")
	return c
}
