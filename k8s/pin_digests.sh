#!/bin/sh
# Writes the digest behind every third-party image's tag into Dockerfile and compose.yaml: name:tag@sha256:...
# Asks the registries through docker buildx. Run it again to move to what a tag means now.
set -eu
cd "$(dirname "$0")/.."

images=$(sed -nE \
    -e 's/^ARG [A-Z_]+_IMAGE=([^@ ]+).*/\1/p' \
    -e 's/^ +image: ([^@ ]+\/[^@ ]+:[^@ ]+).*/\1/p' \
    Dockerfile compose.yaml | sort -u)
for image in $images; do
    digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
    case $digest in
        sha256:*) ;;
        *) echo "no digest for $image: $digest" >&2; exit 1 ;;
    esac
    sed -i -E "s|$image(@sha256:[0-9a-f]+)?\$|$image@$digest|" Dockerfile compose.yaml
    echo "$image@$digest"
done
