"""Third-party clients, with the proto file or with reflection only. None of them imports translate_svc."""
