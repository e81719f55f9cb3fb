package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tradecredit/node"
	"tradecredit/types"
)

// printFounding shows who founds a network.
func printFounding(out io.Writer, f *node.Founding) error {
	g := f.State
	rows := [][2]any{
		{"chain", f.ChainID}, {"begins", f.Time.Format(time.RFC3339)}, {"base currency", g.BaseCurrency},
		{"civil day", fmt.Sprintf("UTC%+d s", g.DayOffsetS)}, {"simulation", g.Simulation},
	}
	if g.Notice != "" {
		rows = append(rows, [2]any{"notice", g.Notice})
	}
	for _, p := range g.Parameters {
		rows = append(rows, [2]any{p.Name, fmt.Sprintf("%d (default %d)", p.Value, types.ParameterNamed(p.Name).Default)})
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(w, "%v\t%v\n", row[0], row[1])
	}
	members := printMembers(w, f)
	validators := printValidators(w, f)
	flushed := w.Flush()
	if !f.Usual {
		fmt.Fprintf(out, "\nThis file is not what 'ledgerd genesis make' would write for the same members and validators: its parameters of consensus or its form are its own.\n")
	}
	_, err := fmt.Fprintf(out, "\nSHA-256 of the genesis file: %s\n", f.Digest)
	return errors.Join(members, validators, flushed, err)
}

func printMembers(w io.Writer, f *node.Founding) error {
	fmt.Fprintf(w, "\nmember\tcontrol group\tjurisdiction\troles\tkeys\tlegal name\n")
	for i, m := range f.State.Members {
		var roles, keys []string
		for _, r := range m.Roles {
			roles = append(roles, r.String())
		}
		for _, k := range m.Keys {
			key := fmt.Sprintf("%s %s", k.ID, k.Role)
			if k.Algorithm == types.Algorithm_SM2_SM3 {
				key += " (SM2)"
			}
			keys = append(keys, key)
		}
		name := fmt.Sprintf("SHA-256 %x…", m.NameDigest[:8])
		if len(f.Names) > 0 {
			name = f.Names[i]
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.ID, m.ControlGroup, m.Jurisdiction, strings.Join(roles, ", "), strings.Join(keys, ", "), name)
	}
	seats := f.Seats()
	_, err := fmt.Fprintf(w, "\ncouncil: %d seats (%s); %d decide\n", len(seats), strings.Join(seats, ", "), f.Quorum())
	return err
}

func printValidators(w io.Writer, f *node.Founding) error {
	shares, total := f.Shares()
	if len(shares) == 0 {
		_, err := fmt.Fprintf(w, "\nvalidators: the genesis does not say who runs them\n")
		return err
	}
	fmt.Fprintf(w, "\nvalidator\tmember\tcontrol group\tpower\n")
	for _, v := range f.State.Validators {
		fmt.Fprintf(w, "%x\t%s\t%s\t%d\n", v.PublicKey, v.Member, f.State.MemberNamed(v.Member).ControlGroup, v.Power)
	}
	share := percent(shares[0].Power, total)
	_, err := fmt.Fprintf(w, "\nlargest control group: %s with %d of %d of the power (%s)\n", shares[0].Group, shares[0].Power, total, share)
	if n := len(f.State.Validators); n < node.FewValidators {
		_, err = fmt.Fprintf(w, "fewer than %d validators (%d): a third or more is in one hand, and one that stops can stop the network\n", node.FewValidators, n)
	}
	return err
}

// percent writes a share with two decimals, cut off.
func percent(part, whole int64) string {
	bp := part * 10_000 / whole
	return fmt.Sprintf("%d.%02d %%", bp/100, bp%100)
}

// printSignatures shows which seats signed.
func printSignatures(out io.Writer, f *node.Founding, signed []string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nseat\tsigned\n")
	for _, seat := range f.Seats() {
		word := "no"
		if slices.Contains(signed, seat) {
			word = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\n", seat, word)
	}
	fmt.Fprintf(w, "\n%d of %d seats signed; %d are needed\n", len(signed), len(f.Seats()), f.Quorum())
	return w.Flush()
}
