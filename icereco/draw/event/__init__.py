"""The parts of an event's picture."""
