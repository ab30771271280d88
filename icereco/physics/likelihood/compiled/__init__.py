"""The likelihood and its maxima for processors, as machine code: one job after the other, nothing padded.

The same functions as those of `icereco.physics.light` and `icereco.physics.likelihood`, which work on tensors, are the reference
and run on GPUs. Here a module's light is computed once for all of its pulses, with its derivatives (`jets`), and the numbers of a
job stay in the processor's registers and caches. Numba compiles this when it is first used, which takes a minute, and keeps the
result for later programs.
"""
