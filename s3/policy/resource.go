package policy

import "strings"

const arnPrefix = "arn:aws:s3:::"

// parseResource reads an entry of Resource or NotResource, and says whether it can be the bucket and objects in it. An entry that can be neither is refused.
func parseResource(text, bucketName string, variables bool) (p pattern, bucket, object bool, err error) {
	rest, ok := strings.CutPrefix(text, arnPrefix)
	if text == "*" {
		rest, ok = "*", true
	}
	if !ok || rest == "" {
		return p, false, false, malformed("Policy has invalid resource")
	}
	if p, err = newPattern(rest, true, variables); err != nil {
		return p, false, false, err
	}
	bucket, object = p.reaches(bucketName, false), p.reaches(bucketName+"/", true)
	if !bucket && !object {
		return p, false, false, malformed("Policy has invalid resource")
	}
	return p, bucket, object, nil
}

// reaches reports whether a pattern, its variables standing for anything, can match s, or with more set something longer that begins with s. It follows all
// positions in the pattern at once.
func (p *pattern) reaches(s string, more bool) bool {
	const one, run = 256, 257
	var atoms []uint16
	for _, x := range p.parts {
		switch x.kind {
		case anyOne:
			atoms = append(atoms, one)
		case anyRun, variable:
			atoms = append(atoms, run)
		default:
			for i := range len(x.text) {
				atoms = append(atoms, uint16(x.text[i]))
			}
		}
	}
	at, then := make([]bool, len(atoms)+1), make([]bool, len(atoms)+1)
	at[0] = true
	for i := range len(s) + 1 {
		for k, a := range atoms { // an asterisk may take nothing
			at[k+1] = at[k+1] || at[k] && a == run
		}
		if i == len(s) {
			break
		}
		clear(then)
		for k, a := range atoms {
			switch {
			case !at[k]:
			case a == run:
				then[k] = true
			case a == one || a == uint16(s[i]):
				then[k+1] = true
			}
		}
		at, then = then, at
	}
	if !more {
		return at[len(atoms)]
	}
	for k := range atoms {
		if at[k] {
			return true
		}
	}
	return false
}
