"""Follows files that grow: metrics, logs, statuses and events. Contains no widgets."""
