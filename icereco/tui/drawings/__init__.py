"""What the event screen and figures of events show: the state of an event, drawn on a canvas."""
