"""Files of the command ``translate``: what it reads, and the dubs, subtitles and texts that it writes."""
