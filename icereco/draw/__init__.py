"""Pictures of events and screens: characters, PNG and SVG. No widgets."""
