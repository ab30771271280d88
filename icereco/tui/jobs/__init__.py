"""The screen of jobs."""
