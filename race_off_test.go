//go:build !race

package ordering

const raced = false
