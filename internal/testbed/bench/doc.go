// Package bench holds no code, only benchmarks beside other software, each in the same run on the same disk: `make bench`.
// Figures of different machines or days are not comparable; ratios are.
package bench
