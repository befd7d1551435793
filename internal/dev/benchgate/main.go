// Command benchgate runs the benchmark set of two builds of the command zeropool
// in turns, compares their ratios to the baselines of the same rounds, and fails
// when the second one is slower beyond noise. ci/benchgate builds the two and
// runs it.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const name = "benchgate"

// defaultFilter leaves out what is measured at rest, which has no ratios.
const defaultFilter = "^(single|submitters|group|batch|foreach|for|heavy|skewed)-|^(hot|idle-200us|go-on)$"

type options struct {
	base, new string
	filter    string
	rounds    int
	rule      bench.Rule
}

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.base, "base", "", "the command zeropool as it was")
	flags.StringVar(&o.new, "new", "", "the command zeropool as it is now")
	flags.StringVar(&o.filter, "filter", defaultFilter, "only the workloads whose name matches `RE`")
	flags.IntVar(&o.rounds, "rounds", 10, "runs of each, 3 to 1000")
	flags.Float64Var(&o.rule.Alpha, "alpha", 0.05, "chance of a false alarm in a table, above 0, below 1")
	flags.Float64Var(&o.rule.Least, "least", 0.08, "the slowdown that matters: 0.08 is 8 %")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return cli.OK
	case err != nil:
		return cli.Usage
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.base == "" || o.new == "":
		err = errors.New("--base and --new are needed")
	case o.rounds < 3 || o.rounds > 1000:
		err = fmt.Errorf("--rounds %d: want 3 to 1000", o.rounds)
	case !(o.rule.Alpha > 0 && o.rule.Alpha < 1):
		err = fmt.Errorf("--alpha %v: want more than 0 and less than 1", o.rule.Alpha)
	case !(o.rule.Least >= 0):
		err = fmt.Errorf("--least %v: want 0 or more", o.rule.Least)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return cli.Usage
	}
	return cli.Finish(name, o.gate(stdout, stderr), stderr)
}

// gate measures, writes the table, and returns an error for a slowdown.
func (o *options) gate(stdout, stderr io.Writer) error {
	base, now, err := o.measure(stderr)
	if err != nil {
		return err
	}
	return o.write(stdout, bench.Runs(base, now))
}

// enough returns an error if so many runs could not tell any difference in a
// table of that many rows.
func (o *options) enough(rows int) error {
	switch {
	case rows == 0:
		return errors.New("the two have no workload in common that matches the filter")
	case !o.rule.CanTell(o.rounds, rows):
		return fmt.Errorf("--rounds %d are too few to tell anything about %d ratios", o.rounds, rows)
	}
	return nil
}

// measure runs the two in turns, ABBA, so that what the machine does meanwhile
// falls on both.
func (o *options) measure(stderr io.Writer) (base, now []*bench.Report, err error) {
	progress := cli.NewProgress(stderr)
	defer progress.Clear()
	for round := range o.rounds {
		for turn := range 2 {
			progress.Show(fmt.Sprintf("round %d of %d", round+1, o.rounds), 2*round+turn, 2*o.rounds)
			command, to := o.base, &base
			if (round+turn)%2 == 1 {
				command, to = o.new, &now
			}
			report, err := measureOnce(command, o.filter)
			if err != nil {
				return nil, nil, err
			}
			*to = append(*to, report)
		}
		if round == 0 {
			if err := o.enough(len(bench.Runs(base, now))); err != nil {
				return nil, nil, err
			}
		}
	}
	return base, now, nil
}

func measureOnce(command, filter string) (*bench.Report, error) {
	var out, problems bytes.Buffer
	c := exec.Command(command, "bench", "--quick", "--format", "json", "--filter", filter)
	c.Stdout, c.Stderr = &out, &problems
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(problems.String()))
	}
	report, err := bench.ReadReport(&out)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return report, nil
}

func (o *options) write(w io.Writer, table []bench.Change) error {
	slower, err := o.rule.Write(w, table)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d runs of each in turns\n", o.rounds)
	if len(slower) > 0 {
		var names []string
		for i := range slower {
			names = append(names, slower[i].Name())
		}
		return fmt.Errorf("slower: %s", strings.Join(names, ", "))
	}
	return nil
}
