package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// PassphraseVariable is the environment variable that may hold the passphrase of account keys. Other processes of the same user
// can read it; a file descriptor is better.
const PassphraseVariable = "LEDGERCTL_KEY_PASSPHRASE"

// maxPassphraseBytes bounds what is read from a file descriptor.
const maxPassphraseBytes = 4096

// errPassphrasesDiffer: the second time something else was typed.
var errPassphrasesDiffer = errors.New("the two passphrases differ; nothing was written")

// ReadPassphrase gets the passphrase of an account key, from the first of: the file descriptor fd (a number, as in 3<file; its
// first line), the environment, the terminal. It is never an argument, which every user of a machine can see. prompt is shown on
// the terminal; twice asks a second time, for a new key.
func ReadPassphrase(fd, prompt string, twice bool) ([]byte, error) {
	if fd != "" {
		return passphraseFromDescriptor(fd)
	}
	if p := os.Getenv(PassphraseVariable); p != "" {
		return []byte(p), nil
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("there is no terminal to ask for the passphrase: give it by --passphrase-fd N or %s", PassphraseVariable)
	}
	defer tty.Close()
	first, err := askOn(tty, prompt)
	if err != nil || !twice {
		return first, err
	}
	second, err := askOn(tty, "Again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, errPassphrasesDiffer
	}
	return first, nil
}

func askOn(tty *os.File, prompt string) ([]byte, error) {
	if _, err := fmt.Fprint(tty, prompt); err != nil {
		return nil, err
	}
	p, err := term.ReadPassword(int(tty.Fd()))
	if err != nil {
		return nil, fmt.Errorf("read the passphrase: %w", err)
	}
	_, err = fmt.Fprintln(tty)
	return p, err
}

func passphraseFromDescriptor(fd string) ([]byte, error) {
	n, err := strconv.Atoi(fd)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("the file descriptor of the passphrase must be a number such as 3, but is %q", fd)
	}
	file := os.NewFile(uintptr(n), "passphrase")
	if file == nil {
		return nil, fmt.Errorf("file descriptor %d is not open", n)
	}
	defer file.Close()
	p, err := io.ReadAll(io.LimitReader(file, maxPassphraseBytes))
	if err != nil {
		return nil, fmt.Errorf("file descriptor %d: %w", n, err)
	}
	line, _, _ := bytes.Cut(p, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}
