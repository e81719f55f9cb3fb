package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"tradecredit/node"
)

func newStart() *cobra.Command {
	c := &cobra.Command{
		Use:   "start",
		Short: "Run the node of a home until it is interrupted",
		Long: "start runs the node of a home. It first checks settings, keys, addresses and stores, and refuses to run on what is not safe, with a sentence that says " +
			"what to do.\n\nInterrupt it (Ctrl-C, SIGTERM) to stop: requests and the block at work are finished, then everything is closed. A second signal ends it " +
			"at once, which loses nothing that was final.\n\nEvery setting of config/ledgerd.toml can be given as a flag, which wins over the environment, which wins over the file.",
		Example: "  ledgerd start\n" +
			"  ledgerd start --home ./node-a --api.laddr 127.0.0.1:8081 --log.format json\n" +
			"  LEDGERD_LOG_LEVEL=debug ledgerd start",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			return run(c.Context(), cfg, node.NewLogger(c.ErrOrStderr(), cfg.Log))
		},
	}
	addSettings(c)
	return c
}

// run runs a node until ctx is done, a signal comes or consensus stops by itself.
func run(ctx context.Context, cfg node.Config, logger *slog.Logger) error {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	n, err := node.New(ctx, cfg, logger, node.WithProbe(crashProbe()))
	if err != nil {
		return err
	}
	if err := n.Start(ctx); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		logger.Info("stopping; a second signal ends the node at once")
		release() // from now on a signal has its usual effect
	}
	return errors.Join(err, n.Stop())
}
