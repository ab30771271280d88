"""The screens of profiles and components."""
