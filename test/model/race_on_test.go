//go:build race

package model

const (
	raced     = true
	corefiles = 200 // they take about as long as 1,000 without the race detector
)
