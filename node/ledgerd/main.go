package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tradecredit/node"
)

// Exit statuses beside 1, for whoever restarts the program: neither goes away by itself.
const (
	exitHalted   = 4 // node.ErrHalted
	exitDiskFull = 5 // node.ErrDiskFull
	exitDiverged = 6 // node.ErrDiverged
	exitDamaged  = 7 // node.ErrDamaged
)

func main() {
	err := newRoot().Execute()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "ledgerd:", err)
	switch {
	case errors.Is(err, node.ErrHalted):
		os.Exit(exitHalted)
	case errors.Is(err, node.ErrDiskFull):
		os.Exit(exitDiskFull)
	case errors.Is(err, node.ErrDiverged):
		os.Exit(exitDiverged)
	case errors.Is(err, node.ErrDamaged):
		os.Exit(exitDamaged)
	}
	os.Exit(1)
}

// newRoot is the tree of commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "ledgerd",
		Short: "Run a node of the trade credit ledger",
		Long: "ledgerd runs one node of the trade credit ledger: consensus among the members, the rules, the records and the HTTP interface.\n\n" +
			"A node lives in one folder, its home (--home, LEDGERD_HOME, else ~/.ledgerd): settings and keys in config/, records and blocks in data/. " +
			"'ledgerd init' makes one, 'ledgerd start' runs it. Transactions, queries and reports are the business of ledgerctl.",
		Example: "  ledgerd init --chain-id trade-1 --council council-1=<public key> --base-currency USD --jurisdiction CN\n" +
			"  ledgerd start\n" +
			"  ledgerd status",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; '%s --help' lists the flags", err, c.CommandPath())
	})
	root.PersistentFlags().String("home", defaultHome(), "folder of the node; also LEDGERD_HOME")
	root.AddCommand(newInit(), newStart(), newStatus(), newReplay(), newExport(), newImport(),
		newJoin(), newBackup(), newRestore(), newSnapshots(), newRollback(), newFsck(), newKeys(), newGenesis(), newVersion())
	return root
}

func defaultHome() string {
	if home := os.Getenv("LEDGERD_HOME"); home != "" {
		return home
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return ".ledgerd"
	}
	return filepath.Join(user, ".ledgerd")
}

// homeOf gives the home, absolute, so that messages and logs say where it is.
func homeOf(c *cobra.Command) (string, error) {
	home, err := c.Flags().GetString("home")
	if err != nil {
		return "", err
	}
	if home == "" {
		return "", errors.New("--home is empty: name the folder of the node")
	}
	return filepath.Abs(home)
}

// addSettings gives a command one flag for each setting of ledgerd.toml.
func addSettings(c *cobra.Command) {
	for _, s := range node.Settings() {
		c.Flags().String(s.Name, "", fmt.Sprintf("%s (%s; default %s)", s.Doc, s.Env, s.Default))
	}
}

// givenSettings are the settings that were given as flags.
func givenSettings(c *cobra.Command) map[string]string {
	given := map[string]string{}
	for _, s := range node.Settings() {
		if f := c.Flags().Lookup(s.Name); f != nil && f.Changed {
			given[s.Name] = f.Value.String()
		}
	}
	return given
}

// loadConfig reads the settings of the home with environment and flags.
func loadConfig(c *cobra.Command) (node.Config, error) {
	home, err := homeOf(c)
	if err != nil {
		return node.Config{}, err
	}
	return node.Load(home, os.Environ(), givenSettings(c))
}
