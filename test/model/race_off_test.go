//go:build !race

package model

const (
	raced     = false
	corefiles = 1000
)
