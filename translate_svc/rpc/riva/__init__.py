"""NVIDIA Riva's services on our sessions and calls. Messages and stubs are those of nvidia-riva-client."""
