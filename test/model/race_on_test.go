//go:build race

package model

const (
	raced     = true
	corefiles = 50 // they take as long as 1,000 without the race detector
)
