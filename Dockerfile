# The server. No weights inside: they come on a volume. Runs as 10001, with a read-only root filesystem and /tmp.
#
#   docker build --build-arg ACCELERATOR=cpu -t translate-svc:0.1.0-cpu .
#   docker build --build-arg ACCELERATOR=gpu -t translate-svc:0.1.0-gpu .
#   docker build --target starter -t translate-svc-starter:0.1.0 .   # the starter checkpoint alone, for k8s/overlays/cpu-dev
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
COPY constraints.txt /src/
RUN names='Jinja2|MarkupSafe|filelock|fsspec|mpmath|networkx|pip|setuptools|sympy|torch|typing_extensions' \
    && awk "/^[A-Za-z]/ {kept = /^(${names})==/} kept" /src/constraints.txt > /src/torch.txt

# PyTorch is nine tenths of the image. Each accelerator has its own stage, so that the other's is never fetched.
FROM python AS torch
COPY --from=pins /src/torch.txt /src/
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --constraint /src/torch.txt pip setuptools

FROM torch AS torch-cpu
RUN version="$(grep '^torch==' /src/torch.txt)" \
    && pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu --extra-index-url https://pypi.org/simple \
        --constraint /src/torch.txt "${version}+cpu"

# PyPI's own build brings the CUDA libraries with it; the driver comes from the node.
FROM torch AS torch-gpu
RUN version="$(grep '^torch==' /src/torch.txt)" \
    && pip install --no-cache-dir --constraint /src/torch.txt "${version}"

# A stage of this file, not an image without a tag.
# hadolint ignore=DL3006
FROM torch-${ACCELERATOR} AS build
WORKDIR /src
# Calls over WebRTC take server,otel,webrtc; jobs/batch-ray takes server,ray; without traces: server.
ARG EXTRAS=server,otel
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY translate_svc translate_svc
RUN pip install --no-cache-dir --no-build-isolation --constraint constraints.txt ".[${EXTRAS}]"

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
USER 10001:10001
WORKDIR /tmp
# gRPC; metrics and health
EXPOSE 50051 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["translate-svc"]
CMD ["serve"]
