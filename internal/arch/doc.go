// Package arch holds no code, only the tests of the module's shape: which package may import which, and that every
// package says what it is. Nothing imports it.
package arch
