# The server. No weights inside: they come on a volume. Runs as 10001, with a read-only root filesystem and /tmp.
#
#   docker build --build-arg ACCELERATOR=cpu -t translate-svc:0.1.0-cpu .
#   docker build --build-arg ACCELERATOR=gpu -t translate-svc:0.1.0-gpu .
#   docker build --target starter -t translate-svc-starter:0.1.0 .   # the starter checkpoint alone, for k8s/overlays/cpu-dev
#
# Everything from PyPI must have one of the hashes of constraints-hashes.txt; PyTorch for CPUs comes from an index of
# its own. `/translate-svc-sbom.cdx.json` says what is inside (CycloneDX).
#
# Bases are pinned by tag; `k8s/pin_digests.sh` fills in what the registry says their digests are.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
ARG ACCELERATOR=cpu

FROM ${PYTHON_IMAGE} AS python
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1

# The pins of PyTorch and of what it needs. Other pins change without it being built again: a layer depends on what is
# copied into it, and this file stays the same.
FROM python AS pins
COPY constraints-hashes.txt /src/
RUN needed='filelock|fsspec|jinja2|markupsafe|mpmath|networkx|pip|setuptools|sympy|typing-extensions' \
    && awk "/^[a-z]/ {kept = /^(${needed})==/} kept" /src/constraints-hashes.txt > /src/torch-needs.txt \
    && awk '/^[a-z]/ {kept = /^(torch|triton|cuda-[a-z-]+|nvidia-[a-z0-9-]+)==/} kept' /src/constraints-hashes.txt > /src/torch.txt

# PyTorch is nine tenths of the image. Each accelerator has its own stage, so that the other's is never fetched.
FROM python AS torch
COPY --from=pins /src/torch-needs.txt /src/torch.txt /src/
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --no-deps --require-hashes -r /src/torch-needs.txt

FROM torch AS torch-cpu
RUN sed -n 's/^\(torch==[^ ]*\).*/\1+cpu/p' /src/torch.txt > /tmp/torch-cpu.txt \
    && pip install --no-cache-dir --no-deps --index-url https://download.pytorch.org/whl/cpu -r /tmp/torch-cpu.txt

# PyPI's own build brings the CUDA libraries with it; the driver comes from the node.
FROM torch AS torch-gpu
RUN pip install --no-cache-dir --no-deps --require-hashes -r /src/torch.txt

# A stage of this file, not an image without a tag.
# hadolint ignore=DL3006
FROM torch-${ACCELERATOR} AS build
WORKDIR /src
# guard: where others can reach a container, Envoy stands in front of its server (the manifests of k8s/ have one for all pods, and switch it off).
# Calls over WebRTC need webrtc too, clients of NVIDIA Riva riva; jobs/batch-ray takes server,ray; without traces and Envoy: server.
ARG EXTRAS=server,otel,guard
COPY constraints.txt constraints-hashes.txt pyproject.toml README.md LICENSE ./
COPY release/hashes.py release/
COPY translate_svc translate_svc
# pip says which packages are wanted; what is installed must have its hash
RUN pip install --dry-run --quiet --no-cache-dir --no-build-isolation --constraint constraints.txt --report /tmp/report.json ".[${EXTRAS}]" \
    && python release/hashes.py pick --report /tmp/report.json > /tmp/hashed.txt \
    && pip install --no-cache-dir --no-deps --require-hashes -r /tmp/hashed.txt \
    && pip install --no-cache-dir --no-deps --no-build-isolation --no-index . \
    && pip check

# What makes the list of contents is not among them.
FROM build AS sbom
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --dry-run --quiet --no-cache-dir --constraint constraints.txt --report /tmp/report.json cyclonedx-bom \
    && python release/hashes.py pick --report /tmp/report.json > /tmp/hashed.txt \
    && /opt/tools/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/hashed.txt \
    && /opt/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
        --output-format JSON --output-file /translate-svc-sbom.cdx.json /opt/venv/bin/python

FROM python AS starter
COPY model_cache/starter /starter
USER 10001:10001

FROM python AS server
LABEL org.opencontainers.image.title="translate-svc" \
      org.opencontainers.image.licenses="Apache-2.0"
# Which GPUs it sees is not the image's to say: NVIDIA_VISIBLE_DEVICES=all would hand it every GPU of a node.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    TRANSLATE_SVC_MODEL_CACHE=/models
COPY --from=build /opt/venv /opt/venv
COPY --from=sbom /translate-svc-sbom.cdx.json /
USER 10001:10001
WORKDIR /tmp
# gRPC; metrics and health
EXPOSE 50051 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["translate-svc"]
CMD ["serve"]
