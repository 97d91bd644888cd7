#!/usr/bin/env bash
# Prints the path of scap-open, the least program that runs Falco's own eBPF programs
# (modern_ebpf): what ours are measured against. It is built from Debian's source package of
# Falco's libraries, without anything of their user space that this does not need, and kept in the
# cache. Two of its options count: --modern_bpf, and --ppm_sc with the number of a call.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"

# The newest suite whose sources every mirror has.
suite=trixie
package=falcosecurity-libs
[ "$(uname -m)" = x86_64 ] || die "this is for x86_64 alone"
out="$FALCO_CACHE/falco-ebpf-$(key "$suite" "$0")"
if [ ! -e "$out" ]; then
    new="$out.new"
    log="$out.log"
    rm -rf "$new"
    mkdir -p "$new"
    if ! command -v clang bpftool >/dev/null || [ ! -e /usr/include/libelf.h ] || [ ! -e /usr/include/uthash.h ]; then
        [ "$(id -u)" = 0 ] || die "clang, bpftool, libelf-dev and uthash-dev are needed"
        logged env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
            clang bpftool libelf-dev uthash-dev
    fi
    step "fetching $package of $suite"
    (
        cd "$new"
        debian_sources "$suite" apt-get update
        logged debian_sources "$suite" apt-get source --download-only "$package" libbpf
        mkdir source libbpf
        logged tar -xf "$package"_*.orig.tar.* -C source --strip-components=1
        logged tar -xf libbpf_*.orig.tar.* -C libbpf --strip-components=1
    )
    cd "$new/source"
    version="$(sed -n 's/^Version: *//p' "../$package"_*.dsc | head -n 1)"

    # Theirs knows what is inside of this version's structures.
    step "building libbpf"
    logged make -C ../libbpf/src BUILD_STATIC_ONLY=1 NO_PKG_CONFIG=1 "OBJDIR=$new/bpf" \
        "DESTDIR=$new/root" LIBSUBDIR=lib install

    # What their configuration would write.
    mkdir -p ../objects ../generated/libscap
    printf '#define HAS_ENGINE_MODERN_BPF\n' | tee ../generated/scap_config.h >../generated/libscap/scap_config.h
    touch ../generated/scap_strl_config.h ../generated/libscap/scap_strl_config.h
    # shellcheck disable=SC2016 # these are names for sed
    settings=(-e "s/\${DRIVER_VERSION}/$version/" -e 's/\${DRIVER_[A-Z_]*NAME}/scap/' -e 's/\${GIT_COMMIT}//')
    for name in API SCHEMA; do
        IFS=. read -r major minor patch <"driver/${name}_VERSION"
        settings+=(-e "s/\${PPM_${name}_CURRENT_VERSION_MAJOR}/$major/" \
            -e "s/\${PPM_${name}_CURRENT_VERSION_MINOR}/$minor/" \
            -e "s/\${PPM_${name}_CURRENT_VERSION_PATCH}/$patch/")
    done
    sed "${settings[@]}" driver/driver_config.h.in >driver/driver_config.h

    step "building Falco's eBPF programs of $package $version"
    # That field has another name since Linux 6.15, which this version does not know.
    sed -i -e 's/BPF_CORE_READ_INTO(&kn, kn, parent)/kn = kernfs_parent(kn)/' \
        -e '0,/^static /s//struct kernfs_node___named { struct kernfs_node *__parent; };\nstatic __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn) {\n\tstruct kernfs_node___named *named = (void *)kn;\n\treturn bpf_core_field_exists(named->__parent) ? BPF_CORE_READ(named, __parent) : BPF_CORE_READ(kn, parent);\n}\n&/' \
        driver/modern_bpf/helpers/store/auxmap_store_params.h
    while read -r program; do
        logged clang -g -O2 -target bpf -D__TARGET_ARCH_x86 -D__USE_VMLINUX__ \
            -Idriver/modern_bpf -I. -I../root/usr/include -I/usr/include/x86_64-linux-gnu -c "$program" \
            -o "../objects/$(basename "$program" .c).o"
    done < <(find driver/modern_bpf -name '*.bpf.c')
    logged bpftool gen object ../generated/probe.o ../objects/*.bpf.o
    bpftool gen skeleton ../generated/probe.o name bpf_probe >../generated/bpf_probe.skel.h

    step "building scap-open"
    # Since Linux 5.11 maps need no locked memory, and not everybody may raise that limit.
    printf '#include <sys/resource.h>\n#include <sys/sysmacros.h>\n#define setrlimit(which, limit) 0\n' \
        >../generated/before.h
    logged gcc -O2 -w -include ../generated/before.h -DPLATFORM_NAME='"Linux"' -DSCAP_KERNEL_MODULE_NAME='"scap"' \
        -DSCAP_HOST_ROOT_ENV_VAR_NAME='"HOST_ROOT"' -DSCAP_HOSTNAME_ENV_VAR='"SCAP_HOSTNAME"' \
        -I../generated -I../root/usr/include -I. -Iuserspace -Iuserspace/libscap -Iuserspace/libscap/linux \
        -Iuserspace/libpman/include -Iuserspace/libpman/src \
        userspace/libscap/scap{,_api_version,_savefile,_platform_api,_platform,_fds,_iflist,_proc_util,_procs}.c \
        userspace/libscap/scap_{userlist,event,print_event,engine_util}.c userspace/libscap/strerror.c \
        userspace/libscap/ppm_sc_names.c userspace/libscap/linux/*.c userspace/libscap/ringbuffer/*.c \
        driver/{dynamic_params_table,event_table,flags_table,syscall_table64,syscall_ia32_64_map,fillers_table}.c \
        userspace/libscap/engine/{noop/noop,modern_bpf/scap_modern_bpf}.c userspace/libpman/src/*.c \
        userspace/libscap/examples/01-open/scap_open.c -o ../scap-open ../root/usr/lib/libbpf.a -lelf -lz
    cp driver/ppm_events_public.h ../
    cd ..
    printf '%s\n' "$version" >version
    rm -rf source libbpf bpf root objects generated ./*_*
    mv "$new" "$out"
fi
printf '%s\n' "$out/scap-open"
