//go:build race

package model

const corefiles = 50 // which take as long as 1,000 without the race detector
