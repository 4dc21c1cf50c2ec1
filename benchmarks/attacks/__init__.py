"""What each attack costs those who do nothing wrong: bystanders who speak, newcomers, and the probes.

The server is ``translate-svc serve`` with the starter checkpoint and API keys, as one installs it. It tells
more than a scripted engine does: a flood has to share the processor, the detector and the engine with speech.
Server, attacker and bystanders are processes of their own. The attacker has a valid key and another address.
"""
