package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128 // plus the number of the second signal
)

// serveName is how the command line calls serveCommand.
const serveName = "serve"

// commands is what the program understands.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Start a server, by default with a chat to try it."`
	Version versionCommand `cmd:"" help:"Print the version and what it was built with."`
}

const description = `Sockeye is a realtime server for Socket.IO clients.

Try it: run "sockeye serve" and open the page that it names.`

// describe adds to the help of a flag what it is without being given, and the
// variable that stands for it.
func describe(v *kong.Value) string {
	var notes []string
	if v.HasDefault && !v.IsBool() {
		notes = append(notes, "default "+v.Default)
	}
	for _, name := range v.Tag.Envs {
		notes = append(notes, "$"+name)
	}
	if len(notes) == 0 {
		return v.Help
	}
	return v.Help + " (" + strings.Join(notes, ", ") + ")"
}

// run does what args say and returns the exit code. Signals end a server.
func run(args []string, stdout, stderr io.Writer, signals <-chan os.Signal) int {
	exit := -1
	app, err := kong.New(new(commands),
		kong.Name("sockeye"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ExplicitGroups(groups()),
		kong.ValueFormatter(describe),
		kong.Bind(&environment{stdout: stdout, stderr: stderr, signals: signals}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "sockeye:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parse(app, args)
	if exit >= 0 {
		return exit // the help was asked for and printed
	}
	if err == nil {
		err = command.Run()
	}
	return report(stderr, err)
}

// parse reads args. Every flag is a string for package kong, so all that it can
// object to is what is not known; this goes on after each such fault, so that one
// run shows all.
func parse(app *kong.Kong, args []string) (*kong.Context, error) {
	var faults []error
	for {
		command, err := app.Parse(args)
		if err == nil {
			if len(faults) == 0 {
				return command, nil
			}
			err = validate(command)
			return nil, badUsage(args, append(faults, err)...)
		}
		rest, unknown := withoutUnknown(args, err)
		if unknown || len(faults) == 0 {
			faults = append(faults, err)
		}
		if !unknown {
			return nil, badUsage(args, faults...)
		}
		args = rest
	}
}

// withoutUnknown returns args without the flag that err calls unknown, if it does.
func withoutUnknown(args []string, err error) (rest []string, unknown bool) {
	text, ok := strings.CutPrefix(err.Error(), "unknown flag ")
	if !ok {
		return nil, false
	}
	flag, _, _ := strings.Cut(text, ",")
	for i, arg := range args {
		if arg == flag || strings.HasPrefix(arg, flag+"=") {
			return append(append([]string(nil), args[:i]...), args[i+1:]...), true
		}
	}
	return nil, false
}

// validate returns what is wrong with the values of a command that is not run.
func validate(command *kong.Context) error {
	if command.Command() != serveName {
		return nil
	}
	serve, ok := command.Selected().Target.Addr().Interface().(*serveCommand)
	if !ok {
		return nil
	}
	_, err := serve.settings()
	return err
}

// usageError is one or more faults of the command line, or of variables that stand
// for a part of it.
type usageError struct {
	err     error
	command string // whose help says more; empty for that of the program
}

// badUsage makes a usageError of all faults of args.
func badUsage(args []string, faults ...error) *usageError {
	e := &usageError{err: errors.Join(faults...)}
	if len(args) > 0 && args[0] == serveName {
		e.command = serveName + " "
	}
	return e
}

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// report prints what went wrong, one fault a line, and returns the exit code.
func report(stderr io.Writer, err error) int {
	var signaled *signaledError
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &signaled):
		return exitSignal + signaled.number
	case errors.As(err, &usage):
		for line := range strings.Lines(usage.Error()) {
			fmt.Fprintln(stderr, "sockeye:", strings.TrimSuffix(line, "\n"))
		}
		fmt.Fprintf(stderr, "Run \"sockeye %s--help\" for what is possible.\n", usage.command)
		return exitUsage
	default:
		fmt.Fprintln(stderr, "sockeye:", err)
		return exitFailed
	}
}

// environment is what a command has of the world outside.
type environment struct {
	stdout, stderr io.Writer
	signals        <-chan os.Signal
}

type versionCommand struct{}

// Run prints the version. A build from a work tree has no version but a revision.
func (versionCommand) Run(env *environment) error {
	version, revision := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	_, err := fmt.Fprintf(env.stdout, "sockeye %s%s (%s, %s/%s)\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
