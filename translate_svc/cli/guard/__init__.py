"""``serve --guard``: Envoy on the public address of gRPC, the gRPC server behind it on a private socket."""
