package ledger

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/testnet/model"
	"tradecredit/types"
)

// The scripts under testdata show the rules, one file a message: what is sent, the code, and what changes in the state.
// go test ./app/ledger -run TestScripts -rewrite writes the answers anew.
//
//	<message> from=<holder>[/<key id>] [for=<subject>] <field>=<value> …
//	        sends one message in a block of its own; fields go by their names in types.proto, nested ones by dots:
//	        key.id=main, allocations.0.receivable=bank-a/r1. The block comes one second after the one before.
//	        Options of the transaction: ref= chain= valid= signature=bad public=<holder>/<key>.
//	block   each line of the input is such a message in a transaction of its own, all in one block
//	tx from=<holder> [atomic]
//	        each line of the input is a message of one transaction
//	let     each line "name = text" makes $name stand for the text; later fields win over earlier ones
//	advance 90s|12h|30d
//	        an empty block, so much later
//	enterprise <subject> [group=] [delegate=<member> messages=(a, b) limit= consent]
//	        registers by platform, confirms by bank-b: with a key "main", or with that mandate
//	show <key>|<prefix>*
//	entries <subject>
//	network [base=USD] [notice=] <lines "id group ROLE,ROLE … [power]">
//	        begins anew; without it, and without lines, with the members below. A power makes the member a validator with
//	        the consensus key @<id>/validator
//
// Values: days are 2024-01-31, or D, D+30, D-3 around today; times T, T+30d, T-1s around the block's; bytes are hex or
// #word for its SHA-256; @holder/key in public_key is that key's; lists are (a, b). A new key that is not given signs for
// itself, with a secret made from holder and id; it is of SM2 if its id begins with sm2. Keys of members are called after their role: bank-a/council.
const castText = `
auditor    auditor  AUDITOR
bank-a     bank-a   COUNCIL,OPERATOR,BANK
bank-b     bank-b   COUNCIL,BANK
bureau     bureau   BUREAU
carrier    carrier  LOGISTICS
customs    customs  CUSTOMS
factor-a   bank-a   BANK
forex      forex    FOREX
insurer    insurer  INSURER
platform   platform COUNCIL,PLATFORM
tax        tax      TAX
verifier   verifier VERIFIER
`

// scriptStart is 2024-01-15 08:00 UTC.
const scriptStart = 1705305600

func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := &script{t: t, macros: map[string]string{}}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				s.t = t
				return s.run(d)
			})
		})
	}
}

// script is one running script.
type script struct {
	*world
	t       *testing.T
	macros  map[string]string
	predict bool // the naive model says beforehand what comes
	probe   *probe
}

func (s *script) run(d *datadriven.TestData) string {
	s.t.Helper()
	if s.world == nil && d.Cmd != "network" {
		s.begin(castText, "USD", "")
	}
	if s.world != nil {
		s.world.t = s.t
	}
	input := strings.Split(strings.TrimSpace(d.Input), "\n")
	if d.Input == "" {
		input = nil
	}
	args := s.expand(d.CmdArgs)
	switch d.Cmd {
	case "network":
		text := d.Input
		if text == "" {
			text = castText
		}
		s.begin(text, argument(args, "base", "USD"), argument(args, "notice", ""))
		return "ok\n"
	case "let":
		for _, line := range input {
			name, text, ok := strings.Cut(line, "=")
			require.True(s.t, ok, "%s: let name = text", d.Pos)
			s.macros["$"+strings.TrimSpace(name)] = strings.TrimSpace(text)
		}
		return "ok\n"
	case "advance":
		s.unix += seconds(s.t, d.CmdArgs[0].Key) - 1
		return s.deliver(nil)
	case "show":
		return s.show(d.CmdArgs[0].Key)
	case "entries":
		return s.entries(d.CmdArgs[0].Key)
	case "enterprise":
		return s.enterprise(args)
	case "block":
		var txs []sent
		for _, line := range input {
			name, args := s.parse(line)
			txs = append(txs, s.transaction(args, message{name, args}))
		}
		return s.deliver(txs)
	case "tx":
		var messages []message
		for _, line := range input {
			name, args := s.parse(line)
			messages = append(messages, message{name, args})
		}
		return s.deliver([]sent{s.transaction(args, messages...)})
	}
	require.NotNil(s.t, types.NewMsg(d.Cmd), "%s: no command %q", d.Pos, d.Cmd)
	return s.deliver([]sent{s.transaction(args, message{d.Cmd, args})})
}

// begin makes a new network.
// kept fails if the model did not predict all of the network so far.
func (s *script) kept() {
	if s.world != nil {
		require.Empty(s.t, s.world.lost)
	}
}

func (s *script) begin(cast, base, notice string) {
	s.kept()
	s.world = newWorld(s.t, cast, base, notice)
	if s.predict {
		s.world.model, s.world.probe = model.New(s.world.genesis, scriptChain, scriptStart), s.probe
	}
}

func (s *script) parse(line string) (string, []datadriven.CmdArg) {
	name, args, err := datadriven.ParseLine(line)
	require.NoError(s.t, err)
	require.NotNil(s.t, types.NewMsg(name), "no message %q", name)
	return name, s.expand(args)
}

// expand puts the texts of let in the place of their names.
func (s *script) expand(args []datadriven.CmdArg) []datadriven.CmdArg {
	var out []datadriven.CmdArg
	for _, a := range args {
		if !strings.HasPrefix(a.Key, "$") {
			out = append(out, a)
			continue
		}
		text, ok := s.macros[a.Key]
		require.True(s.t, ok, "%s stands for nothing", a.Key)
		_, more, err := datadriven.ParseLine("let " + text)
		require.NoError(s.t, err)
		out = append(out, s.expand(more)...)
	}
	return out
}

// deliver makes a block of transactions and tells what became of them.
func (s *script) deliver(txs []sent) string {
	results, diff := s.block(txs)
	var out strings.Builder
	for _, r := range results {
		if len(r.Codes) < 2 {
			fmt.Fprintf(&out, "%s\n", outcome(r.Code, r.Detail))
			continue
		}
		var names []string
		for _, c := range r.Codes {
			names = append(names, c.String())
		}
		fmt.Fprintf(&out, "%s\n", strings.Join(names, " "))
		if r.Code != types.Code_ok {
			fmt.Fprintf(&out, "%s\n", outcome(r.Code, r.Detail))
		}
	}
	if len(txs) == 0 {
		fmt.Fprintf(&out, "%s %s", types.FormatDay(s.today()), s.begun())
	}
	return out.String() + diff
}

func outcome(c types.Code, detail string) string {
	if c == types.Code_ok {
		return "ok"
	}
	return fmt.Sprintf("%s (%d)%s", c, int32(c), strings.TrimPrefix(detail, c.String()))
}

// enterprise registers and confirms, without a word when it works.
func (s *script) enterprise(args []datadriven.CmdArg) string {
	subject := args[0].Key
	register := []datadriven.CmdArg{
		{Key: "subject", Vals: []string{subject}}, {Key: "district", Vals: []string{subject[:2]}},
		{Key: "size", Vals: []string{"SMALL"}}, {Key: "ownership", Vals: []string{"PRIVATE"}},
		{Key: "control_group", Vals: []string{argument(args, "group", subject)}},
	}
	if delegate := argument(args, "delegate", ""); delegate == "" {
		register = append(register, datadriven.CmdArg{Key: "key.id", Vals: []string{"main"}},
			datadriven.CmdArg{Key: "key.role", Vals: []string{"ENTERPRISE"}})
	} else {
		i := slices.IndexFunc(args, func(a datadriven.CmdArg) bool { return a.Key == "messages" })
		register = append(register, datadriven.CmdArg{Key: "mandate.delegate", Vals: []string{delegate}},
			datadriven.CmdArg{Key: "mandate.paper_digest", Vals: []string{"#paper"}},
			datadriven.CmdArg{Key: "mandate.messages", Vals: args[i].Vals},
			datadriven.CmdArg{Key: "mandate.until_day", Vals: []string{"D+366"}},
			datadriven.CmdArg{Key: "mandate.amount_limit_minor", Vals: []string{argument(args, "limit", "0")}},
			datadriven.CmdArg{Key: "mandate.consent", Vals: []string{fmt.Sprint(has(args, "consent"))}})
	}
	results, _ := s.block([]sent{
		s.transaction(from("platform"), message{"register_enterprise", register}),
		s.transaction(from("bank-b"), message{"confirm_enterprise", register[:1]}),
	})
	for _, r := range results {
		if r.Code != types.Code_ok {
			return outcome(r.Code, r.Detail) + "\n"
		}
	}
	return "ok\n"
}

func from(who string) []datadriven.CmdArg {
	return []datadriven.CmdArg{{Key: "from", Vals: []string{who}}}
}

// show prints one record, or all whose keys begin with a prefix.
func (s *script) show(key string) string {
	view := s.db.View()
	defer func() { require.NoError(s.t, view.Close()) }()
	var out strings.Builder
	prefix, many := strings.CutSuffix(key, "*")
	require.NoError(s.t, view.Scan(prefix, func(k string, value []byte) error {
		if many || k == key {
			out.WriteString(k + "  " + strings.Join(flatten(s.t, k, value), " ") + "\n")
		}
		return nil
	}))
	if out.Len() == 0 {
		return "absent\n"
	}
	return out.String()
}

// entries prints a subject's log.
func (s *script) entries(subject string) string {
	view := s.db.View()
	defer func() { require.NoError(s.t, view.Close()) }()
	head, err := state.Get(view, types.SubjectKey(subject))
	require.NoError(s.t, err)
	if head == nil {
		return "none\n"
	}
	return logRows(s.t, view, subject, 0, head.Entries)
}

func argument(args []datadriven.CmdArg, key, otherwise string) string {
	for _, a := range args {
		if a.Key == key && len(a.Vals) == 1 {
			return a.Vals[0]
		}
	}
	return otherwise
}

func has(args []datadriven.CmdArg, key string) bool {
	return slices.ContainsFunc(args, func(a datadriven.CmdArg) bool { return a.Key == key })
}
