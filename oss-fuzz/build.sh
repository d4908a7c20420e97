#!/bin/bash -eu
# Builds every fuzz target of this module for OSS-Fuzz. It runs in the container of the Dockerfile
# beside it, and changes the files of the repository there.
cd "$SRC/ordering"
module=github.com/coredns-ordering/ordering
testing=github.com/AdamKorcz/go-118-fuzz-build/testing

# The builder takes no tests but the file with the target, and gives that a package testing of its
# own, which has no TB. So the files with what the targets need must be no tests, and use that package.
helpers() {
	local directory=$1 name
	shift
	echo "package $(go list -f '{{.Name}}' "./$directory")

type fuzzTB interface {
	Helper()
	TempDir() string
	Fatal(...any)
	Fatalf(string, ...any)
}" >"$directory/tb_fuzz.go"
	for name in "$@"; do
		mv "$directory/${name}_test.go" "$directory/${name}_fuzz.go"
		sed -i 's/testing\.TB/fuzzTB/g' "$directory/${name}_fuzz.go"
		if grep -q 'testing\.' "$directory/${name}_fuzz.go"; then
			sed -i "s#\"testing\"#\"$testing\"#" "$directory/${name}_fuzz.go"
		else
			sed -i '/"testing"/d' "$directory/${name}_fuzz.go"
		fi
	done
	sed -i 's/testing\.TB/fuzzTB/g' "$directory/fuzz_test.go"
}

go get "$testing"
helpers . contract helpers invariants random
helpers plugin/rrset helpers model random

compile_native_go_fuzzer $module FuzzCorefile corefile
compile_native_go_fuzzer $module FuzzMessage message
compile_native_go_fuzzer $module FuzzOracle oracle
compile_native_go_fuzzer $module/internal/network FuzzParse network
compile_native_go_fuzzer $module/internal/quote FuzzOneLine quote
compile_native_go_fuzzer $module/plugin/ecs FuzzOption ecs_option
compile_native_go_fuzzer $module/plugin/ranking FuzzMask mask
compile_native_go_fuzzer $module/plugin/rrset FuzzCanonical canonical_order
compile_native_go_fuzzer $module/plugin/rrset FuzzCycle weighted_cycle
compile_native_go_fuzzer $module/plugin/rrset FuzzModel order
compile_native_go_fuzzer $module/plugin/topology FuzzParse topology_file
