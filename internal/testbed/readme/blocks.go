// Package readme finds the commands that README.md tells its readers to run. Its own tests run them with `make run` and with
// services started by hand, those of internal/testbed/compose with docker compose.
//
// A code block that begins with ```sh is commands; one with ```sh tour belongs to the first migration, whose blocks run one after the
// other in one shell, with those marked run, compose or serve, which are for one way of starting only.
package readme

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opensds/gelato/internal/testbed"
)

// Block is a block of shell commands.
type Block struct {
	Line int    // of README.md, where the commands begin
	Info string // what follows sh on the fence
	Text string
}

// Blocks returns the shell blocks of a Markdown text in order.
func Blocks(markdown string) []Block {
	var all []Block
	var open *Block
	inOther, n := false, 0
	for lines := bufio.NewScanner(strings.NewReader(markdown)); lines.Scan(); {
		n++
		line := lines.Text()
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open != nil:
			all = append(all, *open)
			open = nil
		case fence && inOther:
			inOther = false
		case fence && (info == "sh" || strings.HasPrefix(info, "sh ")):
			open = &Block{Line: n + 1, Info: strings.TrimSpace(strings.TrimPrefix(info, "sh"))}
		case fence:
			inOther = true
		case open != nil:
			open.Text += line + "\n"
		}
	}
	return all
}

// Read returns the shell blocks of the repository's README.md.
func Read() ([]Block, error) {
	root, err := testbed.Root()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return nil, err
	}
	return Blocks(string(text)), nil
}

// Script joins the blocks marked with one of the words into a bash script that says where in README.md it is, and ends at the first failure.
func Script(blocks []Block, info ...string) string {
	script := "set -euo pipefail\n"
	for _, b := range blocks {
		if slices.Contains(info, b.Info) {
			script += fmt.Sprintf("echo '# README.md:%d'\n%s", b.Line, b.Text)
		}
	}
	return script
}

// Checkout copies the repository's files to dir, as git would check them out.
func Checkout(ctx context.Context, dir string) error {
	root, err := testbed.Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", `set -euo pipefail; git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T - | tar -x -C "$0"`, dir)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copy the checkout: %w\n%s", err, out)
	}
	return nil
}
