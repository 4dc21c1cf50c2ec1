"""Clients that know the proto file, or nothing but the address; none of them imports translate_svc."""
