package client

// FlagOf is the flag of a field of a backend type.
func FlagOf(name string, secret bool) string { return kindField{Name: name, Secret: secret}.flag() }
