#!/usr/bin/env bash
# Writes a container image as an archive that every runtime can load.
#
#   image.sh ROOT NAME ENTRYPOINT ARCHIVE
#
# One layer, no tool but tar: the format is a manifest, a configuration and the layer, each
# named in the one above it.
set -euo pipefail
root="$1" name="$2" entry="$3" archive="$4"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
tar --create --file "$work/layer.tar" --directory "$root" --numeric-owner --sort=name \
    --mtime=@0 .
layer="$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)"
cat >"$work/config.json" <<JSON
{"architecture":"amd64","os":"linux",
 "config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":$entry},
 "rootfs":{"type":"layers","diff_ids":["sha256:$layer"]}}
JSON
cat >"$work/manifest.json" <<JSON
[{"Config":"config.json","RepoTags":["$name"],"Layers":["layer.tar"]}]
JSON
tar --create --file "$archive" --directory "$work" manifest.json config.json layer.tar
