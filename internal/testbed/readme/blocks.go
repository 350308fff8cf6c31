// Package readme runs the commands that README.md tells its readers to run, in a checkout of their own. Only its own tests use it.
//
// A code block that begins with ```sh is commands; one with ```sh tour belongs to the first migration, whose blocks run one after the
// other in one shell.
package readme

import (
	"bufio"
	"strings"
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
