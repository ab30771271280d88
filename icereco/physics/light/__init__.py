"""The light model: expected photo-electrons and their arrival times at every module."""
