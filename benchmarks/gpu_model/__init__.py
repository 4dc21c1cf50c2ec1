"""A GPU that can be timed without one: the engine is real, the device's time is modelled."""
