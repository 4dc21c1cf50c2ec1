"""``serve --guard``: Envoy at the addresses of gRPC and HTTP, their servers behind it at private sockets."""
