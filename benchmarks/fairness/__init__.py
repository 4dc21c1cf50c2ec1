"""What a caller with many times the load costs others, for each kind of caller on both sides.

Bystanders of all kinds speak in real time, each with a key of its own. Beside them a neighbour has no call,
translates one recording after the other, or is a heavy one of a kind. These take turns beside the same
streams, in changing order, so that a busy machine affects all of them. Every heavy neighbour is compared with
the one who always has a single recording: many requests of a caller must cost others no more than one does.

What counts is the 95th percentile of the lateness of texts in each turn, and the median of that over all
turns with a neighbour: one bad moment of the machine decides nothing. And nothing that bystanders say may be
lost.
"""
