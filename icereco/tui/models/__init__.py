"""The screen of trained models."""
