#!/bin/bash
# SPDX-License-Identifier: MIT
# build.sh - makes what run.py boots, in $BUILD (build/oracle): the kernels of
# Debian's own packages, the guest program in an initramfs for each, and the
# data disk.  What is there already and not older than its sources stays.
set -eu
cd "$(dirname "$0")"
top=$(cd ../.. && pwd)
B=${ORACLE_BUILD:-$top/build/oracle}
KERNELS="6.1:linux-image-amd64 6.12:linux-image-6.12-amd64"
INITRAMFS_KIB=7124 # a number of the machine: see mkcpio.py
# zsmalloc, lz4, zstd: so that zswap.zpool= and zswap.compressor= may name them
MODULES="virtio_pci virtio_blk nfit nd_pmem dm_delay crc32c_generic ext4 zsmalloc lz4 zstd"
UUID=11111111-2222-3333-4444-555555555555

say() { echo "oracle: $*"; }

need() {
	local tool missing=
	for tool in gcc dpkg-deb apt-get xz zstd busybox mkfs.ext4 strip python3 \
		qemu-system-x86_64; do
		command -v $tool > /dev/null || [ -x /usr/sbin/$tool ] || missing="$missing $tool"
	done
	[ -z "$missing" ] && return
	say "missing:$missing; install the packages of oracle/packages.txt:"
	say "  apt-get install \$(sed 's/[ #].*//' oracle/packages.txt)"
	exit 1
}

# The image package that the metapackage names today, unpacked.
fetch() { # KERNEL METAPACKAGE
	local kernel=$1 package
	[ -d "$B/packages/$kernel/boot" ] && return
	package=$(apt-cache depends "$2" | awk '/Depends: linux-image/ {print $2; exit}')
	if [ -z "$package" ]; then
		say "apt knows no $2: run apt-get update, or add Debian 12 to its sources"
		exit 1
	fi
	say "fetching $package"
	mkdir -p "$B/packages/deb"
	(cd "$B/packages/deb" && apt-get -q -o APT::Sandbox::User=root download "$package" > fetch.log 2>&1) || {
		cat "$B/packages/deb/fetch.log"
		exit 1
	}
	rm -rf "$B/packages/$kernel.new"
	dpkg-deb -x "$B"/packages/deb/"$package"_*.deb "$B/packages/$kernel.new"
	mv "$B/packages/$kernel.new" "$B/packages/$kernel"
	rm -f "$B"/packages/deb/"$package"_*.deb
}

guest_program() {
	[ -f "$B/guest" ] && [ -z "$(find . ../snapshot_files.h -name '*.[ch]' -newer "$B/guest")" ] && return
	gcc -std=gnu11 -O2 -Wall -Wextra -static -o "$B/guest" crew.c main.c output.c script.c \
		snapshot.c system.c worker.c
	strip "$B/guest"
}

# A module and those it needs, in the order of loading.
declare -A have
add_module() { # NAME KERNEL-TREE ROOT
	local name=${1//-/_} file dep
	[ -n "${have[$name]:-}" ] && return
	have[$name]=1
	file=$(find "$2" \( -name "$1.ko*" -o -name "${1//_/-}.ko*" -o -name "$name.ko*" \) | head -1)
	[ -z "$file" ] && return # built in
	case $file in
	*.xz) xz -dc "$file" > "$3/modules/$name.ko" ;;
	*) cp "$file" "$3/modules/$name.ko" ;;
	esac
	# drops the signature too: to check it takes half a second of the guest
	strip --strip-debug "$3/modules/$name.ko"
	for dep in $(tr '\0' '\n' < "$3/modules/$name.ko" | sed -n 's/^depends=//p' | tr ',' ' '); do
		add_module "$dep" "$2" "$3"
	done
	echo "$name" >> "$3/modules/list"
}

initramfs() { # KERNEL
	local kernel=$1 root=$B/root-$1 release m
	[ "$B/initramfs-$kernel.cpio" -nt "$B/guest" ] && [ "$B/initramfs-$kernel.cpio" -nt build.sh ] &&
		[ "$B/initramfs-$kernel.cpio" -nt init.sh ] && return
	release=$(ls "$B/packages/$kernel/boot" | sed -n 's/^vmlinuz-//p')
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,proc,sys,modules,data,cg}
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp "$B/guest" "$root/driver"
	cp init.sh "$root/init"
	chmod +x "$root/init"
	have=()
	: > "$root/modules/list"
	for m in $MODULES; do
		add_module "$m" "$B/packages/$kernel/lib/modules/$release/kernel" "$root"
	done
	cp "$B/packages/$kernel/boot/vmlinuz-$release" "$B/vmlinuz-$kernel"
	python3 unpack-vmlinux.py "$B/vmlinuz-$kernel" "$B/vmlinux-$kernel"
	python3 mkcpio.py "$root" "$B/initramfs-$kernel.cpio" $INITRAMFS_KIB
	rm -rf "$root"
	say "$kernel is $release"
}

# ext4 with two files of defined, incompressible content; nothing lazy.
data_disk() {
	[ -f "$B/data.img" ] && return
	say "making the data disk"
	gcc -O2 -o "$B/pattern" pattern.c
	rm -rf "$B/data"
	mkdir "$B/data"
	"$B/pattern" 1024 > "$B/data/big"
	"$B/pattern" 64 > "$B/data/small"
	touch -d @1700000000 "$B/data/big" "$B/data/small" "$B/data"
	truncate -s 3G "$B/data.img.new"
	E2FSPROGS_FAKE_TIME=1700000000 PATH=$PATH:/usr/sbin mkfs.ext4 -q -F \
		-E lazy_itable_init=0,lazy_journal_init=0,nodiscard,hash_seed=$UUID \
		-U $UUID -J size=32 -m 0 -d "$B/data" "$B/data.img.new"
	rm -rf "$B/data"
	mv "$B/data.img.new" "$B/data.img"
}

need
mkdir -p "$B"
guest_program
for k in $KERNELS; do
	fetch "${k%%:*}" "${k##*:}"
	initramfs "${k%%:*}"
done
data_disk
