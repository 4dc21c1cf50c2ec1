"""The first 45 minutes on a GPU: probes that write what they find at once, for a machine that is lent."""
