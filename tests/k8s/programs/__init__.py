"""Small programs that the kubelet's own tests run as containers; the standard library is all they need."""
