//go:build !race

package validators

const raced = false
