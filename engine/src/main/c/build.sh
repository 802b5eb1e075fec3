#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the C kernels for this machine: build.sh CLASSES. Libraries go to CLASSES/META-INF/native/<os>-<arch>/.
# CC names the compiler (default: cc). Without one, or where it lacks an instruction set, the build goes on and says so.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
cc=${CC:-cc}
case $(uname -s) in
    Linux) os=linux suffix=so ;;
    Darwin) os=macos suffix=dylib ;;
    *) echo "C kernels: none for $(uname -s), the Vector API serves"; exit 0 ;;
esac
arch=$(uname -m)
case $arch in
    x86_64|amd64) arch=x86_64 ;;
    aarch64|arm64) arch=aarch64 ;;
    *) echo "C kernels: none for $arch, the Vector API serves"; exit 0 ;;
esac
if ! command -v "$cc" > /dev/null 2>&1; then
    echo "C kernels: no C compiler ($cc), the Vector API serves"
    exit 0
fi
mkdir -p "$1/META-INF/native/$os-$arch" || exit 1
out=$(CDPATH='' cd -- "$1/META-INF/native/$os-$arch" && pwd -P) || exit 1

# Numbers are the same on every machine: no contraction, no fast math. Not -march=native: the program chooses when it runs.
# Not -Werror: what another compiler warns of must not cost its user the kernels.
flags='-O2 -std=gnu11 -fPIC -shared -fvisibility=hidden -ffp-contract=off -fno-math-errno -Wall -Wextra'
built=

# variant NAME SOURCE FLAGS...
variant() {
    name=$1 source=$2 target=$out/libstoa-$1.$suffix
    shift 2
    if [ -z "$(find "$here" -newer "$target" 2> /dev/null)" ] && [ -f "$target" ]; then
        built="$built $name"
        return
    fi
    if (cd "$here" && "$cc" $flags "$@" -o "$target.new" "$source") 2> "$out/$name.log"; then
        mv "$target.new" "$target"
        built="$built $name"
    else
        rm -f "$target" "$target.new"
        echo "C kernels: $cc cannot compile $name: $(head -n 1 "$out/$name.log")"
    fi
    rm -f "$out/$name.log"
}

# Low-rank updates: one source for all, every product and sum fused (see lora.c).
low_rank() {
    name=$1
    shift
    variant "lora-$name" lora.c -ffp-contract=fast -Wno-psabi "$@"
}

variant cpu cpu.c
case $arch in
    x86_64)
        variant attention attention.c -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16
        variant amx amx.c -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mamx-tile -mamx-int8
        variant avx512 avx512.c -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni
        variant bf16-amx bf16-amx.c -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mamx-tile -mamx-bf16
        variant bf16-avx512 bf16-avx512.c -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16
        variant avxvnni avx2.c -mavx2 -mfma -mf16c -mavxvnni
        variant avx2 avx2.c -mavx2 -mfma -mf16c
        low_rank amx -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl
        low_rank avx512 -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl
        low_rank avxvnni -mavx2 -mfma -mf16c
        low_rank avx2 -mavx2 -mfma -mf16c ;;
    aarch64)
        variant i8mm neon.c -march=armv8.2-a+dotprod+i8mm
        variant dotprod neon.c -march=armv8.2-a+dotprod
        low_rank i8mm -march=armv8.2-a
        low_rank dotprod -march=armv8.2-a ;;
esac
# What an earlier state of the sources built under another name must not be found.
for library in "$out"/libstoa-*; do
    name=${library##*/libstoa-}
    case " $built " in *" ${name%.*} "*) ;; *) rm -f "$library" ;; esac
done
echo "C kernels: $os-$arch,$built"
