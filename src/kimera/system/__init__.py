"""Who wires it: configuration, event loop, replay and simulation."""
