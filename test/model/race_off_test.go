//go:build !race

package model

const corefiles = 1000
