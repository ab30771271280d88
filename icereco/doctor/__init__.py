"""The doctor: looks at data, and says in plain language what is wrong, how it shows, and how to fix it."""
