"""Reconstruction of events as they come: from a folder that files arrive in, or over HTTP."""
